"""From a waveform to log-mel filter banks or MFCC, as Kaldi computes them, and their time derivatives."""

from __future__ import annotations

import functools
import math
import zlib
from typing import NamedTuple

import numpy as np
import torch

from svtok.audio.torchaudio_guard import import_torchaudio
from svtok.errors import SvtokError
from svtok.features.config import FeaturesConfig

INT16_SCALE = 32768.0  # Kaldi works on samples as they stand in a 16-bit file
EPSILON = torch.finfo(torch.float32).eps  # Kaldi's floor of a mel energy
FRAMES_AT_ONCE = 512


class Spectral(NamedTuple):
    """`features` (T, F) float32, without derivatives; `log_energy` (T,) of the frames, where the config uses it."""

    features: np.ndarray
    log_energy: np.ndarray | None


def spectral_features(wave: np.ndarray, config: FeaturesConfig) -> Spectral:
    """Filter banks or cepstra, and log energies, before derivatives, voice activity and normalisation.

    Args:
        wave: samples (N,) in [-1, 1) at the config's rate.
        config: what the features are.

    Returns:
        T = 1 + (N - window) // shift frames.

    Raises:
        SvtokError: the waveform is shorter than one window, or as `tables_of`.
    """
    size, shift = config.frame_length, config.frame_shift
    if len(wave) < size:
        raise SvtokError(f"lasts {len(wave)} samples, less than one window of {size} ({config.frame_length_ms:g} ms)")
    tables = tables_of(config)
    signal = torch.from_numpy(np.asarray(wave, dtype=np.float32)) * INT16_SCALE
    if config.dither:
        signal += config.dither * torch.randn(len(signal), generator=_generator(wave))
    mel, energy = _log_mel_and_energy(signal.unfold(0, size, shift), tables, config)
    features = mel if tables.cepstral is None else mel @ tables.cepstral  # (T, bands) or (T, num_ceps)
    if energy is None:
        return Spectral(features.numpy(), None)
    if config.log_energy:
        features = torch.cat([energy[:, None], features if config.kind == "fbank" else features[:, 1:]], dim=1)
    return Spectral(features.numpy(), energy.numpy())


