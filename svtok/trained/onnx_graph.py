"""A network and its features as one function of samples, in operations that ONNX has: what `svtok export` writes.

What numpy and torch compute in `svtok.features` is written here once more, without loops over the data, in torch: the
discrete Fourier transform as a product of matrices, voice activity as a sorting of the frames, ranks by comparing.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from svtok.errors import SvtokError
from svtok.features.config import FeaturesConfig
from svtok.features.frames import SMALLEST_DEVIATION
from svtok.features.spectral import EPSILON, INT16_SCALE, WINDOW, tables_of
from svtok.nets.network import Network
from svtok.nets.phone_network import PhoneNetwork
from svtok.nets.rows import frame_mask

PLACES_AT_ONCE = 32
"""Of the window of a Gaussianisation."""


class SampleFeatures(nn.Module):
    """The acoustic features of samples, as `svtok.features.extract.compute_features` computes them.

    Raises SvtokError for features with dither, which is drawn by the samples themselves.
    """

    window: Tensor
    transform: Tensor
    filters: Tensor
    derivatives: Tensor
    cepstral: Tensor | None

    def __init__(self, config: FeaturesConfig) -> None:
        super().__init__()
        if config.dither:
            raise SvtokError(
                f"features.dither is {config.dither:g}: noise that is drawn by the samples has no place in a graph; "
                "train the network with features.dither=0"
            )
        self.config = config
        tables = tables_of(config)
        bins = len(tables.filters)
        turns = np.outer(np.arange(config.frame_length), np.arange(bins)) / (2 * (bins - 1))
        parts = np.concatenate([np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns)], axis=1)  # (size, 2 bins)
        self.register_buffer("window", tables.window)
        self.register_buffer("transform", torch.from_numpy(parts).float())
        self.register_buffer("filters", tables.filters)
        self.register_buffer("cepstral", tables.cepstral)
        self.register_buffer("derivatives", _derivatives(config.deltas))

    def forward(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """Samples (B, N), N at least a window -> features (B, T, A), and how many frames of each are real: (B,).

        The others, where there are some, are those that voice activity detection leaves out, and may be anything.
        """
        config = self.config
        x, energy = self._spectral(samples * INT16_SCALE)
        x = _with_deltas(x, self.derivatives)
        if config.vad is None:
            lengths = torch.full_like(samples[:, 0], x.shape[1], dtype=torch.int64)
        else:
            voiced = self._voiced(energy)  # (B, T)
            places = torch.arange(x.shape[1])
            order = torch.where(voiced, places, places + x.shape[1]).argsort(dim=1)  # the voiced ones come first
            x = x.gather(1, order[..., None].expand(-1, -1, x.shape[2]))
            lengths = voiced.sum(dim=1)
        return self._normalised(x, lengths), lengths

    def _spectral(self, signal: Tensor) -> tuple[Tensor, Tensor]:
        """Signals (B, N) -> filter banks or cepstra (B, T, F), and log energies (B, T)."""
        config, size = self.config, self.config.frame_length
        count = (signal.shape[1] - size) // config.frame_shift + 1
        places = torch.arange(count)[:, None] * config.frame_shift + torch.arange(size)
        frames = signal[:, places]  # (B, T, size)
        if config.remove_dc:
            frames = frames - frames.mean(dim=2, keepdim=True)
        energy = frames.square().sum(dim=2).clamp_min(max(config.energy_floor, EPSILON)).log()
        before = torch.cat([frames[..., :1], frames[..., :-1]], dim=2)
        frames = (frames - config.preemphasis * before) * self.window
        real, imaginary = (frames @ self.transform).chunk(2, dim=2)  # each (B, T, bins)
        x = ((real.square() + imaginary.square()) @ self.filters).clamp_min(EPSILON).log()  # (B, T, bands)
        if self.cepstral is not None:
            x = x @ self.cepstral
        if config.log_energy:
            x = torch.cat([energy[..., None], x if config.kind == "fbank" else x[..., 1:]], dim=2)
        return x, energy

    def _voiced(self, energy: Tensor) -> Tensor:
        """Which frames are voiced, as `svtok.features.frames.voiced_frames` finds: (B, T) -> bool (B, T)."""
        vad = self.config.vad
        assert vad is not None
        energy = energy.double()
        threshold = vad.energy_threshold + vad.energy_mean_scale * energy.mean(dim=1, keepdim=True)
        neighbours = torch.ones(1, 1, 2 * vad.context + 1)
        loud = (energy > threshold).float()[:, None]  # (B, 1, T)
        of_all = functional.conv1d(torch.ones_like(loud), neighbours, padding=vad.context)[:, 0]  # fewer at the ends
        return functional.conv1d(loud, neighbours, padding=vad.context)[:, 0].double() >= of_all * vad.proportion

    def _normalised(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Features (B, T, A), of which each utterance's first `lengths` (B,) count, normalised as configured."""
        config = self.config
        if config.normalise == "none":
            return x
        if config.normalise == "gaussianise":
            return _gaussianised(x, lengths, max(1, round(config.gaussianise_window_s * 1000 / config.frame_shift_ms)))
        real, count = frame_mask(lengths, x.shape[1])[..., None].double(), lengths[:, None, None].double()
        centred = x.double()
        centred = centred - (centred * real).sum(dim=1, keepdim=True) / count
        if config.normalise == "mean_variance":
            variance = (centred.square() * real).sum(dim=1, keepdim=True) / count
            centred = centred / variance.sqrt().clamp_min(SMALLEST_DEVIATION)
        return centred.float()


