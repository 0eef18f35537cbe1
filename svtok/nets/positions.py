"""Positions: vectors added to the frames after the front-end, or rotations of the frames' queries and keys.

Tokens have none: they stand at no time.
"""

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
        angles = _angles(frames, (dim + 1) // 2, x.device)
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


class RotaryPositions(nn.Module):
    """Rotates queries and keys by an angle that grows with the frame, so that the score of two frames depends on how
    far they are apart and not on where they stand (Su et al., 2021, RoFormer, section 3.2).

    The rows of tokens are left as they are. A token's scores hence tell the frames' times apart.

    Args:
        tokens: rows before the frames.
    """

    def __init__(self, tokens: int) -> None:
        super().__init__()
        self.tokens = tokens

    def forward(self, x: Tensor) -> Tensor:
        """Queries or keys (B, S, heads, size), size even -> the same, rotated."""
        tokens, frames = x[:, : self.tokens], x[:, self.tokens :]
        angles = _angles(frames.shape[1], x.shape[3] // 2, x.device)[:, None]  # (T, 1, size / 2)
        cos, sin = angles.cos(), angles.sin()  # fp32, and so is the rotation
        a, b = frames.chunk(2, dim=3)  # the two coordinates of each plane that is turned
        rotated = torch.cat([a * cos - b * sin, a * sin + b * cos], dim=3)
        return torch.cat([tokens, rotated.to(x.dtype)], dim=1)


def _angles(frames: int, count: int, device: torch.device) -> Tensor:
    """The angle of each frame at `count` rates that fall geometrically from 1 to 1 / 10000: (frames, count)."""
    rates = torch.exp(torch.arange(count, device=device) * (-math.log(10000.0) / count))
    return torch.arange(frames, device=device)[:, None] * rates


def make_positions(config: NetworkConfig) -> nn.Module:
    """What a configuration does to the frames before the encoder."""
    if config.positions == "learned":
        return LearnedPositions(config.dim, config.max_frames)
    return SinusoidalPositions() if config.positions == "sinusoidal" else NoPositions()


def make_rotation(config: NetworkConfig) -> RotaryPositions | None:
    """What a configuration does to queries and keys."""
    return RotaryPositions(len(config.token_names)) if config.positions == "rotary" else None
