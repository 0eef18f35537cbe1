"""What happens to speech between the vocal tract and the file: filter, room, noise and level."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import fft, signal

FILTER_TAPS = 129
LOWEST_OF_TILT = 200.0  # Hz below which an effort or a noise does not tilt the spectrum
PEAK = 0.95  # of full scale: the loudest sample that is left


def gain_curve(terms: Sequence[float], frequencies: np.ndarray, sample_rate: int) -> np.ndarray:
    """Gain in dB at each frequency (n,) in Hz: a sum of cosines, term k making k half-waves up to half the rate."""
    orders = np.arange(1, len(terms) + 1)
    return np.cos(np.pi * np.outer(frequencies * 2 / sample_rate, orders)) @ np.asarray(terms)


def tilt(decibels_per_octave: float, frequencies: np.ndarray) -> np.ndarray:
    """Gain in dB at each frequency (n,) in Hz of a spectrum tilted about 1 kHz."""
    return decibels_per_octave * np.log2(np.maximum(frequencies, LOWEST_OF_TILT) / 1000)


def filtered(wave: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """The wave (n,) through a linear-phase filter: `gain` (points,) in dB, evenly spread from 0 to half the rate."""
    taps = signal.firwin2(FILTER_TAPS, np.linspace(0, 1, len(gain)), 10 ** (gain / 20))
    return signal.oaconvolve(wave, taps, mode="same")


def in_room(
    wave: np.ndarray, reverberation: float, echo: float, sample_rate: int, random: np.random.Generator
) -> np.ndarray:
    """The wave (n,) in a small room: a tail of decaying noise, `echo` dB over the direct sound, which falls by 60 dB
    in `reverberation` seconds (Moorer, "About this reverberation business", 1979)."""
    times = np.arange(1, int(reverberation * sample_rate)) / sample_rate
    tail = random.standard_normal(len(times)) * 10 ** (-3 * times / reverberation)
    tail *= 10 ** (echo / 20) / np.sqrt(np.sum(tail**2))
    return signal.fftconvolve(wave, np.concatenate([[1.0], tail]))[: len(wave)]


def with_noise(
    wave: np.ndarray, snr: float, colour: float, sample_rate: int, random: np.random.Generator
) -> np.ndarray:
    """The wave (n,) with noise `snr` dB below it whose spectrum falls by `colour` dB per octave."""
    size = fft.next_fast_len(len(wave), real=True)
    gain = tilt(colour, fft.rfftfreq(size, 1 / sample_rate))
    noise = fft.irfft(fft.rfft(random.standard_normal(size)) * 10 ** (gain / 20), size)[: len(wave)]
    return wave + noise * rms(wave) / rms(noise) * 10 ** (-snr / 20)


def at_level(wave: np.ndarray, level: float) -> np.ndarray:
    """The wave (n,) at an RMS of `level` dB of full scale, or at what its peak allows."""
    return wave * min(10 ** (level / 20) / rms(wave), PEAK / np.abs(wave).max())


def rms(wave: np.ndarray) -> float:
    """Root mean square of the wave (n,)."""
    return float(np.sqrt(np.mean(wave**2)))
