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
