"""Front-ends: local patterns of the acoustic features, before any token joins, by the `kind` of their configuration.

Every layer masks: a padded frame stays 0 and counts for nothing.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from svtok.nets.config import EcapaConfig, FrontEndConfig, ResidualConfig, XVectorConfig


def frame_mask(lengths: Tensor, frames: int) -> Tensor:
    """Which of the first `frames` frames of each utterance are real.

    Args:
        lengths: frames of each utterance, (B,).
        frames: T.

    Returns:
        bool (B, T).
    """
    return torch.arange(frames, device=lengths.device)[None, :] < lengths[:, None]


class MaskedBatchNorm(nn.BatchNorm1d):
    """BatchNorm over the real frames alone (Ioffe and Szegedy, 2015); padded frames come out as 0."""

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:  # type: ignore[override]
        """x (B, T, C), mask (B, T) -> (B, T, C)."""
        if not self.training:
            return super().forward(x.transpose(1, 2)).transpose(1, 2) * mask[..., None]
        out = torch.zeros_like(x)
        out[mask] = super().forward(x[mask]).to(x.dtype)  # x[mask]: (real frames, C)
        return out


class FrameConv(nn.Module):
    """1-D convolution over time. Where the padded frames of its input are 0, padding changes nothing of the real ones.

    All layers here keep to that: MaskedBatchNorm sets padded frames to 0, and what is added to them is 0 too.
    """

    def __init__(self, channels_in: int, channels_out: int, kernel: int, *, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        padding = dilation * (kernel // 2)
        self.conv = nn.Conv1d(channels_in, channels_out, kernel, stride=stride, padding=padding, dilation=dilation)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, T, C_in) -> (B, ceil(T / stride), C_out); padded frames come out as anything."""
        # a row a frame in memory too: what follows is twice as fast on it as on a transposed view
        return self.conv(x.transpose(1, 2)).transpose(1, 2).contiguous()  # (B, T', C_out)


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
        self.norm = MaskedBatchNorm(channels_out)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x (B, T, C_in), mask (B, T) -> (B, T, C_out)."""
        return self.norm(torch.relu(self.conv(x)), mask)


class SubsamplingConv(nn.Module):
    """The first convolution, over the acoustic columns; it steps over frames, and over the phonetic columns alike."""

    def __init__(self, acoustic_dim: int, channels: int, kernel: int, subsample: int) -> None:
        super().__init__()
        self.acoustic_dim, self.subsample = acoustic_dim, subsample
        self.conv = FrameConv(acoustic_dim, channels, kernel, stride=subsample)

    def forward(self, frames: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """frames (B, T, A + P), lengths (B,) -> convolved (B, T', C), phonetic (B, T', P), mask (B, T')."""
        frames = frames * frame_mask(lengths, frames.shape[1])[..., None]
        acoustic, phonetic = frames[..., : self.acoustic_dim], frames[:, :: self.subsample, self.acoustic_dim :]
        x = self.conv(acoustic)  # (B, T', C)
        shortened = (lengths + self.subsample - 1) // self.subsample
        return x, phonetic, frame_mask(shortened, x.shape[1])


class ResidualBlock(nn.Module):
    """Convolutions, each with BatchNorm and ReLU, around which the input is added (projected if its width differs)."""

    def __init__(self, channels_in: int, channels_out: int, layers: int, kernel: int, dropout: float) -> None:
        super().__init__()
        widths = [channels_in] + [channels_out] * layers
        self.convs = nn.ModuleList(FrameConv(a, b, kernel) for a, b in pairwise(widths))
        self.norms = nn.ModuleList(MaskedBatchNorm(channels_out) for _ in range(layers))
        self.shortcut = (
            nn.Identity() if channels_in == channels_out else nn.Linear(channels_in, channels_out, bias=False)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x (B, T, C_in), mask (B, T) -> (B, T, C_out)."""
        out = x
        for number, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            out = norm(conv(out), mask)
            if number + 1 < len(self.convs):
                out = torch.relu(out)
        return self.dropout(torch.relu(out + self.shortcut(x)))


class ResidualFrontEnd(nn.Module):
    """Conv1D, residual blocks, BatchNorm."""

    def __init__(self, acoustic_dim: int, phonetic_dim: int, config: ResidualConfig) -> None:
        super().__init__()
        self.first = SubsamplingConv(acoustic_dim, config.channels, config.kernel, config.subsample)
        self.norm = MaskedBatchNorm(config.channels)
        widths = (config.channels, *config.blocks)
        self.blocks = nn.ModuleList(
            ResidualBlock(a + phonetic_dim, b, config.layers_per_block, config.kernel, config.dropout)
            for a, b in pairwise(widths)
        )
        self.final_norm = MaskedBatchNorm(config.blocks[-1])

    def forward(self, frames: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """frames (B, T, F), lengths (B,) -> states (B, T', D), mask (B, T')."""
        x, phonetic, mask = self.first(frames, lengths)
        x = torch.relu(self.norm(x, mask))
        for block in self.blocks:
            x = block(torch.cat([x, phonetic], dim=2), mask)
        return self.final_norm(x, mask), mask


class Res2Conv(nn.Module):
    """Channels in `scale` groups; each but the first is convolved, after the result before it was added.

    So one layer looks at several lengths of time (Gao et al., 2021).
    """

    def __init__(self, channels: int, kernel: int, dilation: int, scale: int) -> None:
        super().__init__()
        width = channels // scale
        self.convs = nn.ModuleList(ConvReluNorm(width, width, kernel, dilation) for _ in range(scale - 1))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x (B, T, C), mask (B, T) -> (B, T, C)."""
        first, *rest = x.chunk(len(self.convs) + 1, dim=2)  # each (B, T, C / scale)
        out = [first]
        for number, (conv, group) in enumerate(zip(self.convs, rest, strict=True)):
            out.append(conv(group + out[-1] if number else group, mask))
        return torch.cat(out, dim=2)


class SqueezeExcitation(nn.Module):
    """Each channel scaled by a gate that sees the mean of all channels over the real frames (Hu et al., 2018)."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.gate = nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, channels), nn.Sigmoid())

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x (B, T, C), mask (B, T) -> (B, T, C)."""
        mean = x.sum(dim=1) / mask.sum(dim=1, keepdim=True)  # (B, C); padded frames are 0
        return x * self.gate(mean)[:, None, :]


class SeRes2Block(nn.Module):
    """Dense layer, multi-scale dilated convolutions, dense layer, channel gate; the input is added."""

    def __init__(self, channels_in: int, channels: int, dilation: int, config: EcapaConfig) -> None:
        super().__init__()
        self.before = ConvReluNorm(channels_in, channels)
        self.multi_scale = Res2Conv(channels, config.kernel, dilation, config.scale)
        self.after = ConvReluNorm(channels, channels)
        self.excitation = SqueezeExcitation(channels, config.squeeze)
        self.shortcut = nn.Identity() if channels_in == channels else nn.Linear(channels_in, channels, bias=False)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x (B, T, C_in), mask (B, T) -> (B, T, C)."""
        out = self.after(self.multi_scale(self.before(x, mask), mask), mask)
        return self.excitation(out, mask) + self.shortcut(x)


class EcapaFrontEnd(nn.Module):
    """Convolution of kernel 5, SE-Res2 blocks whose outputs are aggregated: their sums feed the next, all the last."""

    def __init__(self, acoustic_dim: int, phonetic_dim: int, config: EcapaConfig) -> None:
        super().__init__()
        channels = config.channels
        self.first = SubsamplingConv(acoustic_dim, channels, 5, config.subsample)
        self.norm = MaskedBatchNorm(channels)
        self.blocks = nn.ModuleList(
            SeRes2Block(channels + phonetic_dim, channels, dilation, config) for dilation in config.dilations
        )
        self.aggregate = ConvReluNorm(len(config.dilations) * channels, config.out_channels)

    def forward(self, frames: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """frames (B, T, F), lengths (B,) -> states (B, T', D), mask (B, T')."""
        x, phonetic, mask = self.first(frames, lengths)
        outputs = [self.norm(torch.relu(x), mask)]
        for block in self.blocks:
            # each block reads the sum of all outputs before it (section 3.3)
            outputs.append(block(torch.cat([sum(outputs[1:], outputs[0]), phonetic], dim=2), mask))
        return self.aggregate(torch.cat(outputs[1:], dim=2), mask), mask


class XVectorFrontEnd(nn.Module):
    """Frames 1 to 5 of the paper: contexts {-2..2}, {-2, 0, 2}, {-3, 0, 3}, {0}, {0}; each with ReLU and BatchNorm."""

    def __init__(self, acoustic_dim: int, phonetic_dim: int, config: XVectorConfig) -> None:
        super().__init__()
        self.first = SubsamplingConv(acoustic_dim, config.channels, 5, config.subsample)
        self.norm = MaskedBatchNorm(config.channels)
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
        x, phonetic, mask = self.first(frames, lengths)
        x = self.norm(torch.relu(x), mask)
        for block in self.blocks:
            x = block(torch.cat([x, phonetic], dim=2), mask)
        return x, mask


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
