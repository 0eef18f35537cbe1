"""Cllr: what scores cost, in bits, when used as natural-log likelihood ratios; and the least of any calibration.

N. Brümmer and J. du Preez, "Application-independent evaluation of speaker detection", Computer Speech & Language 20
(2006). 0 is perfect; 1 is what scores cost that tell nothing and say so. A cosine is no likelihood ratio: its Cllr
tells that it needs calibration, its minimum Cllr what it would cost after the best one.
"""

from __future__ import annotations

import numpy as np

from svtok.metrics.hull import convex_hull
from svtok.metrics.roc import Roc, Scores, check_scores


def cllr(targets: Scores, nontargets: Scores) -> float:
    """Cllr in bits of target scores (T,) and non-target scores (N,), taken as natural-log likelihood ratios.

    Raises ValueError where a set is empty or holds NaN or infinity.
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
