"""Voice activity by frame energy, as Kaldi's compute-vad decides it (ivector/voice-activity-detection.cc)."""

from __future__ import annotations

import numpy as np

from svtok.features.config import VadConfig


def voiced_frames(log_energy: np.ndarray, config: VadConfig) -> np.ndarray:
    """Which of the frames are voiced, bool (T,), from their log energies (T,)."""
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
