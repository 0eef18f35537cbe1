"""Residual front-end: the paper's predecessor's (SdSV 2020 system description of the authors, archA)."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from svtok.nets.config import ResidualConfig
from svtok.nets.front_ends.layers import FrameConv, SubsamplingConv
from svtok.nets.masking import MaskedBatchNorm


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
