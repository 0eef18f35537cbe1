"""That leaving out points of the ROC changes no error rate."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from svtok.metrics import DCF08, DCF10, Cost, Roc, dcf08, dcf10, eer, min_cllr, roc
from svtok.metrics.roc import Buckets

module = importlib.import_module("svtok.metrics.roc")  # the package has a function of the same name
COSTS = [DCF08, DCF10, Cost(1, 1, 0.5), Cost(1, 20, 0.3)]

tied = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=40)
spread = st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=40)
score_lists = st.one_of(tied, spread)


@pytest.fixture(scope="module", autouse=True)
def few_buckets() -> Iterator[None]:
    """Even small sets of scores go into buckets, which hold several of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BUCKETS", 16)
        patch.setattr(module, "SCORES_A_BLOCK", 7)
        patch.setattr(module, "MOST_SORTED", 0)
        patch.setattr(module, "HULL_STEP", 2)
        yield


def whole(targets: NDArray[np.floating[Any]], nontargets: NDArray[np.floating[Any]]) -> Roc:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MOST_SORTED", 1 << 40)
        return roc(targets, nontargets)


@pytest.mark.slow
@given(score_lists, score_lists, st.sampled_from(["float32", "float64"]))
def test_eer_and_minimum_cost_are_the_same_to_the_last_bit(
    targets: list[float], nontargets: list[float], dtype: type
) -> None:
    some: NDArray[Any] = np.array(targets, dtype)
    others: NDArray[Any] = np.array(nontargets, dtype)
    curve = whole(some, others)
    assert eer(some, others) == curve.eer().item()
    assert dcf08(some, others) == curve.min_dcf(DCF08).item()
    assert dcf10(some, others) == curve.min_dcf(DCF10).item()
    for cost in COSTS:
        assert roc(some, others, costs=COSTS).min_dcf(cost).item() == curve.min_dcf(cost).item()
        assert roc(some, others).min_dcf(cost).item() == curve.min_dcf(cost).item()
    assert roc(some, others).eer().item() == curve.eer().item()
    assert min_cllr(roc(some, others)) == pytest.approx(min_cllr(curve), abs=1e-12)


@pytest.mark.slow
def test_with_many_scores_few_are_sorted_and_the_curve_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUCKETS", 1 << 12)
    sorted_scores = []
    sort_all = module._distinct_points

    def counting(targets: NDArray[Any], nontargets: NDArray[Any]) -> object:
        sorted_scores.append(len(targets) + len(nontargets))
        return sort_all(targets, nontargets)

    monkeypatch.setattr(module, "_distinct_points", counting)
    generator = np.random.default_rng(0)
    targets, nontargets = generator.normal(3, size=20_000), generator.normal(size=200_000)
    for dtype, decimals in [(np.float32, 9), (np.float64, 9), (np.float64, 2)]:
        some, others = (part.astype(dtype).round(decimals) for part in (targets, nontargets))
        curve = whole(some, others)
        sorted_scores.clear()
        narrow, hull = roc(some, others, costs=[DCF08]), roc(some, others)
        assert sorted_scores[0] < 5000
        assert sorted_scores[0] < sorted_scores[1] < 110_000
        assert narrow.eer().item() == hull.eer().item() == curve.eer().item()
        assert narrow.min_dcf(DCF08).item() == hull.min_dcf(DCF08).item() == curve.min_dcf(DCF08).item()
        assert hull.min_dcf(DCF10).item() == curve.min_dcf(DCF10).item()
        assert min_cllr(hull) == pytest.approx(min_cllr(curve), abs=1e-12)


@pytest.mark.parametrize("far", [1e30, -1e30, 3e38])
def test_a_score_far_from_all_others_changes_nothing(far: float) -> None:
    targets = np.array([2.0, 4, 5, 6, far], np.float32)
    nontargets = np.array([0.0, 1, 1.5, 3, -3e38 if far == 3e38 else 0], np.float32)
    assert eer(targets, nontargets) == whole(targets, nontargets).eer().item()
    assert dcf08(targets, nontargets) == whole(targets, nontargets).min_dcf(DCF08).item()


def test_scores_without_a_range_or_with_too_great_a_one_have_no_buckets() -> None:
    assert Buckets.over(np.ones(3), np.ones(2)) is None
    assert Buckets.over(np.array([3e38, -3e38], np.float32)) is None
    assert eer(np.ones(3), np.ones(2)) == 0.5


def test_targets_and_non_targets_of_different_precision_share_their_buckets() -> None:
    targets, nontargets = np.array([0.1, 0.3], np.float32), np.array([0.1, 0.2, np.float32(0.3)], np.float64)
    assert eer(targets, nontargets) == whole(targets, nontargets).eer().item()


@given(score_lists)
def test_a_higher_score_is_never_in_a_lower_bucket(scores: list[float]) -> None:
    rising = np.sort(np.array(scores, np.float32))
    found = Buckets.over(rising)
    if found is not None:
        assert (np.diff(found.of(rising).astype(int)) >= 0).all()
        assert found.of(rising)[-1] < module.BUCKETS
