"""Cepstra of log-mel filter banks, computed inside a network: another view of the features that it reads."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from svtok.nets.rows import frame_mask, sent

# The numbers of svtok.features.spectral and .frames once more, of which nets know nothing; a test compares the two.
CEPSTRA = 20
"""With C0, and with derivatives of two orders beside them: 60 dimensions, as the MFCC of egs/*/conf/cepstra.yaml."""
ORDERS = 2
REACH = 2  # frames on each side that a derivative of the first order looks at
SMALLEST_DEVIATION = 1e-5


class Cepstra(nn.Module):
    """The first cepstra, their derivatives, and the mean and variance of each over an utterance made 0 and 1.

    They are those of `svtok.features` of kind mfcc with deltas 2 and normalise mean_variance, of the same bands.
    Liftering is left out, as it goes with the variance. Where features have voiced frames alone, derivatives are of
    these.

    Args:
        bands: log-mel bands, one bank of filters.
    """

    cosines: Tensor

    def __init__(self, bands: int) -> None:
        super().__init__()
        if bands < CEPSTRA:
            raise ValueError(f"{CEPSTRA} cepstra need as many mel bands at least, not {bands}")
        angles = math.pi / bands * (torch.arange(bands) + 0.5)[:, None] * torch.arange(CEPSTRA)  # (bands, CEPSTRA)
        scales = torch.tensor([math.sqrt(1 / bands)] + (CEPSTRA - 1) * [math.sqrt(2 / bands)])
        self.register_buffer("cosines", torch.cos(angles) * scales, persistent=False)

    @property
    def dim(self) -> int:
        """Dimensions of a frame."""
        return CEPSTRA * (1 + ORDERS)

    def forward(self, bands: Tensor, lengths: Tensor) -> Tensor:
        """bands (B, T, bands), lengths (B,) -> (B, T, dim) in fp32; what stands beyond the lengths means nothing."""
        with torch.autocast(bands.device.type, enabled=False):
            lengths = sent(lengths, bands.device)
            parts = _with_derivatives(bands.float() @ self.cosines, lengths)  # (B, T, dim)
            real = frame_mask(lengths, parts.shape[1])[..., None]  # (B, T, 1)
            count = lengths[:, None, None]
            centred = (parts - (parts * real).sum(dim=1, keepdim=True) / count) * real
            deviation = (centred.square().sum(dim=1, keepdim=True) / count).sqrt()  # (B, 1, dim)
            return centred / deviation.clamp(min=SMALLEST_DEVIATION)


def _with_derivatives(x: Tensor, lengths: Tensor) -> Tensor:
    """x (B, T, C) and its derivatives: (B, T, (1 + ORDERS) C).

    As `svtok.features.spectral.with_deltas`: beyond the ends the first and the last frame are repeated.
    """
    frames, around = x.shape[1], REACH * ORDERS
    place = torch.arange(-around, frames + around, device=x.device).clamp(min=0)  # (T + 2 around,)
    place = torch.minimum(place[None, :], lengths[:, None] - 1)  # (B, T + 2 around)
    derived = x.gather(1, place[..., None].expand(-1, -1, x.shape[2]))  # (B, T + 2 around, C)
    parts = [derived[:, around : around + frames]]
    for order in range(1, ORDERS + 1):
        slope = 2 * (derived[:, 4:] - derived[:, :-4]) + derived[:, 3:-1] - derived[:, 1:-3]
        derived = slope / 10  # REACH frames fewer on each side
        first = around - REACH * order
        parts.append(derived[:, first : first + frames])
    return torch.cat(parts, dim=2)
