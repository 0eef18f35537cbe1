"""Cllr: what scores cost, in bits, as natural-log likelihood ratios; reliability; error rates of mixtures.

A mixture is of several kinds of non-targets, each with a share of its own, however many trials it has.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from svtok.metrics.roc import Roc, Scores, check_scores, convex_hull


def cllr(targets: Scores, nontargets: Scores) -> float:
    """Cllr in bits of target scores (T,) and non-target scores (N,), taken as natural-log likelihood ratios
    (N. Bruemmer, J. du Preez, "Application-independent evaluation of speaker detection", Computer Speech and Language
    20, 2006).

    Raises:
        ValueError: A set is empty, or holds NaN or infinity.

    Example:
        Scores of 0 say nothing, and cost the bit that is to be decided:

        >>> cllr(np.array([0.0]), np.array([0.0, 0.0]))
        1.0
        >>> round(cllr(np.array([np.log(3)]), np.array([-np.log(3)])), 3)  # log2(1 + 1/3)
        0.415
    """
    targets, nontargets = check_scores(targets, "target"), check_scores(nontargets, "non-target")
    missing, accepting = np.logaddexp(0, -targets).mean(), np.logaddexp(0, nontargets).mean()
    return float((missing + accepting) / (2 * np.log(2)))


def min_cllr(curve: Roc) -> float:
    """Cllr in bits after the best monotone calibration of the scores behind one ROC; never above 1.

    The best calibration (pool adjacent violators) gives all scores of a side of the ROC's convex hull the same
    likelihood ratio, the slope of that side; so tied scores stay tied, and their order does not matter.
    """
    hull = convex_hull(curve.p_miss, curve.p_fa)
    target_share, nontarget_share = np.diff(hull[:, 0]), -np.diff(hull[:, 1])  # of each side; sums are 1
    mixed = (target_share > 0) & (nontarget_share > 0)  # scores of one class alone cost nothing
    target_share, nontarget_share = target_share[mixed], nontarget_share[mixed]
    both = target_share + nontarget_share
    costs = target_share * np.log2(both / target_share) + nontarget_share * np.log2(both / nontarget_share)
    return float(costs.sum() / 2)


class Reliability(NamedTuple):
    """What scores say and what is so, in K bins of rising scores; all natural-log likelihood ratios, (K,)."""

    said: NDArray[np.float64]
    """The mean of the scores in the bin, targets and non-targets as if there were as many."""
    observed: NDArray[np.float64]
    """The log of the share of targets over the share of non-targets that fall into the bin."""
    low: NDArray[np.float64]
    """Ends of its 95 % confidence interval, as if trials were independent."""
    high: NDArray[np.float64]


def reliability(targets: Scores, nontargets: Scores, *, bins: int = 15) -> Reliability:
    """Whether scores are the log likelihood ratios that they are taken for: in each bin, what they say and what is so.

    Half a trial is added to both counts of a bin, which leaves the logarithm nearly without a bias (J. Haldane, "The
    estimation and significance of the logarithm of a ratio of frequencies", Annals of Human Genetics 20, 1956).

    Args:
        targets: Scores of target trials (T,).
        nontargets: Scores of non-target trials (N,).
        bins: How many there are at most, with about as many trials each, if targets and non-targets were as many.

    Returns:
        Bins with scores of both classes; in others nothing is observed but that the ratio is high or low.

    Raises:
        ValueError: A set is empty, or holds NaN or infinity.

    Example:
        Of four scores of 1, three are of targets: their ratio is 3, whose logarithm is about 1.

        >>> found = reliability(np.array([1.0, 1, 1, -1]), np.array([1.0, -1, -1, -1]), bins=2)
        >>> found.said.tolist(), found.observed.round(2).tolist()
        ([-1.0, 1.0], [-0.85, 0.85])
    """
    targets, nontargets = check_scores(targets, "target"), check_scores(nontargets, "non-target")
    scores = np.concatenate([targets, nontargets]).astype(np.float64)
    weights = np.repeat([0.5 / len(targets), 0.5 / len(nontargets)], [len(targets), len(nontargets)])
    order = np.argsort(scores, kind="stable")
    share = np.cumsum(weights[order])
    edges = np.unique(scores[order][np.searchsorted(share, np.arange(1, bins) / bins)])
    placed = np.searchsorted(edges, scores)  # a bin ends with its edge, so that equal scores are in one
    of_targets, of_nontargets = (
        np.bincount(part, minlength=len(edges) + 1) for part in np.split(placed, [len(targets)])
    )
    there = np.flatnonzero((of_targets > 0) & (of_nontargets > 0))
    sums, weight = (np.bincount(placed, some, len(edges) + 1)[there] for some in (weights * scores, weights))
    said = np.asarray(sums / weight, np.float64)
    more, less = of_targets[there] + 0.5, of_nontargets[there] + 0.5
    observed = np.log(more / (len(targets) + 1)) - np.log(less / (len(nontargets) + 1))
    spread = 1.96 * np.sqrt(1 / more + 1 / less)
    return Reliability(said, observed, observed - spread, observed + spread)


def mixture_cllr(targets: Scores, nontargets: Sequence[Scores], shares: Sequence[float]) -> float:
    """Cllr in bits of target scores (T,) and K kinds of non-target scores (N_k,), whose shares sum to 1.

    Args:
        targets: Natural-log likelihood ratios of target trials (T,).
        nontargets: Those of each kind of non-target trials (N_k,).
        shares: The part of the non-target trials that each kind stands for (K,).

    Raises:
        ValueError: A set is empty, or holds NaN or infinity; or there are not as many shares as kinds.
    """
    return sum(share * cllr(targets, kind) for kind, share in zip(nontargets, shares, strict=True))


def mixture_roc(targets: Scores, nontargets: Sequence[Scores], shares: Sequence[float]) -> Roc:
    """The ROC of target scores (T,) and K kinds of non-target scores (N_k,), whose shares sum to 1.

    Its points stand just below and just above each distinct target score.

    Args:
        targets: Scores of target trials (T,).
        nontargets: Scores of each kind of non-target trials (N_k,).
        shares: The part of the non-target trials that each kind stands for (K,).

    Raises:
        ValueError: A set is empty, or holds NaN or infinity; or there are not as many shares as kinds.
    """
    targets = check_scores(targets, "target")
    values = np.unique(targets)
    rejected = np.zeros(2 * len(values))
    for kind, share in zip(nontargets, shares, strict=True):
        rejected += share * _rejected(check_scores(kind, "non-target"), values)
    p_miss = np.concatenate([[0], _rejected(targets, values), [1]])
    return Roc(p_miss, np.concatenate([[1], 1 - rejected, [0]]))


def _rejected(scores: Scores, values: Scores) -> NDArray[np.float64]:
    """The share of the scores (N,) rejected just below and just above each of the rising values (K,): (2 K,)."""
    ordered = np.sort(scores)
    below_and_above = [np.searchsorted(ordered, values, side) for side in ("left", "right")]
    return np.stack(below_and_above, axis=1).ravel() / len(ordered)  # (K, 2) -> (2 K,)
