"""Time derivatives of features, as Kaldi's add-deltas computes them (feat/feature-functions.cc)."""

from __future__ import annotations

import numpy as np

WINDOW = 2  # frames on each side that a derivative of the first order looks at


def with_deltas(features: np.ndarray, order: int) -> np.ndarray:
    """Features (T, F) and their derivatives up to `order`: (T, (1 + order) F).

    The derivative of frame t is sum_j j x[t + j] / sum_j j^2 for j from -2 to 2; a higher order applies this again.
    Beyond the ends the first and the last frame are repeated, once, under the filters of the higher orders too.
    """
    slope = np.arange(-WINDOW, WINDOW + 1) / np.sum(np.arange(-WINDOW, WINDOW + 1) ** 2)
    reach = WINDOW * order
    padded = np.pad(features, ((reach, reach), (0, 0)), mode="edge")
    filter_ = np.ones(1)
    parts = []
    for _ in range(order + 1):
        half = len(filter_) // 2
        taps = [
            np.float32(tap) * padded[reach - half + k : reach - half + k + len(features)]
            for k, tap in enumerate(filter_)
        ]
        parts.append(sum(taps[1:], taps[0]))  # (T, F)
        filter_ = np.convolve(filter_, slope)
    return np.concatenate(parts, axis=1)
