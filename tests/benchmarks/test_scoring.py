import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
NAMES = ["read-trials", "cosine-trials", "write-scores", "eer-mindcf", "as-norm-5k", "as-norm-20k"]


@pytest.fixture
def from_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT)


def test_the_benchmark_of_scoring_runs_and_writes_its_numbers(tmp_path: Path) -> None:
    pytest.importorskip("sklearn", reason="of the extra 'bench'")
    command = [
        sys.executable,
        "-m",
        "benchmarks",
        "scoring",
        "--quick",
        "--rounds",
        "1",
        "--json",
        str(tmp_path / "s.json"),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "s.json").read_text())
    assert [row["name"] for row in rows] == NAMES
    assert all(set(row) == {"name", "ours", "peer", "ratio", "unit"} for row in rows)
    assert all(row["ratio"] > 0 for row in rows)


@pytest.mark.usefixtures("from_checkout")
def test_the_peers_compute_the_same_numbers() -> None:
    from benchmarks import scoring_peers as peers
    from svtok.embeddings.enroll import normalise_length
    from svtok.metrics import dcf08, eer
    from svtok.scoring.normalise import cohort_statistics

    generator = np.random.default_rng(0)
    is_target = generator.random(5000) < 0.1
    scores = generator.normal(size=5000) + 2 * is_target
    found = peers.eer_and_min_dcf(scores, is_target)
    assert found == pytest.approx(
        (eer(scores[is_target], scores[~is_target]), dcf08(scores[is_target], scores[~is_target]))
    )
    vectors, cohort = generator.normal(size=(5, 8)), generator.normal(size=(40, 8))
    ours = cohort_statistics(*(normalise_length(some.astype(np.float32)) for some in (vectors, cohort)), top=10)
    np.testing.assert_allclose(ours, peers.as_norm_statistics(vectors, cohort, 10), atol=1e-5)