def _log_mel_and_energy(
    frames: torch.Tensor, tables: Tables, config: FeaturesConfig
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Log-mel energies (T, bands) of frames (T, size), and their log energies (T,) where the config uses them."""
    mel = torch.empty(len(frames), tables.filters.shape[1])
    energy = torch.empty(len(frames)) if config.log_energy or config.vad else None
    centred = torch.empty(min(FRAMES_AT_ONCE, len(frames)), config.frame_length)
    padded = torch.zeros(len(centred), 2 * (len(tables.filters) - 1))  # right of the window it stays 0
    for first in range(0, len(frames), FRAMES_AT_ONCE):
        block = slice(first, min(first + FRAMES_AT_ONCE, len(frames)))
        count = block.stop - first
        means = frames[block].mean(dim=1, keepdim=True) if config.remove_dc else torch.zeros(1)
        torch.sub(frames[block], means, out=centred[:count])
        if energy is not None:
            torch.sum(centred[:count].square(), dim=1, out=energy[block])
        _emphasise(centred[:count], tables.window, config.preemphasis, out=padded[:count, : config.frame_length])
        squares = torch.view_as_real(torch.fft.rfft(padded[:count])).square_()  # (count, FFT bins, real and imaginary)
        torch.mm(squares[..., 0] + squares[..., 1], tables.filters, out=mel[block])
    if energy is not None:
        energy.clamp_min_(max(config.energy_floor, EPSILON)).log_()
    return mel.clamp_min_(EPSILON).log_(), energy


def _emphasise(frames: torch.Tensor, window: torch.Tensor, coefficient: float, *, out: torch.Tensor) -> None:
    """Pre-emphasis within each frame (n, size), whose first sample has itself before it, then the window."""
    torch.mul(frames[:, :-1], coefficient, out=out[:, 1:])
    torch.mul(frames[:, 0], coefficient, out=out[:, 0])
    torch.sub(frames, out, out=out)
    out.mul_(window)


class Tables(NamedTuple):
    """The numbers that a configuration stands for."""

    window: torch.Tensor  # (size,)
    filters: torch.Tensor  # (FFT bins, bands)
    cepstral: torch.Tensor | None  # (bands, num_ceps): cosine transform and liftering, for MFCC


@functools.lru_cache(maxsize=8)
def tables_of(config: FeaturesConfig) -> Tables:
    """What is the same for all utterances. Raises SvtokError for bands so narrow that they hold no FFT frequency."""
    window = _window(config.window, config.frame_length)
    padded = 1 << (config.frame_length - 1).bit_length()
    torchaudio = import_torchaudio()
    banks = [
        torchaudio.compliance.kaldi.get_mel_banks(
            bands, padded, float(config.sample_rate), config.low_freq, config.upper_freq, 100.0, -500.0, 1.0
        )[0]
        for bands in config.bands
    ]  # each (bands, padded / 2): the bin at half the sampling rate belongs to no band
    filters = torch.nn.functional.pad(torch.cat(banks), (0, 1)).T.contiguous()
    empty = int((filters.sum(dim=0) == 0).sum())
    if empty:
        raise SvtokError(
            f"{empty} of the mel bands {list(config.bands)} are narrower than a step of the {padded}-point FFT; "
            "take fewer 'bands' or a longer 'frame_length_ms'"
        )
    if config.kind == "fbank":
        return Tables(window, filters, None)
    cosine = torchaudio.functional.create_dct(config.num_ceps, config.bands[0], "ortho")  # (bands, ceps)
    return Tables(window, filters, cosine * _lifter(config.num_ceps, config.cepstral_lifter))


def _lifter(num_ceps: int, lifter: float) -> torch.Tensor:
    if lifter == 0:
        return torch.ones(num_ceps)
    return 1 + 0.5 * lifter * torch.sin(math.pi * torch.arange(num_ceps) / lifter)


def _window(kind: str, size: int) -> torch.Tensor:
    if kind == "rectangular":
        return torch.ones(size)
    if kind == "hamming":
        return torch.hamming_window(size, periodic=False)
    if kind == "blackman":
        phase = 2 * math.pi / (size - 1) * torch.arange(size)
        return 0.42 - 0.5 * torch.cos(phase) + 0.08 * torch.cos(2 * phase)
    return torch.hann_window(size, periodic=False).pow(0.85 if kind == "povey" else 1.0)


def _generator(wave: np.ndarray) -> torch.Generator:
    """Seeded by the samples themselves: the same audio always gets the same noise."""
    return torch.Generator().manual_seed(zlib.crc32(np.ascontiguousarray(wave).data))


WINDOW = 2  # frames on each side that a derivative of the first order looks at


def with_deltas(features: np.ndarray, order: int) -> np.ndarray:
    """Features (T, F) and their derivatives up to `order`: (T, (1 + order) F).

    The derivative of frame t is sum_j j x[t + j] / sum_j j^2 for j from -2 to 2, so / 10; a higher order applies this
    again. Beyond the ends the first and the last frame are repeated, once, under the filters of the higher orders too.

    >>> with_deltas(np.arange(5, dtype=np.float32)[:, None], order=1).T.round(1)
    array([[0. , 1. , 2. , 3. , 4. ],
           [0.5, 0.8, 1. , 0.8, 0.5]], dtype=float32)
    """
    reach = WINDOW * order
    derived = np.concatenate([np.repeat(features[:1], reach, 0), features, np.repeat(features[-1:], reach, 0)])
    parts = [features]
    for number in range(1, order + 1):
        slope = 2 * (derived[4:] - derived[:-4])
        slope += derived[3:-1]
        slope -= derived[1:-3]
        derived = slope / 10  # two frames fewer on each side
        parts.append(derived[reach - WINDOW * number :][: len(features)])  # (T, F)
    return np.concatenate(parts, axis=1)
