"""When the frames of an utterance's features are."""

from __future__ import annotations

import numpy as np

from svtok.features.config import FeaturesConfig
from svtok.features.spectral import spectral_features
from svtok.features.vad import voiced_frames


def frame_times(wave: np.ndarray, config: FeaturesConfig) -> np.ndarray:
    """The middle of each frame that `compute_features` gives of samples (N,), in seconds from their start: (T,).

    Frames that voice activity detection leaves out have no time here. Raises SvtokError for a waveform that is shorter
    than one window.
    """
    features, log_energy = spectral_features(wave, config)
    kept = np.arange(len(features))
    if config.vad is not None:
        assert log_energy is not None
        kept = np.flatnonzero(voiced_frames(log_energy, config.vad))
    times: np.ndarray = (kept * config.frame_shift + config.frame_length / 2) / config.sample_rate
    return times


def frame_spans(wave: np.ndarray, config: FeaturesConfig, subsample: int) -> np.ndarray:
    """From when to when each frame of a network stands that takes one in `subsample` frames: (ceil(T / subsample), 2).

    In seconds from the start of the samples (N,). Its frame j is centred on frame j * subsample of the features, and as
    long as the step to the next.
    """
    step = subsample * config.frame_shift / config.sample_rate
    spans: np.ndarray = frame_times(wave, config)[::subsample, None] + np.array([-step / 2, step / 2])
    return spans
