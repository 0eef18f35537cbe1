"""The ROC of two sets of scores, and the error rates that are read from it.

Millions of scores are first counted into buckets, so that only those few are sorted that an error rate depends on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


def convex_hull(p_miss: NDArray[np.float64], p_fa: NDArray[np.float64]) -> NDArray[np.float64]:
    """The corners (H, 2: p_miss, p_fa) of the convex hull's side towards (0, 0), from accept-all to reject-all.

    The points (K,) each are those of a ROC by rising threshold.
    """
    hull: list[tuple[float, float]] = []
    for point in zip(p_miss.tolist(), p_fa.tolist(), strict=True):
        while len(hull) >= 2 and not _turns_left(hull[-2], hull[-1], point):
            hull.pop()
        hull.append(point)
    return np.array(hull)


def _turns_left(first: tuple[float, float], second: tuple[float, float], third: tuple[float, float]) -> bool:
    """Whether the way through three points (p_miss, p_fa) turns left, so that the second is a corner of the hull."""
    return (second[0] - first[0]) * (third[1] - first[1]) > (second[1] - first[1]) * (third[0] - first[0])


BUCKETS = 1 << 16
SCORES_A_BLOCK = 1 << 18
"""Scores that pass at once through the cache."""


@dataclass(frozen=True)
class Buckets:
    """Equal intervals from `low` on, `scale` a unit of score; the same score always falls into the same one."""

    low: np.floating[Any]
    scale: float

    @classmethod
    def over(cls, *parts: NDArray[np.floating[Any]]) -> Buckets | None:
        """Buckets over all scores of some arrays of one type; None where their range is zero or overflows."""
        low, high = min(part.min() for part in parts), max(part.max() for part in parts)
        with np.errstate(over="ignore", divide="ignore"):
            scale = np.divide(BUCKETS - 1, high - low)
        return cls(low, float(scale)) if 0 < scale < np.inf else None

    def of(self, scores: NDArray[np.floating[Any]]) -> NDArray[np.uint16]:
        """The bucket of each score (N,). A higher score is never in a lower bucket."""
        buckets = np.empty(len(scores), dtype=np.uint16)
        for start in range(0, len(scores), SCORES_A_BLOCK):
            some = slice(start, start + SCORES_A_BLOCK)
            buckets[some] = (scores[some] - self.low) * self.scale
        return buckets


def count(buckets: NDArray[np.uint16]) -> NDArray[np.int64]:
    """How many scores are in each bucket, (BUCKETS,), from the bucket of each score (N,)."""
    counts = np.zeros(BUCKETS, dtype=np.int64)
    for start in range(0, len(buckets), SCORES_A_BLOCK):
        counts += np.bincount(buckets[start : start + SCORES_A_BLOCK], minlength=BUCKETS)
    return counts


def scores_in(
    kept: NDArray[np.bool_], scores: NDArray[np.floating[Any]], buckets: NDArray[np.uint16]
) -> NDArray[np.floating[Any]]:
    """Of the scores (N,), which are in the buckets (N,), those in the kept buckets (BUCKETS,), in their order.

    Args:
        kept: Which buckets are kept, (BUCKETS,).
        scores: In any order, (N,).
        buckets: The bucket of each score, (N,), from 0.
    """
    blocks = [slice(start, start + SCORES_A_BLOCK) for start in range(0, len(scores), SCORES_A_BLOCK)]
    return np.concatenate([scores[some][kept[buckets[some]]] for some in blocks])


Scores = NDArray[np.floating[Any]]
MOST_SORTED = 1_000_000
"""Scores up to which all of them are sorted."""
HULL_STEP = 16
"""Every how many edges of buckets the hull is drawn that bounds where the best points may be."""
ROUNDING = 1e-9
"""More than rounding does to a probability."""


@dataclass(frozen=True)
class Cost:
    """What a miss and a false alarm cost, and how probable a target is (NIST's detection cost function)."""

    c_miss: float
    c_fa: float
    p_target: float

    def __post_init__(self) -> None:
        if not (self.c_miss > 0 and self.c_fa > 0 and 0 < self.p_target < 1):
            raise ValueError(f"costs must be above 0 and the probability of a target between 0 and 1, not {self}")

    def of(self, p_miss: NDArray[np.float64], p_fa: NDArray[np.float64]) -> NDArray[np.float64]:
        """The expected cost of a trial, for each pair of error rates."""
        costs: NDArray[np.float64] = self.c_miss * self.p_target * p_miss + self.c_fa * (1 - self.p_target) * p_fa
        return costs

    @property
    def trivial(self) -> float:
        """The cost of the better of accept-all and reject-all."""
        return min(self.c_miss * self.p_target, self.c_fa * (1 - self.p_target))

    @property
    def effective_prior(self) -> float:
        """The probability of a target at which costs of 1 and 1 ask for the same decisions."""
        missing, accepting = self.c_miss * self.p_target, self.c_fa * (1 - self.p_target)
        return missing / (missing + accepting)

    @property
    def threshold(self) -> float:
        """The natural-log likelihood ratio from which on accepting costs less than rejecting (Bayes' decision)."""
        return math.log(self.c_fa * (1 - self.p_target)) - math.log(self.c_miss * self.p_target)


DCF08 = Cost(c_miss=10, c_fa=1, p_target=0.01)
"""NIST SRE 2008, also SdSV and TdSV challenges."""
DCF10 = Cost(c_miss=1, c_fa=1, p_target=0.001)
"""NIST SRE 2010."""


@dataclass(frozen=True)
class Roc:
    """Points of a ROC by rising threshold, from accept-all (p_miss 0, p_fa 1) to reject-all (p_miss 1, p_fa 0).

    Both arrays are (K,), or (K, R) for R curves over the same thresholds. Between neighbours the curve is straight.
    """

    p_miss: NDArray[np.float64]
    p_fa: NDArray[np.float64]

    def eer(self) -> NDArray[np.float64]:
        """Equal error rate, (1,) or (R,): where the curve has p_miss = p_fa, on a straight line between two points."""
        excess = self.p_miss - self.p_fa  # rises from -1 to 1
        after = np.argmax(excess >= 0, axis=0, keepdims=True)
        miss_before, miss_after = _at(self.p_miss, after - 1), _at(self.p_miss, after)
        excess_before, excess_after = _at(excess, after - 1), _at(excess, after)
        share = -excess_before / (excess_after - excess_before)
        return miss_before + share * (miss_after - miss_before)

    def min_dcf(self, cost: Cost) -> NDArray[np.float64]:
        """Least detection cost of any threshold, (1,) or (R,), over that of the better of accept-all and reject-all."""
        return np.atleast_1d(cost.of(self.p_miss, self.p_fa).min(axis=0) / cost.trivial)


def _at(values: NDArray[np.float64], index: NDArray[np.intp]) -> NDArray[np.float64]:
    """The value of each curve at its own point: index (1,) or (1, R) gives (1,) or (R,)."""
    return np.asarray(values[index] if values.ndim == 1 else values[index[0], np.arange(values.shape[1])])


def roc(targets: Scores, nontargets: Scores, *, costs: Sequence[Cost] | None = None) -> Roc:
    """The ROC of target scores (T,) and non-target scores (N,), in any order.

    Its points stand just below and just above each distinct target score; those between them, where only non-targets
    are, lie on the straight line from one to the next. Of more than MOST_SORTED scores, points are left out that are
    neither the EER nor the best of any cost, so that few scores need sorting: EER and minDCF are the same to the last
    bit.

    Args:
        targets: Scores of target trials (T,).
        nontargets: Scores of non-target trials (N,).
        costs: The only costs that the curve will be asked for, by default any; none (`()`) where it is the EER alone.

    Raises:
        ValueError: A set is empty, or holds NaN or infinity.

    Example:
        >>> curve = roc(np.array([1.0, 3.0]), np.array([0.0, 2.0]))
        >>> curve.p_miss.tolist(), curve.p_fa.tolist()
        ([0.0, 0.0, 0.5, 0.5, 1.0, 1.0], [1.0, 0.5, 0.5, 0.0, 0.0, 0.0])
    """
    targets, nontargets = check_scores(targets, "target"), check_scores(nontargets, "non-target")
    if len(targets) + len(nontargets) > MOST_SORTED:
        common = np.result_type(targets, nontargets, np.float32)
        targets, nontargets = targets.astype(common, copy=False), nontargets.astype(common, copy=False)
        buckets = Buckets.over(targets, nontargets)
        if buckets is not None:
            return _narrowed(targets, nontargets, buckets, costs)
    _, rejected_targets, rejected_nontargets = _distinct_points(targets, nontargets)
    ends = np.array([[0, 0], [len(targets), len(nontargets)]])
    return _curve(ends, rejected_targets, rejected_nontargets)


def _distinct_points(targets: Scores, nontargets: Scores) -> tuple[Scores, NDArray[np.int64], NDArray[np.int64]]:
    """The distinct target scores (K,); how many targets, and non-targets, are rejected just below and above each."""
    targets, nontargets = np.sort(targets), np.sort(nontargets)
    first = np.flatnonzero(np.concatenate([[True], targets[1:] != targets[:-1]])[: len(targets)])
    values = targets[first]
    rejected_targets = np.stack([first, np.append(first, len(targets))[1:]], axis=1)
    rejected_nontargets = np.stack([np.searchsorted(nontargets, values, side) for side in ("left", "right")], axis=1)
    return values, rejected_targets, rejected_nontargets  # (K,), (K, 2), (K, 2)


def _curve(known: NDArray[np.int64], targets: NDArray[np.int64], nontargets: NDArray[np.int64]) -> Roc:
    """The ROC through points known (P, 2: targets, non-targets rejected), the ends among them, and others (K, 2)."""
    # along the curve both counts only rise, so that sorting each puts the points in order
    misses = np.sort(np.concatenate([known[:, 0], targets.ravel()]), kind="stable")
    rejected = np.sort(np.concatenate([known[:, 1], nontargets.ravel()]), kind="stable")
    return Roc(misses / misses[-1], (rejected[-1] - rejected) / rejected[-1])


def _narrowed(targets: Scores, nontargets: Scores, buckets: Buckets, costs: Sequence[Cost] | None) -> Roc:
    """The ROC at the edges of the buckets, and at each target in the buckets that can hold a point looked for."""
    of_targets, of_nontargets = buckets.of(targets), buckets.of(nontargets)
    counts = np.stack([count(of_targets), count(of_nontargets)], axis=1)  # (BUCKETS, 2)
    edges = np.concatenate([[[0, 0]], np.cumsum(counts, axis=0)])
    p_miss, p_fa = edges[:, 0] / len(targets), (len(nontargets) - edges[:, 1]) / len(nontargets)
    kept = (counts[:, 0] > 0) & _may_hold(p_miss, p_fa, costs)
    values, rejected_targets, rejected_nontargets = _distinct_points(
        scores_in(kept, targets, of_targets), scores_in(kept, nontargets, of_nontargets)
    )
    # the kept scores do not know of the others below them
    others = np.cumsum(counts * ~kept[:, np.newaxis], axis=0)[buckets.of(values)]  # (K, 2)
    return _curve(edges, rejected_targets + others[:, :1], rejected_nontargets + others[:, 1:])


def _may_hold(
    p_miss: NDArray[np.float64], p_fa: NDArray[np.float64], costs: Sequence[Cost] | None
) -> NDArray[np.bool_]:
    """Which intervals (K - 1,) between the points (K,) of a ROC may hold the EER, or a point that is best for a cost.

    A point inside an interval has at least the misses of the one end and the false alarms of the other.
    """
    holds = (p_miss[:-1] <= p_fa[:-1]) & (p_miss[1:] >= p_fa[1:])
    least_miss, least_fa = p_miss[:-1], p_fa[1:]
    if costs is None:  # any cost: what lies under the hull of some of the points
        hull = convex_hull(p_miss[::HULL_STEP], p_fa[::HULL_STEP])
        foot = np.append(hull[1:, 0] > hull[:-1, 0], True)  # the lowest point where several are above one another
        return holds | (least_fa <= np.interp(least_miss, hull[foot, 0], hull[foot, 1]) + ROUNDING)
    for cost in costs:
        holds |= cost.of(least_miss, least_fa) <= cost.of(p_miss, p_fa).min() + ROUNDING
    return holds


def check_scores(scores: Scores, what: str) -> Scores:
    """The scores as a floating-point array (N,). Raises ValueError where there is none, or one is NaN or infinite."""
    scores = np.asarray(scores)
    if not np.issubdtype(scores.dtype, np.floating):
        scores = scores.astype(np.float64)
    if scores.ndim != 1 or len(scores) == 0:
        raise ValueError(f"there must be {what} scores in one dimension, not an array of shape {scores.shape}")
    finite = np.isfinite(scores)
    if not finite.all():
        raise ValueError(f"{int((~finite).sum())} of {len(scores)} {what} scores are NaN or infinite")
    return scores


def eer(targets: Scores, nontargets: Scores) -> float:
    """Equal error rate, a fraction: where the ROC has as many misses as false alarms.

    Args:
        targets: Scores of target trials (T,); any order, any scale, higher for the same speaker.
        nontargets: Scores of non-target trials (N,).

    Raises:
        ValueError: A set is empty, or holds NaN or infinity.

    Example:
        One of four targets is missed, and one of four non-targets accepted, by a threshold between 2 and 3:

        >>> eer(np.array([2.0, 4.0, 5.0, 6.0]), np.array([0.0, 1.0, 1.5, 3.0]))
        0.25
        >>> eer(np.array([1.0, 1.0]), np.array([1.0, 1.0, 1.0]))  # ties are no errors of one side
        0.5
    """
    return roc(targets, nontargets, costs=()).eer().item()


def min_dcf(targets: Scores, nontargets: Scores, *, c_miss: float, c_fa: float, p_target: float) -> float:
    """Least normalised detection cost: min over thresholds of c_miss p_target p_miss + c_fa (1 - p_target) p_fa,
    divided by the better trivial cost, min(c_miss p_target, c_fa (1 - p_target)). Never above 1.

    Args:
        targets: Scores of target trials (T,).
        nontargets: Scores of non-target trials (N,).
        c_miss: Cost of a miss, above 0.
        c_fa: Cost of a false alarm, above 0.
        p_target: Probability of a target, between 0 and 1.

    Raises:
        ValueError: A set is empty or not finite, or a cost is out of its range.

    Example:
        Between 2 and 3 a quarter of both classes is wrong; above 3 half the targets would be missed:

        >>> scores = np.array([2.0, 4.0, 5.0, 6.0]), np.array([0.0, 1.0, 1.5, 3.0])
        >>> min_dcf(*scores, c_miss=1, c_fa=1, p_target=0.5)
        0.25
        >>> min_dcf(*scores, c_miss=10, c_fa=1, p_target=0.5)  # accepts all targets and one non-target of four
        0.25
    """
    cost = Cost(c_miss, c_fa, p_target)
    return roc(targets, nontargets, costs=[cost]).min_dcf(cost).item()


def actual_dcf(targets: Scores, nontargets: Scores, cost: Cost) -> float:
    """Normalised detection cost of the decisions that a user would take: accept from Bayes' threshold on, the scores
    taken as natural-log likelihood ratios. Above 1 where rejecting (or accepting) all would be better.

    Args:
        targets: Scores of target trials (T,).
        nontargets: Scores of non-target trials (N,).
        cost: Of errors, and the probability of a target.

    Raises:
        ValueError: A set is empty, or holds NaN or infinity.

    Example:
        The threshold is 0: one target of two is missed, no non-target accepted. The best one would accept both targets.

        >>> actual_dcf(np.array([-1.0, 2.0]), np.array([-2.0, -3.0]), Cost(c_miss=1, c_fa=1, p_target=0.5))
        0.5
    """
    targets, nontargets = check_scores(targets, "target"), check_scores(nontargets, "non-target")
    p_miss, p_fa = (targets < cost.threshold).mean(), (nontargets >= cost.threshold).mean()
    return float(cost.of(p_miss, p_fa) / cost.trivial)


def dcf08(targets: Scores, nontargets: Scores) -> float:
    """minDCF of NIST SRE 2008: c_miss 10, c_fa 1, p_target 0.01."""
    return roc(targets, nontargets, costs=[DCF08]).min_dcf(DCF08).item()


def dcf10(targets: Scores, nontargets: Scores) -> float:
    """minDCF of NIST SRE 2010: c_miss 1, c_fa 1, p_target 0.001."""
    return roc(targets, nontargets, costs=[DCF10]).min_dcf(DCF10).item()
