"""Error rates where non-targets are of several kinds, each with a share of its own, however many trials it has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from svtok.metrics.cllr import cllr
from svtok.metrics.roc import Roc, Scores, check_scores


def mixture_cllr(targets: Scores, nontargets: Sequence[Scores], shares: Sequence[float]) -> float:
    """Cllr in bits of target scores (T,) and K kinds of non-target scores (N_k,), whose shares sum to 1.

    Raises ValueError as `cllr`.
    """
    return sum(share * cllr(targets, kind) for kind, share in zip(nontargets, shares, strict=True))


def mixture_roc(targets: Scores, nontargets: Sequence[Scores], shares: Sequence[float]) -> Roc:
    """The ROC of target scores (T,) and K kinds of non-target scores (N_k,), whose shares sum to 1.

    Its points stand just below and just above each distinct target score. Raises ValueError as `roc`.
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
