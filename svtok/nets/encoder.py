"""The encoder: layers of self-attention, each followed by a memory layer, a feed-forward, or both."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from torch import Tensor, nn

from svtok.nets.attention import SelfAttention
from svtok.nets.config import NetworkConfig
from svtok.nets.memory import MemoryLayer
from svtok.nets.positions import make_rotation


def _feed_forward(dim: int, hidden: int, dropout: float) -> nn.Module:
    return nn.Sequential(nn.Linear(dim, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, dim))


class EncoderLayer(nn.Module):
    """Attention, then feed-forward and memory where configured; each pre-normalised and added: x + part(norm(x))."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        dim, parts = config.dim, config.after_attention
        self.attention_norm = nn.LayerNorm(dim)
        self.attention = SelfAttention(dim, config.attention_heads, config.dropout, make_rotation(config))
        self.feed_forward = self.memory = None
        if parts in ("feed-forward", "feed-forward-memory"):
            self.feed_forward_norm = nn.LayerNorm(dim)
            self.feed_forward = _feed_forward(dim, config.feed_forward_dim, config.dropout)
        if parts in ("memory", "feed-forward-memory"):
            self.memory_norm = nn.LayerNorm(dim)
            self.memory = MemoryLayer(dim, config.memory)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, mask: Tensor, rows: int | None = None) -> Tensor:
        """x (B, S, D), mask (B, S) -> the first `rows` rows (all by default), (B, rows, D)."""
        attended = self.attention(self.attention_norm(x), mask, rows)
        x = x[:, :rows] + self.dropout(attended)
        if self.feed_forward is not None:
            x = x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))
        if self.memory is not None:
            x = x + self.dropout(self.memory(self.memory_norm(x), mask[:, :rows]))
        return x


class Encoder(nn.Module):
    """The stack of layers and a last LayerNorm."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(EncoderLayer(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.dim)

    def forward(self, x: Tensor, mask: Tensor, rows: int | None = None) -> Tensor:
        """x (B, S, D), mask (B, S) -> (B, rows, D): only the last layer is spared the rows nobody asks for."""
        for layer in self.layers[:-1]:
            x = layer(x, mask)
        return self.norm(self.layers[-1](x, mask, rows))

    def attention(self, x: Tensor, mask: Tensor, rows: int) -> list[Tensor]:
        """The attention weights of the first `rows` rows to all S rows, one tensor (B, heads, rows, S) a layer."""
        weights = []
        for layer in cast("Iterable[EncoderLayer]", self.layers):
            weights.append(layer.attention.attend(layer.attention_norm(x), mask, rows)[0])
            x = layer(x, mask)
        return weights
