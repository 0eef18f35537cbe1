"""Another sampling rate, by torchaudio or, where torch is not installed, by the same filter without it."""

from __future__ import annotations

from math import ceil, gcd

import numpy as np
from numpy.typing import NDArray

from svtok.audio.torchaudio_guard import import_torchaudio

ZERO_CROSSINGS, ROLLOFF = 6, 0.99
"""Of torchaudio's filter: those of the sinc on each side, and its edge as a share of half the lower rate."""


def resampled(wave: NDArray[np.float32], rate: int, new_rate: int) -> NDArray[np.float32]:
    """Samples (N,) at another rate: themselves where it is the same, else (ceil(N new_rate / rate),)."""
    if rate == new_rate:
        return wave
    try:
        import torch
    except ModuleNotFoundError:
        return by_filter(wave, rate, new_rate)
    resample = import_torchaudio().functional.resample
    converted: NDArray[np.float32] = resample(torch.from_numpy(wave), rate, new_rate).numpy()
    return converted


def by_filter(wave: NDArray[np.float32], rate: int, new_rate: int) -> NDArray[np.float32]:
    """As `resampled`, without torch: a sinc of ZERO_CROSSINGS under a Hann window, as `torchaudio.functional.resample`.

    (J. O. Smith, "Digital audio resampling", 2002, https://ccrma.stanford.edu/~jos/resample.)
    """
    from scipy.signal import resample_poly

    common = gcd(rate, new_rate)
    down, up = rate // common, new_rate // common
    edge = min(down, up) * ROLLOFF
    half = ceil(ZERO_CROSSINGS * down * up / edge)  # steps of 1 / (down up) on each side
    times = np.clip(edge * np.arange(-half, half + 1) / (down * up), -ZERO_CROSSINGS, ZERO_CROSSINGS)
    taps = np.sinc(times) * np.cos(np.pi * times / ZERO_CROSSINGS / 2) ** 2 * edge / down
    converted: NDArray[np.float32] = resample_poly(wave, up, down, window=taps / up).astype(np.float32)
    return converted
