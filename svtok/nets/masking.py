"""Layers that padding cannot touch: a padded frame stays 0 and counts for nothing."""

from __future__ import annotations

import torch
from torch import Tensor, nn


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
