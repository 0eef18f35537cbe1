from __future__ import annotations

import numpy as np
import pytest

from svtok.scoring import scorer as products
from svtok.scoring.scorer import inner_products


@pytest.fixture
def rows() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    return generator.normal(size=(30, 8)).astype(np.float32), generator.normal(size=(50, 8)).astype(np.float32)


@pytest.mark.parametrize("trials", [0, 1, 20, 49, 50, 51, 3000])
@pytest.mark.parametrize("in_order", [True, False])
def test_few_and_many_trials_agree_with_one_by_one(
    rows: tuple[np.ndarray, np.ndarray], trials: int, in_order: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(products, "GATHER_ROWS", 7)
    monkeypatch.setattr(products, "DENSE_CELLS", 4 * 50)  # blocks of four models: the last one is not full
    generator = np.random.default_rng(trials)
    model_index, test_index = generator.integers(0, 30, trials), generator.integers(0, 50, trials)
    model_index = np.sort(model_index) if in_order else model_index
    scores = inner_products(*rows, model_index, test_index)
    assert scores.shape == (trials,)
    assert scores.dtype == np.float32
    models, tests = rows
    expected = [float(models[m] @ tests[t]) for m, t in zip(model_index, test_index, strict=True)]
    np.testing.assert_allclose(scores, expected, atol=1e-5)


def test_every_trial_of_every_model_in_either_order(rows: tuple[np.ndarray, np.ndarray]) -> None:
    model_index, test_index = (side.ravel() for side in np.indices((30, 50)))
    forth = inner_products(*rows, model_index, test_index)
    back = inner_products(*rows, model_index[::-1], test_index[::-1])
    np.testing.assert_array_equal(forth, back[::-1])


def test_indices_of_different_lengths_are_refused(rows: tuple[np.ndarray, np.ndarray]) -> None:
    with pytest.raises(ValueError, match="2 models for 1 tests"):
        inner_products(*rows, np.array([0, 1]), np.array([0]))
