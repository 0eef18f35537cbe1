"""Front-end of the x-vector network: five dilated convolutions (Snyder et al., "X-vectors", ICASSP 2018, table 1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from svtok.nets.config import XVectorConfig
from svtok.nets.front_ends.layers import ConvReluNorm, SubsamplingConv
from svtok.nets.masking import MaskedBatchNorm


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
