"""The encoder: positions, and layers of self-attention, each followed by a memory layer, a feed-forward, or both."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from svtok.nets.config import NetworkConfig
from svtok.nets.initial import fill_normal
from svtok.nets.memory import MemoryLayer
from svtok.nets.rows import is_exporting


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
        fill_normal(self.table, std=0.02)

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

    The rows of tokens are left as they are. Hence a token's scores depend on the frames' times.

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


class SelfAttention(nn.Module):
    """Dot-product attention of every row (token or frame) to every real row.

    `rotation` is applied to queries and keys, each (B, S, heads, D / heads).
    """

    def __init__(self, dim: int, heads: int, dropout: float, rotation: nn.Module | None = None) -> None:
        super().__init__()
        if dim % heads:
            raise ValueError(f"{heads} heads do not divide {dim} dimensions")
        self.heads = heads
        self.rotation = nn.Identity() if rotation is None else rotation
        self.query = nn.Linear(dim, dim)
        self.key_value = nn.Linear(dim, 2 * dim)
        self.out = nn.Linear(dim, dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor, rows: int | None = None) -> Tensor:
        """Attend from the first `rows` rows (all by default) to all real rows.

        Args:
            x: (B, S, D).
            mask: bool (B, S), True where a row is real; at least one in each utterance.
            rows: how many rows to compute, since the last layer needs its tokens alone.

        Returns:
            (B, rows, D).
        """
        if rows is not None and isinstance(self.rotation, nn.Identity):
            return self._few(x, mask, rows)
        query, key, value = self._parts(x, rows)
        if self._fused(x):
            dropped = self.dropout.p if self.training else 0.0
            real = mask[:, None, None, :]
            out = functional.scaled_dot_product_attention(query, key, value, attn_mask=real, dropout_p=dropped)
        else:
            out = self.dropout(_weights(query, key, mask)) @ value  # (B, heads, rows, D / heads)
        return self.out(out.transpose(1, 2).flatten(2))  # (B, rows, D)

    def _fused(self, x: Tensor) -> bool:
        """Whether torch's fused attention is the faster one, of the same numbers. Elsewhere the softmax is written out.

        Of 250 frames on a CPU, in fp32, it takes 0.8 of the time, in bf16 training 1.4 times as long, and with dropout
        it is not fused. An exported graph has the softmax written out.
        """
        if x.device.type != "cpu":
            return True
        dropped = self.training and self.dropout.p > 0
        return not (dropped or torch.is_autocast_enabled("cpu") or is_exporting())

    def _few(self, x: Tensor, mask: Tensor, rows: int) -> Tensor:
        """What `forward` gives for a few rows, without keys and values of all S: with an equal sum in another order.

        q . (K x) = (K' q) . x, and a weighted sum of V x is V of the weighted sum of x. The keys' bias adds the same to
        all scores of a row, which the softmax takes away again.
        """
        batch, heads, size = x.shape[0], self.heads, x.shape[2] // self.heads
        keys, values = self.key_value.weight.reshape(2, heads, size, -1).unbind(0)  # each (heads, size, D)
        query = self.query(x[:, :rows]).reshape(batch * rows, heads, size).transpose(0, 1)  # (heads, B * rows, size)
        asked = (query @ keys).reshape(heads, batch, rows, -1).transpose(0, 1)  # (B, heads, rows, D)
        scores = asked.flatten(1, 2) @ x.transpose(1, 2) * size**-0.5  # (B, heads * rows, S)
        weights = self.dropout(scores.masked_fill(~mask[:, None], -torch.inf).softmax(dim=2))
        read = (weights @ x).reshape(batch, heads, rows, -1).transpose(0, 1)  # (heads, B, rows, D)
        out = read.flatten(1, 2) @ values.transpose(1, 2)  # (heads, B * rows, size)
        shares = weights.sum(dim=2).reshape(batch, heads, rows).transpose(0, 1).flatten(1)  # (heads, B * rows)
        bias = self.key_value.bias.reshape(2, heads, 1, size)[1]
        out = out + shares[..., None] * bias  # dropout leaves other shares than 1
        return self.out(out.transpose(0, 1).reshape(batch, rows, -1))  # (B, rows, D)

    def attend(self, x: Tensor, mask: Tensor, rows: int | None = None) -> tuple[Tensor, Tensor]:
        """Attention weights (B, heads, rows, S), each row summing to 1, and values (B, heads, S, D / heads).

        Args:
            x: (B, S, D).
            mask: (B, S), True where a row is real; no weight falls on the others.
            rows: how many of the first rows attend; by default all S.
        """
        query, key, value = self._parts(x, rows)
        return _weights(query, key, mask), value

    def _parts(self, x: Tensor, rows: int | None) -> tuple[Tensor, Tensor, Tensor]:
        """Queries (B, heads, rows, D / heads), keys and values, both (B, heads, S, D / heads), of x (B, S, D)."""
        size = x.shape[2] // self.heads
        # reshape, for an exported graph takes the lengths of what unflatten gives for constants
        query = self.query(x if rows is None else x[:, :rows]).reshape(x.shape[0], -1, self.heads, size)
        both = self.key_value(x).reshape(x.shape[0], -1, 2, self.heads, size)
        key, value = both.unbind(2)  # each (B, S, heads, size), and query (B, rows, heads, size)
        return self.rotation(query).transpose(1, 2), self.rotation(key).transpose(1, 2), value.transpose(1, 2)


def _weights(query: Tensor, key: Tensor, mask: Tensor) -> Tensor:
    """Queries (B, heads, rows, size), keys (B, heads, S, size), mask (B, S) -> weights (B, heads, rows, S)."""
    scores = query @ key.transpose(2, 3) * query.shape[3] ** -0.5
    return scores.masked_fill(~mask[:, None, None, :], -torch.inf).softmax(dim=3)


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
        """x (B, S, D), mask (B, S) -> the first `rows` rows (all by default), (B, rows, D).

        Args:
            x: (B, S, D), of which all real rows are attended to.
            mask: (B, S), True where a row is real.
            rows: how many of the first rows are computed.
        """
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
        """x (B, S, D), mask (B, S) -> (B, rows, D): only the last layer is spared the rows nobody asks for.

        Args:
            x: (B, S, D).
            mask: (B, S), True where a row is real.
            rows: how many of the first rows are asked for; by default all S.
        """
        for layer in self.layers[:-1]:
            x = layer(x, mask)
        return self.norm(self.layers[-1](x, mask, rows))

    def up_to(self, layer: int, x: Tensor, mask: Tensor) -> Tensor:
        """x (B, S, D), mask (B, S) -> all rows after the first `layer` layers, (B, S, D); normalised after the last.

        Args:
            layer: how many layers are applied; 0 returns x.
            x: (B, S, D).
            mask: (B, S), True where a row is real.
        """
        for part in self.layers[:layer]:
            x = part(x, mask)
        return self.norm(x) if layer == len(self.layers) else x

    def attention(self, x: Tensor, mask: Tensor, rows: int) -> list[Tensor]:
        """The attention weights of the first `rows` rows to all S rows, one tensor (B, heads, rows, S) a layer.

        Args:
            x: (B, S, D).
            mask: (B, S), True where a row is real.
            rows: of how many of the first rows.
        """
        weights = []
        for layer in cast("Iterable[EncoderLayer]", self.layers):
            weights.append(layer.attention.attend(layer.attention_norm(x), mask, rows)[0])
            x = layer(x, mask)
        return weights
