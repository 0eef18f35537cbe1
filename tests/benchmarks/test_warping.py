from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def from_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT)


def test_the_loops_compute_the_same_scores() -> None:
    from benchmarks.warping import Stored, by_loops, trials_of, utts_of
    from svtok.scoring.warping import score_by_warping

    prepared = trials_of(3)
    frames = Stored(utts_of(prepared), 10)
    np.testing.assert_allclose(by_loops(prepared, frames), score_by_warping(prepared, frames), atol=1e-5)


def test_the_benchmark_runs_and_writes_its_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks import warping

    monkeypatch.setattr(warping, "PEER_TRIALS", 1)
    monkeypatch.setattr(warping, "FRAMES_A_SECOND", 10)
    options = ["--rounds", "1", "--trials", "18", "--json", str(tmp_path / "w.json")]
    result = CliRunner().invoke(warping.warping, options)
    assert result.exit_code == 0, result.exception
    assert [row["what"] for row in json.loads((tmp_path / "w.json").read_text())["comparisons"]] == [
        "3 takes, 1 s each",
        "3 takes, 3 s each",
    ]
    assert "72 trials of 3 takes of 1 s: at most" in result.output
