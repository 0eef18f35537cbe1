"""Initial values that are drawn.

Of a network of shapes alone (device "meta") they give the shape, and draw nothing: torch would load its compiler for
it, which takes longer than loading a network.
"""

from __future__ import annotations

import torch
from torch import Tensor


def normal(*shape: int, std: float = 1, generator: torch.Generator | None = None) -> Tensor:
    """Of a normal distribution with mean 0."""
    values = torch.empty(shape)
    return values if values.is_meta else values.normal_(generator=generator).mul_(std)


def gumbel(*shape: int, generator: torch.Generator | None = None) -> Tensor:
    """Of the standard Gumbel distribution."""
    values = torch.empty(shape)
    return values if values.is_meta else -values.exponential_(generator=generator).log()
