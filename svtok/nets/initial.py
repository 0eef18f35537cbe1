"""Initial values that are drawn: of a seed the same with every version of torch, on a CPU.

`trunc_normal_` and `exponential_` would not be: torch 2.6 and 2.13 draw other values. Of a network of shapes alone
(device "meta") they give the shape, and draw nothing: torch would load its compiler for it, which takes longer than
loading a network.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def normal(*shape: int, std: float = 1, generator: torch.Generator | None = None) -> Tensor:
    """Of a normal distribution with mean 0."""
    values = torch.empty(shape)
    return values if values.is_meta else values.normal_(generator=generator).mul_(std)


def fill_normal(values: Tensor, std: float) -> None:
    """Of a normal distribution with mean 0, in place of what a parameter holds."""
    if not values.is_meta:
        nn.init.normal_(values, std=std)


def gumbel(*shape: int, generator: torch.Generator | None = None) -> Tensor:
    """Of the standard Gumbel distribution."""
    values = torch.empty(shape)
    if values.is_meta:
        return values
    exponential = -torch.log1p(-torch.rand(shape, dtype=torch.float64, generator=generator))
    return -exponential.to(values.dtype).log()
