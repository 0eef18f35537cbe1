"""Front-ends: local patterns of the acoustic features, before any token joins, by the `kind` of their configuration.

What they compute of a frame is a row. Where padding would count, no row is there, or it is 0 (`svtok.nets.rows`).
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from svtok.nets.config import EcapaConfig, FrontEndConfig, ResidualConfig, XVectorConfig
from svtok.nets.rows import FrameConv, RowNorm, Rows, channels_last_conv, frame_mask, sent


class ConvReluNorm(nn.Module):
    """Convolution, ReLU, BatchNorm: the order of the TDNNs (Snyder et al., 2018; Desplanques et al., 2020)."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int = 1, dilation: int = 1) -> None:
        super().__init__()
        # a convolution of one frame is a linear layer, without turning the memory around
        one = kernel == 1
        self.conv = (
            nn.Linear(channels_in, channels_out)
            if one
            else FrameConv(channels_in, channels_out, kernel, dilation=dilation)
        )
        self.norm = RowNorm(channels_out)

    def forward(self, x: Tensor, rows: Rows) -> Tensor:
        """x (..., C_in) -> (..., C_out)."""
        x = self.conv(x) if isinstance(self.conv, nn.Linear) else self.conv(x, rows)
        return self.norm(torch.relu_(x), rows)


class SubsamplingConv(nn.Module):
    """The first convolution, over the acoustic columns; it steps over frames, and over the phonetic columns alike."""

    def __init__(self, acoustic_dim: int, channels: int, kernel: int, subsample: int) -> None:
        super().__init__()
        self.acoustic_dim, self.subsample = acoustic_dim, subsample
        self.conv = FrameConv(acoustic_dim, channels, kernel, stride=subsample)

    def forward(self, frames: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Rows]:
        """frames (B, T, A + P), lengths (B,) -> convolved (..., C), phonetic (..., P), and the rows that these are."""
        mask = sent(frame_mask(lengths, frames.shape[1]), frames.device)
        frames = frames * mask[..., None]
        acoustic, phonetic = frames[..., : self.acoustic_dim], frames[:, :: self.subsample, self.acoustic_dim :]
        x = channels_last_conv(acoustic, self.conv.conv)  # (B, T', C)
        shortened = (lengths + self.subsample - 1) // self.subsample
        rows = Rows(shortened, x.shape[1], x.device, packed=self.training)
        return rows.pack(x), rows.pack(phonetic), rows


def beside(x: Tensor, phonetic: Tensor) -> Tensor:
    """x (..., C) with phonetic columns (..., P) behind it: (..., C + P); itself where there are none."""
    return torch.cat([x, phonetic], dim=-1) if phonetic.shape[-1] else x


class ResidualBlock(nn.Module):
    """Convolutions, each with BatchNorm and ReLU, around which the input is added (projected if its width differs)."""

    def __init__(self, channels_in: int, channels_out: int, layers: int, kernel: int, dropout: float) -> None:
        super().__init__()
        widths = [channels_in] + [channels_out] * layers
        self.convs = nn.ModuleList(FrameConv(a, b, kernel) for a, b in pairwise(widths))
        self.norms = nn.ModuleList(RowNorm(channels_out) for _ in range(layers))
        self.shortcut = (
            nn.Identity() if channels_in == channels_out else nn.Linear(channels_in, channels_out, bias=False)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, rows: Rows) -> Tensor:
        """x (..., C_in) -> (..., C_out)."""
        out = x
        for number, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            out = norm(conv(out, rows), rows)
            if number + 1 < len(self.convs):
                out = torch.relu_(out)
        return self.dropout(torch.relu_(out + self.shortcut(x)))


