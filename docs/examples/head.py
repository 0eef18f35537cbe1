"""A head without a token: the largest value of each channel over the real frames."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from svtok.nets.config import NetworkConfig
from svtok.nets.network import Network


class MaxPooling(nn.Module):
    """The largest value of each channel over time; padding never wins."""

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x (B, T, D), mask (B, T) -> (B, D)."""
        return x.masked_fill(~mask[..., None], -torch.inf).amax(dim=1)


def make_network(config: NetworkConfig, feature_dim: int, classes: int) -> Network:
    """A network of head `avg` that takes the maximum in place of the mean."""
    network = Network(config, feature_dim, classes)
    network.pooling = MaxPooling()
    return network
