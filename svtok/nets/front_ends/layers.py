"""What all front-ends are made of: a convolution that padding cannot touch, and the first one, which subsamples."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from svtok.nets.masking import MaskedBatchNorm, frame_mask


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
