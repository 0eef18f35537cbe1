"""Dynamic time warping against a plain recursion, and by hand."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from svtok.errors import SvtokError
from svtok.manifest.sets import PreparedSet
from svtok.scoring import warping
from svtok.scoring.warping import score_by_warping, warping_costs


def unit(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    return frames / np.linalg.norm(frames, axis=-1, keepdims=True)


def by_recursion(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """The cost by the definition: one cell after the other."""
    costs = 1 - first.astype(np.float64) @ second.T.astype(np.float64)

    @cache
    def to(i: int, j: int) -> float:
        if i < 0 or j < 0:
            return float("inf")
        if i == j == 0:
            return 2 * float(costs[0, 0])
        return float(min(to(i - 1, j) + costs[i, j], to(i, j - 1) + costs[i, j], to(i - 1, j - 1) + 2 * costs[i, j]))

    return to(len(first) - 1, len(second) - 1) / (len(first) + len(second))


def padded(arrays: list[NDArray[np.float32]], fill: float = 9.0) -> NDArray[np.float32]:
    out = np.full((len(arrays), max(map(len, arrays)), arrays[0].shape[1]), fill, np.float32)
    for row, array in enumerate(arrays):
        out[row, : len(array)] = array
    return out


def test_by_hand_a_frame_that_lasts_longer_costs_nothing_and_another_frame_its_cosine() -> None:
    a, b = [1.0, 0.0], [0.0, 1.0]
    first = padded([np.array([a, b], np.float32), np.array([a, b], np.float32)])
    second = padded([np.array([a, a, a, b], np.float32), np.array([a], np.float32)])
    costs = warping_costs(first, second, np.array([2, 2]), np.array([4, 1]))
    np.testing.assert_allclose(costs, [0.0, 1 / 3], atol=1e-6)  # the other: b onto a counts once of 3


@given(st.data())
@pytest.mark.slow
def test_each_pair_of_a_batch_costs_what_the_recursion_says_whatever_the_padding_holds(data: st.DataObject) -> None:
    lengths = data.draw(st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6)), min_size=1, max_size=4))
    random = np.random.default_rng(data.draw(st.integers(0, 1000)))
    first = [unit(random.standard_normal((n, 3)).astype(np.float32)) for n, _ in lengths]
    second = [unit(random.standard_normal((m, 3)).astype(np.float32)) for _, m in lengths]
    one, other = (np.array(side) for side in zip(*lengths, strict=True))
    costs = warping_costs(padded(first), padded(second), one, other)
    np.testing.assert_allclose(costs, [by_recursion(*pair) for pair in zip(first, second, strict=True)], atol=1e-5)


class Stored:
    """Frames in memory."""

    def __init__(self, arrays: dict[str, NDArray[np.float32]]) -> None:
        self.arrays, self.utts = arrays, list(arrays)

    def frames(self, name: str) -> int:
        return len(self.arrays[name])

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        return self.arrays[name]


@pytest.fixture
def stored() -> Stored:
    random = np.random.default_rng(3)
    return Stored({f"u{n}": random.standard_normal((4 + n, 5)).astype(np.float32) for n in range(6)})


def a_set(trials: list[tuple[str, str]]) -> PreparedSet:
    utterances = pd.DataFrame({"utt": [f"u{n}" for n in range(6)]})
    models = pd.DataFrame({"model": ["m", "n"], "utts": ["u0 u3", "u1"]})
    return PreparedSet(utterances, models, pd.DataFrame(trials, columns=["model", "utt"]))


TRIALS = [("n", "u5"), ("m", "u2"), ("m", "u5"), ("n", "u4"), ("m", "u0")]


@pytest.mark.parametrize("cells", [1, 100, 1 << 22])
def test_a_trials_score_is_minus_the_mean_or_the_least_cost_of_its_models_takes(
    stored: Stored, cells: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warping, "CELLS_A_BLOCK", cells)
    takes = {"m": ["u0", "u3"], "n": ["u1"]}
    costs = [[by_recursion(unit(stored[take]), unit(stored[utt])) for take in takes[model]] for model, utt in TRIALS]
    found = score_by_warping(a_set(TRIALS), stored)
    np.testing.assert_allclose(found, [-np.mean(each) for each in costs], atol=1e-5)
    found = score_by_warping(a_set(TRIALS), stored, takes="best")
    np.testing.assert_allclose(found, [-min(each) for each in costs], atol=1e-5)
    assert found[-1] == pytest.approx(0, abs=1e-6)  # a take against itself


def test_what_is_missing_is_named(stored: Stored) -> None:
    with pytest.raises(SvtokError, match="no models and trials"):
        score_by_warping(PreparedSet(a_set(TRIALS).utterances), stored)
    with pytest.raises(SvtokError, match="1 models of the trials are not in the models table: x"):
        score_by_warping(a_set([("x", "u1")]), stored)
    with pytest.raises(SvtokError, match="1 utterances have no frames: u9"):
        score_by_warping(a_set([("m", "u9")]), stored)
