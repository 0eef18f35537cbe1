"""Millions of scores counted into buckets, so that only those few need be sorted that an error rate depends on.

A bucket is an interval of scores; all are of the same width. From the counts alone the ROC is known at the edges of
the buckets, and of the points inside a bucket it is known between which two edges they lie. Where no such point can be
the one that is looked for, the scores of the bucket need not be told apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
    """Of the scores (N,), whose buckets are told (N,), those in the kept buckets (BUCKETS,), in their order."""
    blocks = [slice(start, start + SCORES_A_BLOCK) for start in range(0, len(scores), SCORES_A_BLOCK)]
    return np.concatenate([scores[some][kept[buckets[some]]] for some in blocks])
