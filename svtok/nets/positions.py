"""Position vectors, added to the frames after the front-end. Tokens have none: they stand at no time."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from svtok.nets.config import NetworkConfig


class NoPositions(nn.Module):
    """The order of the frames is known by the convolutions alone."""

    def forward(self, x: Tensor) -> Tensor:
        return x


class SinusoidalPositions(nn.Module):
    """Sines and cosines of geometric wavelengths (Vaswani et al., 2017, section 3.5)."""

    def forward(self, x: Tensor) -> Tensor:
        """x (B, T, D) -> (B, T, D)."""
        _, frames, dim = x.shape
        half = (dim + 1) // 2
        rates = torch.exp(torch.arange(half, device=x.device) * (-math.log(10000.0) / half))
        angles = torch.arange(frames, device=x.device)[:, None] * rates  # (T, half)
        table = torch.cat([angles.sin(), angles.cos()], dim=1)[:, :dim]  # (T, D)
        return x + table.to(x.dtype)


class LearnedPositions(nn.Module):
    """One trainable vector a frame number."""

    def __init__(self, dim: int, max_frames: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.empty(max_frames, dim))
        nn.init.trunc_normal_(self.table, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, T, D) -> (B, T, D). ValueError if T is over max_frames."""
        frames, longest = x.shape[1], self.table.shape[0]
        if frames > longest:
            raise ValueError(
                f"an utterance of {frames} frames is longer than the learned positions (network.max_frames {longest})"
            )
        return x + self.table[:frames].to(x.dtype)


def make_positions(config: NetworkConfig) -> nn.Module:
    """The module that a configuration names."""
    if config.positions == "learned":
        return LearnedPositions(config.dim, config.max_frames)
    return SinusoidalPositions() if config.positions == "sinusoidal" else NoPositions()
