"""Normalisation of the features of one utterance, each dimension by itself."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from svtok.features.config import FeaturesConfig

SMALLEST_DEVIATION = 1e-5  # below it a dimension is constant but for rounding
FRAMES_AT_ONCE = 32


def normalised(features: np.ndarray, config: FeaturesConfig) -> np.ndarray:
    """Features (T, F), float32, normalised as `config.normalise` says."""
    if config.normalise == "none":
        return features
    if config.normalise == "gaussianise":
        frames = round(config.gaussianise_window_s * 1000 / config.frame_shift_ms)
        return gaussianised(features, max(1, frames))
    centred = features - features.mean(axis=0, dtype=np.float64)
    if config.normalise == "mean_variance":
        centred /= np.maximum(centred.std(axis=0), SMALLEST_DEVIATION)
    return centred.astype(np.float32)


def gaussianised(features: np.ndarray, window: int) -> np.ndarray:
    """Short-time Gaussianisation, or feature warping (Pelecanos and Sridharan, Odyssey 2001), of features (T, F).

    A value becomes the normal quantile of (rank - 1/2) / W, its rank being counted from 1 among the W = `window` frames
    around it; ties share the mean of their ranks. Near the ends the window is moved inwards, and a shorter utterance is
    one window.
    """
    total = len(features)
    window = min(window, total)
    starts = np.clip(np.arange(total) - window // 2, 0, total - window)
    windows = np.lib.stride_tricks.sliding_window_view(features, window, axis=0)  # (T - W + 1, F, W), a view
    quantiles = np.empty(features.shape)
    for first in range(0, total, FRAMES_AT_ONCE):
        block = slice(first, first + FRAMES_AT_ONCE)
        around = windows[starts[block]]  # (frames, F, W)
        values = features[block, :, None]
        below, equal = (around < values).sum(axis=2), (around == values).sum(axis=2)
        quantiles[block] = (below + equal / 2) / window  # the mean rank of ties is below + (equal + 1) / 2
    warped: np.ndarray = ndtri(quantiles).astype(np.float32)
    return warped
