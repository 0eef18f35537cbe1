"""Memory layer: a table of trainable keys and values that every row reads (after Lample et al., 2019)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from svtok.nets.config import MemoryConfig


class MemoryLayer(nn.Module):
    """Each row's query is compared with all keys; the best keys' softmax weighs their values.

    The predecessor of the paper concatenates what was read to the input (`concat`, then a projection back to D);
    `residual` gives the value read alone, to be added by the encoder.
    """

    def __init__(self, dim: int, config: MemoryConfig) -> None:
        super().__init__()
        self.top_k = config.top_k
        self.query = nn.Linear(dim, config.key_dim)
        # keys uniform +-1/sqrt(dim), values normal with std dim^-0.5: the product-key memory's initial values
        bound = config.key_dim**-0.5
        self.keys = nn.Parameter(torch.empty(config.slots, config.key_dim).uniform_(-bound, bound))
        self.values = nn.Parameter(torch.randn(config.slots, dim) * dim**-0.5)
        self.project = nn.Linear(2 * dim, dim) if config.combine == "concat" else None

    def forward(self, x: Tensor) -> Tensor:
        """x (B, S, D) -> (B, S, D)."""
        read = self.weights(x) @ self.values  # (B, S, D)
        return read if self.project is None else self.project(torch.cat([x, read], dim=-1))

    def weights(self, x: Tensor) -> Tensor:
        """How much each slot is read by each row: (B, S, slots), each row summing to 1."""
        scores = self.query(x) @ self.keys.T  # (B, S, slots)
        if self.top_k:
            best = scores.topk(self.top_k, dim=-1)
            scores = torch.full_like(scores, -torch.inf).scatter(-1, best.indices, best.values)
        return scores.softmax(dim=-1)
