"""The network: acoustic features in; states, embeddings and class logits out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from svtok.nets.classifier import make_classifier
from svtok.nets.config import STATISTICS_HEADS, NetworkConfig
from svtok.nets.encoder import Encoder
from svtok.nets.front_ends import make_front_end
from svtok.nets.pooling import make_pooling
from svtok.nets.positions import make_positions
from svtok.nets.tokens import make_tokens


class Network(nn.Module):
    """Front-end, positions, tokens or pooling, encoder, and a classifier for each state (Mingote et al., 2023).

    A state is named after its token, `cls` or `dist`, or, where the frames are pooled, after the head.

    Args:
        config: what it is made of.
        feature_dim: F, values of a frame.
        classes: number of training classes.
        phonetic_dim: how many of the last values of a frame are a phonetic embedding.
    """

    def __init__(self, config: NetworkConfig, feature_dim: int, classes: int, phonetic_dim: int = 0) -> None:
        super().__init__()
        if feature_dim < 1 or classes < 2:
            raise ValueError(f"needs at least 1 feature and 2 classes, not {feature_dim} and {classes}")
        self.config = config
        self.front_end = make_front_end(feature_dim, phonetic_dim, config.front_end)
        self.positions = make_positions(config)
        self.tokens = make_tokens(config)
        self.encoder = Encoder(config) if config.layers else None
        self.pooling = None if len(self.tokens) else make_pooling(config.head, config.dim)
        names = list(self.tokens) or [config.head]
        project, batch = config.embedding_dim > 0, config.embedding_norm == "batch"
        width = 2 * config.dim if config.head in STATISTICS_HEADS else config.dim
        size = config.state_dim
        self.projections = nn.ModuleDict({n: nn.Linear(width, size) if project else nn.Identity() for n in names})
        self.norms = nn.ModuleDict({n: nn.BatchNorm1d(size) if batch else nn.Identity() for n in names})
        self.classifiers = nn.ModuleDict({n: make_classifier(config, classes) for n in names})

    def forward(self, frames: Tensor, lengths: Tensor) -> dict[str, Tensor]:
        """frames (B, T, F), lengths (B,) -> the state of each token, or of the pooled frames: (B, D) by name."""
        x, mask = self.front_end(frames, lengths)  # (B, T', D), (B, T')
        x = self.positions(x)
        if self.pooling is None:
            states = self._token_states(x, mask)
        else:
            states = {self.config.head: self.pooling(self.encoder(x, mask) if self.encoder else x, mask)}
        return {name: self.norms[name](self.projections[name](state)) for name, state in states.items()}

    def _token_states(self, x: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """The last state of each token: frames x (B, T', D), mask (B, T') -> (B, D) by name."""
        assert self.encoder is not None  # the configuration refuses tokens without attention
        x, mask = self._with_tokens(x, mask)
        x = self.encoder(x, mask, rows=len(self.tokens))  # (B, tokens, D)
        return {name: x[:, row] for row, name in enumerate(self.tokens)}

    def _with_tokens(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """The tokens before the frames: x (B, tokens + T', D), mask (B, tokens + T')."""
        rows = [token(len(x)) for token in self.tokens.values()]
        return torch.cat([*rows, x], dim=1), torch.cat([mask.new_ones(len(x), len(rows)), mask], dim=1)

    def attention(self, frames: Tensor, lengths: Tensor) -> list[Tensor]:
        """What the tokens attend to: one tensor (B, heads, tokens, tokens + T') a layer, each row summing to 1.

        Tokens stand in the order of `tokens`, before the T' frames (T' = ceil(T / subsample)); padding has weight 0.
        ValueError for a head without tokens.
        """
        if self.encoder is None or not self.tokens:
            raise ValueError(f"the head '{self.config.head}' has no token whose attention could be told")
        x, mask = self.front_end(frames, lengths)  # (B, T', D), (B, T')
        return self.encoder.attention(*self._with_tokens(self.positions(x), mask), rows=len(self.tokens))

    def classify(self, states: dict[str, Tensor]) -> dict[str, Tensor]:
        """Logits (B, classes) of each state, by its name."""
        return {name: self.classifiers[name](state) for name, state in states.items()}

    def embed(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Embeddings: (B, D), or (B, 2 D) when configured as the concatenation of both tokens' states."""
        return self.join(self(frames, lengths))

    def join(self, states: dict[str, Tensor]) -> Tensor:
        """The embeddings, as `embed` gives them, of states (B, D)."""
        if len(states) == 1:
            return next(iter(states.values()))
        if self.config.embedding == "concat":
            return torch.cat([states["cls"], states["dist"]], dim=1)
        if self.config.embedding == "mean":
            return (states["cls"] + states["dist"]) / 2
        return states[self.config.embedding]
