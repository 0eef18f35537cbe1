import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def test_the_benchmark_of_a_verification_runs_and_writes_its_numbers(tmp_path: Path) -> None:
    small = ["--seconds", "1", "--rounds", "1", "--takes", "2", "--json", str(tmp_path / "v.json")]
    command = [sys.executable, "-m", "benchmarks", "verify", *small]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    [row] = json.loads((tmp_path / "v.json").read_text())["comparisons"]
    assert row["what"] == "verify 1 s, 2 takes"
    assert row["ratio"] > 0
