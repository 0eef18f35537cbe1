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
from svtok.scoring.warping import (
    KeptCohort,
    Takes,
    WarpingCohort,
    cohort_recordings,
    costs_of_takes,
    normalise_onto_voices,
    score_by_warping,
    warp_onto_voices,
    warping_costs,
)


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


def test_by_hand_posteriors_cost_the_log_of_the_probability_that_both_are_of_one_phone() -> None:
    a, b = [0.5, 0.5], [1.0, 0.0]
    first = padded([np.array([a, b], np.float32), np.array([[0, 1]], np.float32)])
    second = padded([np.array([b, b], np.float32), np.array([b], np.float32)])
    costs = warping_costs(first, second, np.array([2, 1]), np.array([2, 1]), "log-product")
    # a onto b: a half, counted twice of 4 (with the other b nothing); what excludes each other costs what 1e-6 does
    np.testing.assert_allclose(costs, [np.log(2) / 2, -np.log(1e-6)], rtol=1e-5)


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


@pytest.mark.parametrize("cells", [1, 60, 1 << 22], ids=["one at a time", "a few", "all at once"])
def test_one_test_onto_many_takes_costs_what_each_pair_does(cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warping, "CELLS_A_BLOCK", cells)
    random = np.random.default_rng(1)
    takes = [3 * random.standard_normal((n, 4)).astype(np.float32) for n in (5, 2, 7, 1, 5)]
    test = random.standard_normal((4, 4)).astype(np.float32)
    wanted = [by_recursion(unit(take), unit(test)) for take in takes]
    np.testing.assert_allclose(costs_of_takes(takes, test), wanted, atol=1e-5)
    voices = [takes[:2], takes[2:3], takes[3:]]
    mean, best = warping.warp_onto_voices(voices, test, "mean"), warping.warp_onto_voices(voices, test, "best")
    np.testing.assert_allclose(mean, [-np.mean(wanted[:2]), -wanted[2], -np.mean(wanted[3:])], atol=1e-5)
    np.testing.assert_allclose(best, [-min(wanted[:2]), -wanted[2], -min(wanted[3:])], atol=1e-5)


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


def plain_scores(stored: Stored, pairs: list[tuple[list[str], str]]) -> NDArray[np.float64]:
    """Minus the mean cost of each test against some takes, frame by frame."""
    costs = [[by_recursion(unit(stored[take]), unit(stored[utt])) for take in takes] for takes, utt in pairs]
    return np.array([-np.mean(each) for each in costs])


@pytest.mark.parametrize("pairs_a_block", [1, 1 << 18])
@pytest.mark.parametrize("top", [None, 2])
def test_scores_are_normalised_by_those_of_model_and_test_against_the_recordings_of_a_cohort(
    stored: Stored, top: int | None, pairs_a_block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warping, "PAIRS_A_BLOCK", pairs_a_block)
    random = np.random.default_rng(5)
    cohort = Stored({f"c{n}": random.standard_normal((5, 5)).astype(np.float32) for n in range(3)})
    both = Stored({**stored.arrays, **cohort.arrays})
    takes = {"m": ["u0", "u3"], "n": ["u1"]}
    found = score_by_warping(a_set(TRIALS), stored, cohort=WarpingCohort(cohort, cohort.utts, top))
    wanted = []
    for model, utt in TRIALS:
        score = plain_scores(both, [(takes[model], utt)])[0]
        of_model = np.sort(plain_scores(both, [(takes[model], other) for other in cohort.utts]))[-(top or 3) :]
        of_test = np.sort(plain_scores(both, [([utt], other) for other in cohort.utts]))[-(top or 3) :]
        wanted.append(np.mean([(score - each.mean()) / each.std() for each in (of_model, of_test)]))
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("takes", ["mean", "best"])
def test_one_test_with_some_voices_is_normalised_as_trials_are(stored: Stored, takes: Takes) -> None:
    random = np.random.default_rng(5)
    kept = KeptCohort(tuple(random.standard_normal((5 + n, 5)).astype(np.float32) for n in range(3)))
    trials = [(model, "u5") for model in ("m", "n")]
    wanted = score_by_warping(a_set(trials), stored, takes=takes, cohort=WarpingCohort(kept, kept.utts))
    voices = [[unit(stored[utt]) for utt in utts] for utts in (["u0", "u3"], ["u1"])]
    test, costs = unit(stored["u5"]), [[kept.costs(take) for take in voice] for voice in voices]
    scores = warp_onto_voices(voices, test, takes)
    found = normalise_onto_voices(scores, costs, kept.costs(test), takes)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)
    assert np.abs(found - scores).min() > 0.1


def test_a_cohort_is_of_all_recordings_or_of_the_first_of_each_speaker_or_class() -> None:
    rows = [("a2", "a", "p"), ("a1", "a", "q"), ("a0", "a", "p"), ("b0", "b", "p")]
    table = pd.DataFrame(rows, columns=["utt", "spk", "phrase"])
    assert cohort_recordings(table, "utterances") == ["a2", "a1", "a0", "b0"]
    assert cohort_recordings(table, "classes") == ["a0", "a1", "b0"]
    assert cohort_recordings(table, "speakers") == ["a0", "b0"]


def test_a_cohort_of_what_is_scored_or_without_frames_or_too_small_is_refused(stored: Stored) -> None:
    def scored(utts: list[str], top: int | None = None) -> object:
        frames = Stored({utt: np.ones((2, 5), np.float32) for utt in ("u0", "c1", "c2")})
        return score_by_warping(a_set(TRIALS), stored, cohort=WarpingCohort(frames, utts, top))

    with pytest.raises(SvtokError, match=r"1 utterances of the cohort are among those scored \(u0\)"):
        scored(["u0", "c1"])
    with pytest.raises(SvtokError, match="1 utterances have no frames: c9; extract the cohort's"):
        scored(["c1", "c9"])
    with pytest.raises(SvtokError, match="the 3 highest scores cannot be taken of a cohort of 2"):
        scored(["c1", "c2"], top=3)
