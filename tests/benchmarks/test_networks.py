"""The benchmarks of networks run; where SpeechBrain is not installed, its lines are left out."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("name", "first"), [("training", "step, 2 layers, fp32"), ("extraction", "features to embeddings, 2 layers, fp32")]
)
def test_the_benchmarks_of_networks_run_and_write_their_numbers(name: str, first: str, tmp_path: Path) -> None:
    small = ["--quick", "--rounds", "1"]
    command = [sys.executable, "-m", "benchmarks", name, *small, "--json", str(tmp_path / "n.json")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "n.json").read_text())["comparisons"]
    assert rows[0]["what"] == first
    assert all(row["ratio"] > 0 and row["peer_seconds"] > 0 for row in rows)
