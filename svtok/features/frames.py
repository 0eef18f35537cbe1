"""The frames of an utterance: which are kept (voice activity), when they are, and their normalisation."""

from __future__ import annotations

import numpy as np

from svtok.features.config import FeaturesConfig, VadConfig
from svtok.features.spectral import spectral_features


def voiced_frames(log_energy: np.ndarray, config: VadConfig) -> np.ndarray:
    """Which of the frames are voiced.

    Args:
        log_energy: of each frame (T,), natural logarithms on the scale of 16-bit samples.
        config: the thresholds.

    Returns:
        bool (T,).

    >>> voiced_frames(np.array([1.0, 1, 20, 20, 20, 1, 1]), VadConfig(context=1))
    array([False, False,  True,  True,  True, False, False])
    """
    threshold = config.energy_threshold + config.energy_mean_scale * log_energy.mean(dtype=np.float64)
    neighbours = np.ones(2 * config.context + 1)
    loud = _sums(log_energy > threshold, neighbours)
    there = _sums(np.ones(len(log_energy), dtype=bool), neighbours)  # fewer at the ends
    voiced: np.ndarray = loud >= there * config.proportion
    return voiced


def _sums(flags: np.ndarray, neighbours: np.ndarray) -> np.ndarray:
    """Number of true flags among the frames up to `len(neighbours) // 2` away from each frame."""
    context = len(neighbours) // 2
    return np.convolve(flags.astype(np.float64), neighbours)[context : context + len(flags)]


def frame_times(wave: np.ndarray, config: FeaturesConfig) -> np.ndarray:
    """The middle of each frame that `compute_features` gives of samples; those that it leaves out have none.

    Args:
        wave: samples (N,).
        config: what the features are.

    Returns:
        Seconds from the first sample (T,).

    Raises:
        SvtokError: the waveform is shorter than one window.
    """
    features, log_energy = spectral_features(wave, config)
    kept = np.arange(len(features))
    if config.vad is not None:
        assert log_energy is not None
        kept = np.flatnonzero(voiced_frames(log_energy, config.vad))
    times: np.ndarray = (kept * config.frame_shift + config.frame_length / 2) / config.sample_rate
    return times


def frame_spans(wave: np.ndarray, config: FeaturesConfig, subsample: int) -> np.ndarray:
    """From when to when each frame of a network stands.

    Its frame j is centred on frame j * subsample of the features, and as long as the step to the next.

    Args:
        wave: samples (N,).
        config: what the T features are.
        subsample: the network takes one in so many.

    Returns:
        Seconds from the first sample (ceil(T / subsample), 2).

    Raises:
        SvtokError: the waveform is shorter than one window.
    """
    step = subsample * config.frame_shift / config.sample_rate
    spans: np.ndarray = frame_times(wave, config)[::subsample, None] + np.array([-step / 2, step / 2])
    return spans


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

    Args:
        features: (T, F).
        window: W, frames.

    Returns:
        (T, F), float32.

    >>> gaussianised(np.array([[10.0], [30.0], [20.0]]), window=3).round(2).ravel()
    array([-0.97,  0.97,  0.  ], dtype=float32)
    """
    from scipy.special import ndtri  # slow to load, and rarely needed

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
