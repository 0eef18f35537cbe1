"""Front-end of ECAPA-TDNN (Desplanques, Thienpondt, Demuynck, Interspeech 2020, sections 3.2 and 3.3)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from svtok.nets.config import EcapaConfig
from svtok.nets.front_ends.layers import ConvReluNorm, SubsamplingConv
from svtok.nets.masking import MaskedBatchNorm


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
