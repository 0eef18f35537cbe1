"""Convolutional front-end: local patterns of the acoustic features, before any token joins."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from svtok.nets.config import FrontEndConfig
from svtok.nets.masking import MaskedBatchNorm, frame_mask


class FrameConv(nn.Module):
    """1-D convolution over time that sees zeros beyond an utterance's end, padded or not."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv1d(channels_in, channels_out, kernel, stride=stride, padding=kernel // 2)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x (B, T, C_in), mask (B, T) -> (B, ceil(T / stride), C_out); what it makes of padding is not zeroed."""
        x = x * mask[..., None]
        return self.conv(x.transpose(1, 2)).transpose(1, 2)  # (B, T', C_out)


class ResidualBlock(nn.Module):
    """Convolutions, each with BatchNorm and ReLU, around which the input is added (projected if it is narrower)."""

    def __init__(self, channels_in: int, channels_out: int, layers: int, kernel: int, dropout: float) -> None:
        super().__init__()
        widths = [channels_in] + [channels_out] * layers
        self.convs = nn.ModuleList(FrameConv(a, b, kernel) for a, b in pairwise(widths))
        self.norms = nn.ModuleList(MaskedBatchNorm(channels_out) for _ in range(layers))
        self.shortcut = nn.Identity() if channels_in == channels_out else nn.Linear(channels_in, channels_out)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x (B, T, C_in), mask (B, T) -> (B, T, C_out)."""
        out = x
        for number, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            out = norm(conv(out, mask), mask)
            if number + 1 < len(self.convs):
                out = torch.relu(out)
        return self.dropout(torch.relu(out + self.shortcut(x)))


class FrontEnd(nn.Module):
    """Conv1D, residual blocks, BatchNorm (predecessor's architecture, SdSV 2020 system description, archA)."""

    def __init__(self, feature_dim: int, config: FrontEndConfig) -> None:
        super().__init__()
        self.subsample = config.subsample
        self.conv = FrameConv(feature_dim, config.channels, config.kernel, stride=config.subsample)
        self.norm = MaskedBatchNorm(config.channels)
        widths = (config.channels, *config.blocks)
        self.blocks = nn.ModuleList(
            ResidualBlock(a, b, config.layers_per_block, config.kernel, config.dropout) for a, b in pairwise(widths)
        )
        self.final_norm = MaskedBatchNorm(config.blocks[-1])

    def forward(self, frames: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """frames (B, T, F), lengths (B,) -> states (B, T', D), mask (B, T'); T' = ceil(T / subsample)."""
        x = self.conv(frames, frame_mask(lengths, frames.shape[1]))  # (B, T', C)
        lengths = (lengths + self.subsample - 1) // self.subsample
        mask = frame_mask(lengths, x.shape[1])
        x = torch.relu(self.norm(x, mask))
        for block in self.blocks:
            x = block(x, mask)
        return self.final_norm(x, mask), mask
