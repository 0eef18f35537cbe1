"""Cllr and its minimum against hand-computed values and scipy's isotonic regression."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import isotonic_regression

from svtok.metrics import DCF08, Cost, actual_dcf, cllr, min_cllr, min_dcf, reliability, roc

score_lists = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=30).map(np.array)


def reference_min_cllr(targets: np.ndarray, nontargets: np.ndarray) -> float:
    """Pool adjacent violators over the distinct scores, then Cllr of the likelihood ratios, score by score."""
    values = np.unique(np.concatenate([targets, nontargets]))
    counts = np.array([[np.sum(side == value) for value in values] for side in (targets, nontargets)], dtype=float)
    posterior = isotonic_regression(counts[0] / counts.sum(axis=0), weights=counts.sum(axis=0)).x
    total = 0.0
    for value, share in zip(values, posterior, strict=True):
        odds = np.inf if share >= 1 else share / (1 - share) * len(nontargets) / len(targets)
        if (targets == value).any():
            total += np.sum(targets == value) * np.log2(1 + 1 / odds) / len(targets)
        if (nontargets == value).any():
            total += np.sum(nontargets == value) * np.log2(1 + odds) / len(nontargets)
    return total / 2


def test_scores_of_zero_cost_one_bit() -> None:
    assert cllr(np.zeros(3), np.zeros(5)) == pytest.approx(1)


def test_cllr_by_hand() -> None:
    # likelihood ratios 3 for the target, 1/3 for the non-target: both cost log2(1 + 1/3)
    assert cllr(np.array([np.log(3)]), np.array([-np.log(3)])) == pytest.approx(np.log2(4 / 3))


def test_confident_mistakes_cost_much_and_do_not_overflow() -> None:
    assert cllr(np.array([-2000.0]), np.array([2000.0])) == pytest.approx(2000 / np.log(2))


def test_minimum_of_separable_scores_is_zero_and_of_ties_one() -> None:
    assert min_cllr(roc(np.array([1.0, 2]), np.array([-1.0, 0]))) == 0
    assert min_cllr(roc(np.full(10, 0.5), np.full(990, 0.5))) == pytest.approx(1)


@given(score_lists, score_lists)
def test_minimum_agrees_with_isotonic_regression(targets: np.ndarray, nontargets: np.ndarray) -> None:
    ours = min_cllr(roc(targets, nontargets))
    assert ours == pytest.approx(reference_min_cllr(targets, nontargets), abs=1e-9)


@given(score_lists, score_lists)
def test_the_minimum_is_not_above_the_value_itself(targets: np.ndarray, nontargets: np.ndarray) -> None:
    assert min_cllr(roc(targets, nontargets)) <= cllr(targets, nontargets) + 1e-12


def test_scores_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="NaN or infinite"):
        cllr(np.array([np.nan]), np.array([0.0]))


def test_the_actual_cost_is_that_of_bayes_threshold() -> None:
    targets, nontargets = np.array([3.0, 1.0, 0.0, -1.0]), np.array([2.5, -1.0, -2.0, -3.0])
    assert actual_dcf(targets, nontargets, Cost(1, 1, 0.5)) == 0.25 + 0.25  # from 0 on: one missed, one accepted
    # from log(9.9) = 2.29 on: three of four missed, one of four accepted
    assert actual_dcf(targets, nontargets, DCF08) == pytest.approx((0.1 * 0.75 + 0.99 * 0.25) / 0.1)


@given(score_lists, score_lists)
def test_the_actual_cost_is_never_below_the_minimum(targets: np.ndarray, nontargets: np.ndarray) -> None:
    least = min_dcf(targets, nontargets, c_miss=1, c_fa=2, p_target=0.3)
    assert actual_dcf(targets, nontargets, Cost(1, 2, 0.3)) >= least - 1e-12


def test_calibrated_scores_say_what_is_observed_and_others_do_not() -> None:
    random = np.random.default_rng(0)
    targets, nontargets = random.normal(2, 2, 20_000), random.normal(-2, 2, 50_000)  # whose ratio is the score itself
    found = reliability(targets, nontargets)
    assert 10 <= len(found.said) <= 15
    assert ((found.low <= found.said) & (found.said <= found.high))[1:-1].mean() > 0.7
    twice = reliability(2 * targets, 2 * nontargets)
    np.testing.assert_allclose(twice.observed, found.observed)
    np.testing.assert_allclose(twice.said, 2 * found.said)
    assert (np.diff(found.said) > 0).all()


@given(score_lists, score_lists)
def test_reliability_has_an_interval_around_each_bin(targets: np.ndarray, nontargets: np.ndarray) -> None:
    found = reliability(targets, nontargets, bins=4)
    assert len(found.said) <= 4
    assert ((found.low < found.observed) & (found.observed < found.high)).all()
