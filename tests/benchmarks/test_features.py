import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def test_the_benchmark_of_the_features_runs_and_writes_its_numbers(tmp_path: Path) -> None:
    small = ["--seconds", "0.2", "--utterances", "1", "--rounds", "1"]
    command = [sys.executable, "-m", "benchmarks", "features", *small, "--json", str(tmp_path / "f.json")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "f.json").read_text())["comparisons"]
    assert [row["what"] for row in rows] == [
        "fbank, 80 bands",
        "MFCC, 20 of 30 bands",
        "MFCC, 20 of 30 bands, deltas",
    ]
    assert all(row["ratio"] > 0 and row["peer_seconds"] > 0 for row in rows)
