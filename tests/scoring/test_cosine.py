from __future__ import annotations

import numpy as np
import pytest

from svtok.scoring import cosine
from svtok.scoring.cosine import cosine_scores


def one_by_one(models: np.ndarray, tests: np.ndarray, model_index: np.ndarray, test_index: np.ndarray) -> list[float]:
    return [
        float(models[m] @ tests[t] / (np.linalg.norm(models[m]) * np.linalg.norm(tests[t])))
        for m, t in zip(model_index, test_index, strict=True)
    ]


@pytest.fixture
def vectors() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    return generator.normal(size=(30, 8)).astype(np.float32), generator.normal(size=(50, 8)).astype(np.float32)


@pytest.mark.parametrize("trials", [0, 1, 20, 49, 50, 51, 3000])
@pytest.mark.parametrize("in_order", [True, False])
def test_few_and_many_trials_agree_with_one_by_one(
    vectors: tuple[np.ndarray, np.ndarray], trials: int, in_order: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cosine, "GATHER_ROWS", 7)
    monkeypatch.setattr(cosine, "DENSE_CELLS", 4 * 50)  # blocks of four models: the last one is not full
    generator = np.random.default_rng(trials)
    model_index, test_index = generator.integers(0, 30, trials), generator.integers(0, 50, trials)
    model_index = np.sort(model_index) if in_order else model_index
    scores = cosine_scores(*vectors, model_index, test_index)
    assert scores.shape == (trials,)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, one_by_one(*vectors, model_index, test_index), atol=1e-6)


def test_every_trial_of_every_model_in_either_order(vectors: tuple[np.ndarray, np.ndarray]) -> None:
    model_index, test_index = (side.ravel() for side in np.indices((30, 50)))
    forth = cosine_scores(*vectors, model_index, test_index)
    back = cosine_scores(*vectors, model_index[::-1], test_index[::-1])
    np.testing.assert_array_equal(forth, back[::-1])


def test_indices_of_different_lengths_are_refused(vectors: tuple[np.ndarray, np.ndarray]) -> None:
    with pytest.raises(ValueError, match="2 models for 1 tests"):
        cosine_scores(*vectors, np.array([0, 1]), np.array([0]))
