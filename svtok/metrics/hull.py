"""The convex hull of a ROC: the thresholds that are best for some cost."""

from __future__ import annotations

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