class ResidualFrontEnd(nn.Module):
    """Conv1D, residual blocks, BatchNorm."""

    def __init__(self, acoustic_dim: int, phonetic_dim: int, config: ResidualConfig) -> None:
        super().__init__()
        self.first = SubsamplingConv(acoustic_dim, config.channels, config.kernel, config.subsample)
        self.norm = RowNorm(config.channels)
        widths = (config.channels, *config.blocks)
        self.blocks = nn.ModuleList(
            ResidualBlock(a + phonetic_dim, b, config.layers_per_block, config.kernel, config.dropout)
            for a, b in pairwise(widths)
        )
        self.final_norm = RowNorm(config.blocks[-1])

    def forward(self, frames: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """frames (B, T, F), lengths (B,) -> states (B, T', D), mask (B, T')."""
        x, phonetic, rows = self.first(frames, lengths)
        x = torch.relu_(self.norm(x, rows))
        for block in self.blocks:
            x = block(beside(x, phonetic), rows)
        return rows.unpack(self.final_norm(x, rows)), rows.mask


class Res2Conv(nn.Module):
    """Channels in `scale` groups; each but the first is convolved, after the result before it was added.

    So one layer looks at several lengths of time (Gao et al., 2021).
    """

    def __init__(self, channels: int, kernel: int, dilation: int, scale: int) -> None:
        super().__init__()
        width = channels // scale
        self.convs = nn.ModuleList(ConvReluNorm(width, width, kernel, dilation) for _ in range(scale - 1))

    def forward(self, x: Tensor, rows: Rows) -> Tensor:
        """x (..., C) -> (..., C)."""
        first, *rest = x.chunk(len(self.convs) + 1, dim=-1)  # each (..., C / scale)
        out = [first]
        for number, (conv, group) in enumerate(zip(self.convs, rest, strict=True)):
            out.append(conv(group + out[-1] if number else group, rows))
        return torch.cat(out, dim=-1)


class SqueezeExcitation(nn.Module):
    """Each channel scaled by a gate that sees the mean of all channels over the real frames (Hu et al., 2018)."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.gate = nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, channels), nn.Sigmoid())

    def forward(self, x: Tensor, rows: Rows) -> Tensor:
        """x (..., C) -> (..., C)."""
        padded = rows.unpack(x)  # (B, T, C); padded frames are 0
        mean = padded.sum(dim=1) / rows.mask.sum(dim=1, keepdim=True)  # (B, C)
        return rows.pack(padded * self.gate(mean)[:, None, :])


class SeRes2Block(nn.Module):
    """Dense layer, multi-scale dilated convolutions, dense layer, channel gate; the input is added."""

    def __init__(self, channels_in: int, channels: int, dilation: int, config: EcapaConfig) -> None:
        super().__init__()
        self.before = ConvReluNorm(channels_in, channels)
        self.multi_scale = Res2Conv(channels, config.kernel, dilation, config.scale)
        self.after = ConvReluNorm(channels, channels)
        self.excitation = SqueezeExcitation(channels, config.squeeze)
        self.shortcut = nn.Identity() if channels_in == channels else nn.Linear(channels_in, channels, bias=False)

    def forward(self, x: Tensor, rows: Rows) -> Tensor:
        """x (..., C_in) -> (..., C)."""
        out = self.after(self.multi_scale(self.before(x, rows), rows), rows)
        return self.excitation(out, rows) + self.shortcut(x)


class EcapaFrontEnd(nn.Module):
    """Convolution of kernel 5, SE-Res2 blocks whose outputs are aggregated: their sums feed the next, all the last."""

    def __init__(self, acoustic_dim: int, phonetic_dim: int, config: EcapaConfig) -> None:
        super().__init__()
        channels = config.channels
        self.first = SubsamplingConv(acoustic_dim, channels, 5, config.subsample)
        self.norm = RowNorm(channels)
        self.blocks = nn.ModuleList(
            SeRes2Block(channels + phonetic_dim, channels, dilation, config) for dilation in config.dilations
        )
        self.aggregate = ConvReluNorm(len(config.dilations) * channels, config.out_channels)

    def forward(self, frames: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """frames (B, T, F), lengths (B,) -> states (B, T', D), mask (B, T')."""
        x, phonetic, rows = self.first(frames, lengths)
        outputs = [self.norm(torch.relu_(x), rows)]
        for block in self.blocks:
            # each block reads the sum of all outputs before it (section 3.3)
            outputs.append(block(beside(sum(outputs[1:], outputs[0]), phonetic), rows))
        return rows.unpack(self.aggregate(torch.cat(outputs[1:], dim=-1), rows)), rows.mask


class XVectorFrontEnd(nn.Module):
    """Frames 1 to 5 of the paper: contexts {-2..2}, {-2, 0, 2}, {-3, 0, 3}, {0}, {0}; each with ReLU and BatchNorm."""

    def __init__(self, acoustic_dim: int, phonetic_dim: int, config: XVectorConfig) -> None:
        super().__init__()
        self.first = SubsamplingConv(acoustic_dim, config.channels, 5, config.subsample)
        self.norm = RowNorm(config.channels)
        width = config.channels + phonetic_dim
        self.blocks = nn.ModuleList(
            [
                ConvReluNorm(width, config.channels, kernel=3, dilation=2),
                ConvReluNorm(width, config.channels, kernel=3, dilation=3),
                ConvReluNorm(width, config.channels),
                ConvReluNorm(width, config.out_channels),
            ]
        )

    def forward(self, frames: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """frames (B, T, F), lengths (B,) -> states (B, T', D), mask (B, T')."""
        x, phonetic, rows = self.first(frames, lengths)
        x = self.norm(torch.relu_(x), rows)
        for block in self.blocks:
            x = block(beside(x, phonetic), rows)
        return rows.unpack(x), rows.mask


def make_front_end(feature_dim: int, phonetic_dim: int, config: FrontEndConfig) -> nn.Module:
    """The front-end that a configuration names.

    Args:
        feature_dim: F, all columns of a frame.
        phonetic_dim: P, how many of the last of them are phonetic; 0 where none are.
    """
    if not 0 <= phonetic_dim < feature_dim:
        raise ValueError(f"{phonetic_dim} phonetic columns leave no acoustic ones of {feature_dim}")
    acoustic_dim = feature_dim - phonetic_dim
    if isinstance(config, EcapaConfig):
        return EcapaFrontEnd(acoustic_dim, phonetic_dim, config)
    if isinstance(config, XVectorConfig):
        return XVectorFrontEnd(acoustic_dim, phonetic_dim, config)
    return ResidualFrontEnd(acoustic_dim, phonetic_dim, config)
