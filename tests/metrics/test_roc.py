"""EER and minDCF against hand-computed values and a reference that tries every threshold in a loop."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from svtok.metrics import dcf08, dcf10, eer, min_dcf, roc

pytestmark = pytest.mark.slow

# few distinct values: most examples hold ties
score_lists = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=30).map(np.array)


def all_points(targets: np.ndarray, nontargets: np.ndarray) -> list[tuple[float, float]]:
    """(p_miss, p_fa) of every threshold, by counting."""
    thresholds = [-np.inf, *sorted({*targets.tolist(), *nontargets.tolist()})]
    return [(float(np.mean(targets <= t)), float(np.mean(nontargets > t))) for t in thresholds]


def reference_eer(targets: np.ndarray, nontargets: np.ndarray) -> float:
    points = all_points(targets, nontargets)
    for (miss, fa), (next_miss, next_fa) in pairwise(points):
        if miss - fa <= 0 <= next_miss - next_fa:
            share = (fa - miss) / ((next_miss - miss) + (fa - next_fa))
            return miss + share * (next_miss - miss)
    raise AssertionError("the curve does not cross the diagonal")


def reference_dcf(targets: np.ndarray, nontargets: np.ndarray, c_miss: float, c_fa: float, p: float) -> float:
    costs = [c_miss * p * miss + c_fa * (1 - p) * fa for miss, fa in all_points(targets, nontargets)]
    return min(costs) / min(c_miss * p, c_fa * (1 - p))


def test_scores_that_all_tie_have_an_eer_of_one_half_and_a_minimum_cost_of_one() -> None:
    targets, nontargets = np.full(10, 0.5), np.full(990, 0.5)
    assert eer(targets, nontargets) == 0.5
    assert dcf08(targets, nontargets) == 1
    assert dcf10(targets, nontargets) == 1


def test_eer_by_hand() -> None:
    # at a threshold between 2 and 3: one of four targets is missed, one of four non-targets accepted
    assert eer(np.array([2.0, 4, 5, 6]), np.array([0.0, 1, 1.5, 3])) == 0.25


def test_eer_is_interpolated_where_a_tie_crosses_the_diagonal() -> None:
    # points (miss, fa): (0, 1) (0, 1/2) (1/2, 0) (1, 0): the tie at 1 goes from (0, 1/2) to (1/2, 0)
    assert eer(np.array([1.0, 2]), np.array([0.0, 1])) == pytest.approx(0.25)


def test_perfect_and_inverted_scores() -> None:
    low, high = np.array([-1.0, 0]), np.array([1.0, 2])
    assert eer(high, low) == 0
    assert dcf08(high, low) == 0
    assert eer(low, high) == 1
    assert dcf08(low, high) == 1


def test_minimum_cost_by_hand() -> None:
    # threshold over 1.5: no miss, 1 of 4 false alarms: 0.99 * 0.25 / 0.1; over 3: 1 of 4 misses: 0.1 * 0.25 / 0.1
    assert dcf08(np.array([2.0, 4, 5, 6]), np.array([0.0, 1, 1.5, 3])) == pytest.approx(0.25)
    # 0.001 / 0.001 of a miss against 0.999 / 0.001 of a false alarm
    assert dcf10(np.array([2.0, 4, 5, 6]), np.array([0.0, 1, 1.5, 3])) == pytest.approx(0.25)


@given(score_lists, score_lists)
def test_eer_agrees_with_trying_every_threshold(targets: np.ndarray, nontargets: np.ndarray) -> None:
    assert eer(targets, nontargets) == pytest.approx(reference_eer(targets, nontargets), abs=1e-12)


@given(score_lists, score_lists, st.sampled_from([(10, 1, 0.01), (1, 1, 0.001), (1, 1, 0.5), (1, 20, 0.3)]))
def test_minimum_cost_agrees_with_trying_every_threshold(
    targets: np.ndarray, nontargets: np.ndarray, cost: tuple[float, float, float]
) -> None:
    c_miss, c_fa, p_target = cost
    ours = min_dcf(targets, nontargets, c_miss=c_miss, c_fa=c_fa, p_target=p_target)
    assert ours == pytest.approx(reference_dcf(targets, nontargets, *cost), abs=1e-12)
    assert ours <= 1 + 1e-12


@given(score_lists, score_lists, st.randoms())
def test_the_order_of_the_scores_does_not_matter(targets: np.ndarray, nontargets: np.ndarray, random: object) -> None:
    before = eer(targets, nontargets), dcf08(targets, nontargets)
    targets, nontargets = targets.copy(), nontargets.copy()
    random.shuffle(targets)  # type: ignore[attr-defined]
    random.shuffle(nontargets)  # type: ignore[attr-defined]
    assert (eer(targets, nontargets), dcf08(targets, nontargets)) == before


@given(score_lists, score_lists)
def test_a_rising_map_of_the_scores_changes_nothing(targets: np.ndarray, nontargets: np.ndarray) -> None:
    assert eer(np.exp(targets), np.exp(nontargets)) == eer(targets, nontargets)
    assert dcf10(np.exp(targets), np.exp(nontargets)) == dcf10(targets, nontargets)


@given(score_lists, score_lists)
def test_swapping_the_classes_and_turning_the_scores_round_keeps_the_eer(
    targets: np.ndarray, nontargets: np.ndarray
) -> None:
    assert eer(-nontargets, -targets) == pytest.approx(eer(targets, nontargets), abs=1e-12)


@given(score_lists, score_lists)
def test_swapping_the_classes_alone_gives_one_minus_the_eer(targets: np.ndarray, nontargets: np.ndarray) -> None:
    assert eer(nontargets, targets) == pytest.approx(1 - eer(targets, nontargets), abs=1e-12)


@given(score_lists, score_lists)
def test_the_curve_goes_from_accept_all_to_reject_all(targets: np.ndarray, nontargets: np.ndarray) -> None:
    curve = roc(targets, nontargets)
    assert (curve.p_miss[0], curve.p_fa[0]) == (0, 1)
    assert (curve.p_miss[-1], curve.p_fa[-1]) == (1, 0)
    assert (np.diff(curve.p_miss) >= 0).all()
    assert (np.diff(curve.p_fa) <= 0).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="1 of 2 non-target scores are NaN or infinite"):
        eer(np.array([1.0]), np.array([0.0, bad]))
    with pytest.raises(ValueError, match="1 of 1 target scores"):
        dcf08(np.array([bad]), np.array([0.0]))


def test_one_class_alone_is_refused() -> None:
    with pytest.raises(ValueError, match="there must be target scores"):
        eer(np.array([]), np.array([0.0]))
    with pytest.raises(ValueError, match="there must be non-target scores"):
        eer(np.array([0.0]), np.array([]))


def test_costs_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="p_target=1"):
        min_dcf(np.array([1.0]), np.array([0.0]), c_miss=1, c_fa=1, p_target=1)
