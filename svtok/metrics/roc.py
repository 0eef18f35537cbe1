"""The ROC of two sets of scores, and the error rates that are read from it.

Scores that tie cannot be told apart by any threshold, so they are accepted or rejected together: one point of the ROC
a distinct score, and straight lines between the points. Nothing here depends on the order of the scores.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Cost:
    """What a miss and a false alarm cost, and how probable a target is (NIST's detection cost function)."""

    c_miss: float
    c_fa: float
    p_target: float

    def __post_init__(self) -> None:
        if not (self.c_miss > 0 and self.c_fa > 0 and 0 < self.p_target < 1):
            raise ValueError(f"costs must be above 0 and the probability of a target between 0 and 1, not {self}")


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
        miss, false_alarm = cost.c_miss * cost.p_target, cost.c_fa * (1 - cost.p_target)
        costs: NDArray[np.float64] = miss * self.p_miss + false_alarm * self.p_fa
        return np.atleast_1d(costs.min(axis=0) / min(miss, false_alarm))


def _at(values: NDArray[np.float64], index: NDArray[np.intp]) -> NDArray[np.float64]:
    """The value of each curve at its own point: index (1,) or (1, R) gives (1,) or (R,)."""
    return np.atleast_1d(np.take_along_axis(values, index, axis=0)[0])


def roc(targets: Scores, nontargets: Scores) -> Roc:
    """The ROC of target scores (T,) and non-target scores (N,), in any order: O((T + N) log(T + N)).

    Its points stand just below and just above each distinct target score; those between them, where only non-targets
    are, lie on the straight line from one to the next. Raises ValueError where a set is empty or holds NaN or infinity.
    """
    targets, nontargets = np.sort(check_scores(targets, "target")), np.sort(check_scores(nontargets, "non-target"))
    first = np.flatnonzero(np.concatenate([[True], targets[1:] != targets[:-1]]))
    values = targets[first]
    rejected_targets = np.stack([first, np.append(first[1:], len(targets))], axis=1)
    rejected_nontargets = np.stack([np.searchsorted(nontargets, values, side) for side in ("left", "right")], axis=1)
    # (distinct, 2) each: just below, just above -> (2 distinct + 2,) with the two ends
    return Roc(
        np.concatenate([[0], rejected_targets.ravel(), [len(targets)]]) / len(targets),
        np.concatenate([[len(nontargets)], len(nontargets) - rejected_nontargets.ravel(), [0]]) / len(nontargets),
    )


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
    """Equal error rate, a fraction. Scores (T,) and (N,); raises ValueError where a set is empty or not finite."""
    return roc(targets, nontargets).eer().item()


def min_dcf(targets: Scores, nontargets: Scores, *, c_miss: float, c_fa: float, p_target: float) -> float:
    """Least normalised detection cost: min over thresholds of c_miss p_target p_miss + c_fa (1 - p_target) p_fa,
    divided by the better trivial cost, min(c_miss p_target, c_fa (1 - p_target)). Never above 1; raises as `eer`."""
    return roc(targets, nontargets).min_dcf(Cost(c_miss, c_fa, p_target)).item()


def dcf08(targets: Scores, nontargets: Scores) -> float:
    """minDCF of NIST SRE 2008: c_miss 10, c_fa 1, p_target 0.01."""
    return roc(targets, nontargets).min_dcf(DCF08).item()


def dcf10(targets: Scores, nontargets: Scores) -> float:
    """minDCF of NIST SRE 2010: c_miss 1, c_fa 1, p_target 0.001."""
    return roc(targets, nontargets).min_dcf(DCF10).item()
