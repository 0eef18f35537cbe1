"""Cllr and its minimum against hand-computed values and scipy's isotonic regression."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import isotonic_regression

from svtok.metrics import cllr, min_cllr, roc

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
