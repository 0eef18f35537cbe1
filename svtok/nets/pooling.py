"""Pooling: from the states of the real frames to one vector, for the heads that have no token."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

LEAST_VARIANCE = 1e-5
"""Below it a standard deviation has no useful gradient."""


def statistics(x: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Weighted mean and standard deviation over time, in fp32.

    Args:
        x: (B, T, D); what has a weight of 0 must be finite.
        weights: (B, T, D) or (B, T, 1); each utterance's sum to 1 over time.

    Returns:
        Both (B, D).
    """
    x = x.float()
    mean = (weights * x).sum(dim=1)  # (B, D)
    # in two passes: the difference of two large squares, E[x^2] - E[x]^2, would have no digits left
    variance = (weights * (x - mean[:, None]).square()).sum(dim=1)
    return mean, variance.clamp_min(LEAST_VARIANCE).sqrt()


def even_weights(mask: Tensor) -> Tensor:
    """The same weight for each real frame, 0 for padding: mask (B, T) -> (B, T, 1)."""
    return (mask / mask.sum(dim=1, keepdim=True))[..., None]


class MeanPooling(nn.Module):
    """The mean of the real frames."""

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x (B, T, D), mask (B, T) -> (B, D)."""
        return (x * mask[..., None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)


class StatisticsPooling(nn.Module):
    """Mean and standard deviation of the real frames in a row (Snyder et al., 2018)."""

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x (B, T, D), mask (B, T) -> (B, 2 D)."""
        return torch.cat(statistics(x, even_weights(mask)), dim=1)


class AttentiveStatisticsPooling(nn.Module):
    """Mean and standard deviation, with a weight for each frame and channel, and BatchNorm.

    The attention of a frame sees the utterance's plain statistics too (Desplanques et al., 2020, section 3.1), and has
    128 hidden values as there.
    """

    def __init__(self, dim: int, hidden: int = 128) -> None:
        super().__init__()
        # together a linear layer of (frame, mean, deviation), without that row being written for each frame
        self.of_frame = nn.Linear(dim, hidden)
        self.of_context = nn.Linear(2 * dim, hidden, bias=False)
        self.score = nn.Linear(hidden, dim)
        self.norm = nn.BatchNorm1d(2 * dim)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x (B, T, D), mask (B, T) -> (B, 2 D)."""
        context = torch.cat(statistics(x, even_weights(mask)), dim=1)  # (B, 2 D)
        hidden = torch.tanh(self.of_frame(x) + self.of_context(context)[:, None])  # (B, T, hidden)
        scores = self.score(hidden).float()  # (B, T, D)
        weights = scores.masked_fill(~mask[..., None], -torch.inf).softmax(dim=1)
        return self.norm(torch.cat(statistics(x, weights), dim=1))


class StatisticsNorm(nn.Module):
    """Mean and standard deviation of the real frames, and BatchNorm."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(2 * dim)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x (B, T, D), mask (B, T) -> (B, 2 D)."""
        return self.norm(torch.cat(statistics(x, even_weights(mask)), dim=1))


class FrameSkip(nn.Module):
    """What reaches the states past the encoder: statistics of the front-end's frames over time, a projection each.

    Ours: with few training speakers, the statistics carry what attention and memory do not learn to carry. Attentive
    ones make of the network an ECAPA-TDNN, where its front-end is that one's, to which tokens are added.

    Args:
        kind: `statistics`, or `attentive-stats`, those of ECAPA-TDNN.
        dim: D, of the frames.
        out_dim: of the states.
        names: of the states, each of which has a projection of its own.
    """

    def __init__(self, kind: str, dim: int, out_dim: int, names: Sequence[str]) -> None:
        super().__init__()
        self.pooling = AttentiveStatisticsPooling(dim) if kind == "attentive-stats" else StatisticsNorm(dim)
        self.projections = nn.ModuleDict({name: nn.Linear(2 * dim, out_dim) for name in names})

    def forward(self, x: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """x (B, T, D), mask (B, T) -> (B, out_dim) for each name."""
        pooled = self.pooling(x, mask)  # (B, 2 D)
        return {name: project(pooled) for name, project in self.projections.items()}


def make_pooling(head: str, dim: int) -> nn.Module:
    """The pooling of a head without tokens."""
    if head == "attentive-stats":
        return AttentiveStatisticsPooling(dim)
    return StatisticsPooling() if head == "stats" else MeanPooling()
