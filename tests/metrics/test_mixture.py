"""Shares of kinds of non-targets, against the same shares made by repeating trials."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from svtok.metrics import Cost, cllr, min_cllr, mixture_cllr, mixture_roc, roc

score_lists = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=20).map(np.array)


@given(score_lists, score_lists, score_lists)
@pytest.mark.slow
def test_shares_as_in_the_trials_give_the_pooled_rates(targets: np.ndarray, one: np.ndarray, other: np.ndarray) -> None:
    pooled = np.concatenate([one, other])
    shares = [len(one) / len(pooled), len(other) / len(pooled)]
    curve, expected = mixture_roc(targets, [one, other], shares), roc(targets, pooled)
    np.testing.assert_allclose(curve.p_miss, expected.p_miss)
    np.testing.assert_allclose(curve.p_fa, expected.p_fa, atol=1e-12)
    assert mixture_cllr(targets, [one, other], shares) == pytest.approx(cllr(targets, pooled))


def test_a_share_counts_like_trials_repeated() -> None:
    targets, rare, frequent = np.array([0.5, 2.0, 3.0]), np.array([1.0, 2.5]), np.array([-1.0, 0.0, 1.5])
    repeated = np.concatenate([np.repeat(rare, 9), np.repeat(frequent, 2)])  # 18 and 6 trials
    curve, expected = mixture_roc(targets, [rare, frequent], [0.75, 0.25]), roc(targets, repeated)
    assert curve.eer() == pytest.approx(expected.eer())
    assert min_cllr(curve) == pytest.approx(min_cllr(expected))
    assert mixture_cllr(targets, [rare, frequent], [0.75, 0.25]) == pytest.approx(cllr(targets, repeated))


def test_scores_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="1 of 1 non-target scores are NaN"):
        mixture_roc(np.zeros(2), [np.zeros(1), np.array([np.nan])], [0.5, 0.5])


def test_the_threshold_of_a_cost_is_where_accepting_and_rejecting_cost_the_same() -> None:
    cost = Cost(c_miss=10, c_fa=1, p_target=0.01)
    assert cost.effective_prior == pytest.approx(0.1 / 1.09)
    odds = np.exp(cost.threshold) * 0.01 / 0.99  # of a target, after a likelihood ratio at the threshold
    assert 10 * odds == pytest.approx(1)
