"""The official arithmetic and ours, on cases worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from svtok.metrics import DCF08, Cost, eer, min_dcf, sdsv_curve, sdsv_eer

EQUAL = Cost(1, 1, 0.5)


def official(scores: list[float], is_target: list[int], cost: Cost = EQUAL) -> tuple[float, float]:
    curve = sdsv_curve(np.array(scores, dtype=float), np.array(is_target, dtype=bool))
    return sdsv_eer(curve), curve.min_dcf(cost).item()


def ours(scores: list[float], is_target: list[int], cost: Cost = EQUAL) -> tuple[float, float]:
    values, chosen = np.array(scores, dtype=float), np.array(is_target, dtype=bool)
    sides = values[chosen], values[~chosen]
    return eer(*sides), min_dcf(*sides, c_miss=cost.c_miss, c_fa=cost.c_fa, p_target=cost.p_target)


def test_without_ties_both_agree() -> None:
    # non-targets 0 1 1.5 3, targets 2 4 5 6: over 2, one of four is missed and one of four accepted
    scores, is_target = [0, 1, 1.5, 3, 2, 4, 5, 6], [0, 0, 0, 0, 1, 1, 1, 1]
    assert official(scores, is_target) == ours(scores, is_target) == (0.25, 0.25)


def test_a_tie_counts_in_the_order_of_the_trials_officially_and_as_a_whole_for_us() -> None:
    # 0 non, then 1 of both, then 2 target. Ours goes from (0, 1/2) to (1/2, 0): EER 1/4, least cost 1/2
    assert ours([0, 1, 1, 2], [0, 0, 1, 1]) == (0.25, 0.5)
    # official, the non-target first: (0, 1/2) (0, 0) (1/2, 0) (1, 0): no error at all
    assert official([0, 1, 1, 2], [0, 0, 1, 1]) == (0, 0)
    # the target first: (0, 1/2) (1/2, 1/2) (1/2, 0) (1, 0): the line up to (1/2, 1/2)
    assert official([0, 1, 1, 2], [0, 1, 0, 1]) == (0.5, 0.5)


def test_when_all_tie_the_order_is_all_that_counts_officially() -> None:
    scores = [7.0] * 4
    assert ours(scores, [0, 0, 1, 1]) == ours(scores, [0, 1, 0, 1]) == (0.5, 1)
    assert official(scores, [0, 0, 1, 1]) == (0, 0)
    # (0, 1/2) (1/2, 1/2) (1/2, 0) (1, 0)
    assert official(scores, [0, 1, 0, 1]) == (0.5, 0.5)


def test_officially_nobody_is_accepted_with_the_lowest_score() -> None:
    # targets are worth 9 times as much, and the lowest score is a target: accept-all would be best, at cost 1
    cost = Cost(9, 1, 0.5)
    scores, is_target = [1.0, 2.0, 3.0, 4.0], [1, 0, 0, 1]
    assert ours(scores, is_target, cost)[1] == 1
    # after 1 (1/2, 1) 4.5 + 0.5, after 2 (1/2, 1/2), after 3 (1/2, 0) 2.25: that over 0.5
    assert official(scores, is_target, cost)[1] == 4.5


def test_the_line_between_the_two_points_is_taken_by_its_length() -> None:
    # three non-targets, two targets, the lowest is a target: (1/2, 1) (1/2, 2/3) (1/2, 1/3)
    assert official([0, 1, 2, 3, 4], [1, 0, 0, 0, 1])[0] == 0.5
    # 1 - 1/3 twice, then a target: (0, 2/3) (0, 1/3) (1/2, 1/3): excess -1/3 and 1/6, so two thirds of the way
    assert official([0, 1, 2, 3, 4], [0, 0, 1, 0, 1])[0] == pytest.approx(1 / 3)


@given(st.lists(st.tuples(st.floats(-10, 10), st.booleans()), min_size=4, max_size=40, unique_by=lambda t: t[0]))
@pytest.mark.slow
def test_without_ties_both_agree_on_any_scores(trials: list[tuple[float, bool]]) -> None:
    scores = [0.0, *(score for score, _ in trials)]
    is_target = [0, *(int(target) for _, target in trials)]
    scores[0] = min(scores) - 2  # the lowest are non-targets, so that accept-all is best nowhere
    scores.insert(0, scores[0] - 1)
    is_target.insert(0, 0)
    if any(is_target):
        assert official(scores, is_target, DCF08) == pytest.approx(ours(scores, is_target, DCF08), abs=1e-12)


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=30))
def test_points_are_those_of_cutting_the_sorted_list_anywhere(trials: list[tuple[int, bool]]) -> None:
    trials = [*trials, (1, True), (2, False)]
    scores, is_target = (np.array(column) for column in zip(*trials, strict=True))
    curve = sdsv_curve(scores, is_target.astype(bool))
    ranked: list[Any] = [target for _, target in sorted(trials, key=lambda trial: trial[0])]
    misses = [sum(ranked[:cut]) / sum(ranked) for cut in range(1, len(ranked) + 1)]
    passed = [sum(not one for one in ranked[cut:]) for cut in range(1, len(ranked) + 1)]
    np.testing.assert_allclose(curve.p_miss, misses, atol=1e-12)
    np.testing.assert_allclose(curve.p_fa, np.array(passed) / sum(not one for one in ranked), atol=1e-12)


def test_what_the_script_cannot_know_is_refused() -> None:
    with pytest.raises(ValueError, match="rejecting the lowest score already passes it"):
        official([0, 1], [0, 1])
    none: NDArray[np.bool_] = np.zeros(2, dtype=bool)
    with pytest.raises(ValueError, match="0 of 2 trials are targets"):
        sdsv_curve(np.array([0.0, 1]), none)
    with pytest.raises(ValueError, match="1 of 2 trial scores are NaN"):
        sdsv_curve(np.array([0.0, np.nan]), np.array([True, False]))
