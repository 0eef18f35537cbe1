"""The network: acoustic features in; states, embeddings and class logits out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from svtok.nets.classifier import make_classifier
from svtok.nets.config import NetworkConfig
from svtok.nets.encoder import Encoder
from svtok.nets.front_end import FrontEnd
from svtok.nets.positions import make_positions
from svtok.nets.tokens import make_tokens


class Network(nn.Module):
    """Front-end, positions, tokens, encoder, and a classifier for each state (Mingote et al., 2023).

    A state is named after its token, `cls` or `dist`, or `avg` for the mean of the frames.

    Args:
        config: what it is made of.
        feature_dim: F, values of a frame.
        classes: number of training classes.
    """

    def __init__(self, config: NetworkConfig, feature_dim: int, classes: int) -> None:
        super().__init__()
        if feature_dim < 1 or classes < 2:
            raise ValueError(f"needs at least 1 feature and 2 classes, not {feature_dim} and {classes}")
        self.config = config
        self.front_end = FrontEnd(feature_dim, config.front_end)
        self.positions = make_positions(config)
        self.tokens = make_tokens(config)
        self.encoder = Encoder(config)
        names = list(self.tokens) or ["avg"]
        batch = config.embedding_norm == "batch"
        self.norms = nn.ModuleDict({n: nn.BatchNorm1d(config.dim) if batch else nn.Identity() for n in names})
        self.classifiers = nn.ModuleDict({n: make_classifier(config, classes) for n in names})

    def forward(self, frames: Tensor, lengths: Tensor) -> dict[str, Tensor]:
        """frames (B, T, F), lengths (B,) -> the state of each token, or of the pooled frames: (B, D) by name."""
        x, mask = self.front_end(frames, lengths)  # (B, T', D), (B, T')
        x = self.positions(x)
        count = len(self.tokens)
        if not count:
            x = self.encoder(x, mask) * mask[..., None]
            pooled = x.sum(dim=1) / mask.sum(dim=1, keepdim=True)  # (B, D)
            return {"avg": self.norms["avg"](pooled)}
        rows = [token(len(x)) for token in self.tokens.values()]
        x = torch.cat([*rows, x], dim=1)  # (B, count + T', D)
        mask = torch.cat([mask.new_ones(len(x), count), mask], dim=1)
        x = self.encoder(x, mask, rows=count)  # (B, count, D)
        return {name: self.norms[name](x[:, row]) for row, name in enumerate(self.tokens)}

    def classify(self, states: dict[str, Tensor]) -> dict[str, Tensor]:
        """Logits (B, classes) of each state, by its name."""
        return {name: self.classifiers[name](state) for name, state in states.items()}

    def embed(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Embeddings: (B, D), or (B, 2 D) when configured as the concatenation of both tokens' states."""
        states = self(frames, lengths)
        if len(states) == 1:
            return next(iter(states.values()))
        if self.config.embedding == "concat":
            return torch.cat([states["cls"], states["dist"]], dim=1)
        if self.config.embedding == "mean":
            return (states["cls"] + states["dist"]) / 2
        return states[self.config.embedding]