def _derivatives(order: int) -> Tensor:
    """The filters of the orders from 0 to `order` over time: (1 + order, 1, 4 order + 1)."""
    slope = np.arange(-WINDOW, WINDOW + 1) / np.sum(np.arange(-WINDOW, WINDOW + 1) ** 2)
    taps, rows = np.ones(1), []
    for _ in range(order + 1):
        rows.append(np.pad(taps, WINDOW * order - len(taps) // 2))
        taps = np.convolve(taps, slope)
    return torch.tensor(np.stack(rows), dtype=torch.float32)[:, None]


def _with_deltas(x: Tensor, filters: Tensor) -> Tensor:
    """Features (B, T, F) and their derivatives (B, T, orders F), as `svtok.features.spectral.with_deltas`."""
    orders, _, taps = filters.shape
    if orders == 1:
        return x
    size, frames, dim = x.shape
    rows = functional.pad(x.transpose(1, 2), (taps // 2, taps // 2), mode="replicate").reshape(size * dim, 1, -1)
    found = functional.conv1d(rows, filters).reshape(size, dim, orders, frames)
    return found.permute(0, 3, 2, 1).flatten(2)  # (B, T, orders F)


def _gaussianised(x: Tensor, lengths: Tensor, width: int) -> Tensor:
    """Features (B, T, A), of which each utterance's first `lengths` count, as `svtok.features.frames.gaussianised`.

    A frame is compared with those of its window, PLACES_AT_ONCE of them at once.
    """
    frames, dim = x.shape[1:]
    window = lengths.clamp_max(width)[:, None]  # (B, 1)
    starts = torch.minimum((torch.arange(frames) - window // 2).clamp_min(0), lengths[:, None] - window)  # (B, T)
    below = torch.zeros_like(x)
    equal = torch.zeros_like(x)
    for first in range(0, width, PLACES_AT_ONCE):
        count = min(PLACES_AT_ONCE, width - first)
        offsets = torch.arange(first, first + count)
        places = (starts[..., None] + offsets).clamp(0, frames - 1)  # (B, T, offsets)
        around = x.gather(1, places.flatten(1)[..., None].expand(-1, -1, dim))
        around = around.reshape(x.shape[0], frames, count, dim)
        inside = (offsets < window)[:, None, :, None]  # (B, 1, offsets, 1)
        values = x[:, :, None]
        below = below + ((around < values) & inside).float().sum(dim=2)
        equal = equal + ((around == values) & inside).float().sum(dim=2)
    lower, whole = below + equal / 2, window[..., None].float()
    return normal_quantile(lower / whole, (whole - lower) / whole)


def normal_quantile(lower: Tensor, upper: Tensor) -> Tensor:
    """The x below which a standard normal variable is with probability `lower`, and above it with `upper`, any shape.

    PPND7 of M. J. Wichura, "Algorithm AS 241: the percentage points of the normal distribution", Applied Statistics
    37(3), 1988, which is within 1e-7 of itself; both are given, that neither end loses digits.
    """
    q = (lower - upper) / 2
    r = 0.180625 - q * q
    centre = q * (((59.109374720 * r + 159.29113202) * r + 50.434271938) * r + 3.3871327179)
    centre = centre / (((67.187563600 * r + 78.757757664) * r + 17.895169469) * r + 1)
    r = (-torch.minimum(lower, upper).clamp_min(1e-30).log()).sqrt()
    s, t = r - 1.6, r - 5
    near = (((0.17023821103 * s + 1.3067284816) * s + 2.7568153900) * s + 1.4234372777) / (
        (0.12021132975 * s + 0.73700164250) * s + 1
    )
    far = (((0.017337203997 * t + 0.42868294337) * t + 3.0812263860) * t + 6.6579051150) / (
        (0.012258202635 * t + 0.24197894225) * t + 1
    )
    tail = torch.where(r <= 5, near, far) * torch.where(q < 0, -1.0, 1.0)
    return torch.where(q.abs() <= 0.425, centre, tail)


class SampleNetwork(nn.Module):
    """Samples (B, N) -> embeddings (B, D), states of frames (B, T', W), and how many of these are real (B,).

    Args:
        network: in evaluation mode.
        features: what it was trained with.
        layer: of the encoder, whose states are given.
        phonetic: computes the phonetic columns, where the features have some.
    """

    def __init__(
        self, network: Network, features: FeaturesConfig, layer: int, phonetic: PhoneNetwork | None = None
    ) -> None:
        super().__init__()
        self.features = SampleFeatures(features)
        self.network = network
        self.phonetic = phonetic
        self.layer = layer

    def forward(self, samples: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Samples (B, N) in [-1, 1), all of one length, at the rate of the features."""
        frames, lengths = self.features(samples)
        if self.phonetic is not None:
            frames = torch.cat([frames, self.phonetic.embed(frames, lengths)], dim=2)
        return self.network.embed_with_states(frames, lengths, self.layer)
