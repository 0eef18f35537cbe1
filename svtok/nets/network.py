"""The network: acoustic features in; states, embeddings and class logits out."""

from __future__ import annotations

from typing import Protocol, cast, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn import functional

from svtok.nets.cepstra import Cepstra
from svtok.nets.classifiers import at_least_fp32, make_classifier
from svtok.nets.config import NetworkConfig
from svtok.nets.encoder import Encoder, make_positions
from svtok.nets.front_ends import make_front_end
from svtok.nets.pooling import FrameSkip, make_pooling
from svtok.nets.tokens import candidate_rows, drawn_rows, evaluation_rows, make_tokens

FEATURES = -1
"""The layer of `Network.frame_states` that stands for no part of the network: the features that it reads."""


@runtime_checkable
class Diagnosed(Protocol):
    """A part that observes itself in training mode, without a part in the results or in the saved network."""

    def diagnostics(self) -> dict[str, float]:
        """What was observed since the last call; empty where nothing was."""


def diagnostics(network: nn.Module) -> dict[str, float]:
    """What all parts observed since the last call, such as `encoder.layers.0.memory.slots_used`."""
    return {
        f"{path}.{name}": value
        for path, part in network.named_modules()
        if isinstance(part, Diagnosed)
        for name, value in part.diagnostics().items()
    }


class Network(nn.Module):
    """Front-end, positions, tokens or pooling, encoder, and a classifier for each state (Mingote et al., 2023).

    A state is named after its token, `cls` or `dist`, or, where the frames are pooled, after the head. Of S streams
    (`streams` in the configuration), this network is the first, and has the others in `more`: they read the same
    frames, share no weight with it, and each has a state and logits of its own.

    Args:
        config: what it is made of.
        feature_dim: F, values of a frame.
        classes: number of training classes.
        phonetic_dim: how many of the last values of a frame are a phonetic embedding.
        factors: the numbers of each class's speaker and phrase (-1: none), int64 (classes, 2), which a factored
            classifier needs.
    """

    def __init__(
        self,
        config: NetworkConfig,
        feature_dim: int,
        classes: int,
        phonetic_dim: int = 0,
        factors: Tensor | None = None,
    ) -> None:
        super().__init__()
        if feature_dim < 1 or classes < 1:
            raise ValueError(f"needs at least 1 feature and 1 class, not {feature_dim} and {classes}")
        self.config = config
        reads, *others = config.streams
        self.acoustic_dim = feature_dim - phonetic_dim
        self.cepstra = Cepstra(self.acoustic_dim) if reads == "cepstra" else None
        read = self.cepstra.dim if self.cepstra else self.acoustic_dim
        self.front_end = make_front_end(read + phonetic_dim, phonetic_dim, config.front_end)
        self.positions = make_positions(config)
        self.tokens = make_tokens(config)
        self.encoder = Encoder(config) if config.layers else None
        self.pooling = None if len(self.tokens) else make_pooling(config.head, config.dim)
        names = list(self.tokens) or [config.head]
        project, batch = config.embedding_dim > 0, config.embedding_norm == "batch"
        width, size = config.pooled_dim, config.state_dim
        self.projections = nn.ModuleDict({n: nn.Linear(width, size) if project else nn.Identity() for n in names})
        self.norms = nn.ModuleDict({n: nn.BatchNorm1d(size) if batch else nn.Identity() for n in names})
        self.classifiers = nn.ModuleDict({n: make_classifier(config, classes, factors) for n in names})
        self.skip = FrameSkip(config.skip, config.dim, width, names) if config.skip != "none" else None
        alone = [config.model_copy(update={"streams": (reads,)}) for reads in others]
        self.more = nn.ModuleList(Network(one, feature_dim, classes, phonetic_dim, factors) for one in alone)

    @property
    def others(self) -> list[Network]:
        """The streams after the first, which this network itself is."""
        return cast(list[Network], list(self.more))

    def forward(self, frames: Tensor, lengths: Tensor) -> dict[str, Tensor]:
        """frames (B, T, F), lengths (B,) -> the state of each token, or of the pooled frames, by name.

        Each is (B, D), or (B, S, D) of S streams.
        """
        states = self._own_states(frames, lengths)
        return self._beside(states, [other(frames, lengths) for other in self.others])

    @staticmethod
    def _beside(own: dict[str, Tensor], others: list[dict[str, Tensor]]) -> dict[str, Tensor]:
        """What this network and others have of each state, (B, ...) by name, beside one another: (B, S, ...)."""
        if not others:
            return own
        return {name: torch.stack([value, *(other[name] for other in others)], dim=1) for name, value in own.items()}

    def _own_states(self, frames: Tensor, lengths: Tensor) -> dict[str, Tensor]:
        """The states of the first stream, (B, D) by name."""
        x, mask, added = self._frames(frames, lengths)
        if self.pooling is not None:
            pooled = self.pooling(self.encoder(x, mask) if self.encoder else x, mask)
            return self._finished({self.config.head: pooled}, added)
        if self.training:
            return self._token_states(drawn_rows(self.tokens, len(x)), x, mask, added)
        starts, weights = evaluation_rows(self.tokens)  # (N, tokens, D), (N,)
        readings = [self._token_states(start, x, mask, added) for start in starts]
        return {name: _average([states[name] for states in readings], weights) for name in self.tokens}

    def _frames(self, frames: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """What the encoder reads of frames (B, T, F): x (B, T', D), and which are real, mask (B, T').

        The third is what `skip` adds to each state, (B, D) by name; empty without it.
        """
        x, mask = self._front_end(frames, lengths)
        return self.positions(x), mask, self.skip(x, mask) if self.skip is not None else {}

    def _front_end(self, frames: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Frames (B, T, F), or their cepstra, through the front-end: (B, T', D), and which are real, (B, T')."""
        if self.cepstra is not None:
            acoustic, phonetic = frames[..., : self.acoustic_dim], frames[..., self.acoustic_dim :]
            frames = torch.cat([self.cepstra(acoustic, lengths), phonetic], dim=2)  # (B, T, 60 + P)
        read: tuple[Tensor, Tensor] = self.front_end(frames, lengths)
        return read

    def _token_states(self, start: Tensor, x: Tensor, mask: Tensor, added: dict[str, Tensor]) -> dict[str, Tensor]:
        """The state of each token, (B, D) by name, where they start as (tokens, D) or (B, tokens, D)."""
        assert self.encoder is not None  # the configuration refuses tokens without attention
        x = self.encoder(*_behind(start, x, mask), rows=len(self.tokens))  # (B, tokens, D)
        return self._finished({name: x[:, row] for row, name in enumerate(self.tokens)}, added)

    def _finished(self, states: dict[str, Tensor], added: dict[str, Tensor]) -> dict[str, Tensor]:
        """States with what `skip` adds, projected and normalised."""
        states = {name: state + added[name] if added else state for name, state in states.items()}
        return {name: self.norms[name](self.projections[name](state)) for name, state in states.items()}

    def attention(self, frames: Tensor, lengths: Tensor) -> list[Tensor]:
        """What the tokens attend to: one tensor (B, heads, tokens, tokens + T') a layer, each row summing to 1.

        Tokens stand in the order of `tokens`, before the T' frames (T' = ceil(T / subsample)); padding has weight 0.
        They start as evaluation has them. The layers of a stream come after all of those before it. ValueError for a
        head without tokens.
        """
        if self.encoder is None or not self.tokens:
            raise ValueError(f"the head '{self.config.head}' has no token whose attention could be shown")
        x, mask, _ = self._frames(frames, lengths)
        starts, weights = evaluation_rows(self.tokens)  # (N, tokens, D), (N,)
        readings = [self.encoder.attention(*_behind(start, x, mask), rows=len(self.tokens)) for start in starts]
        own = [_average(list(layer), weights) for layer in zip(*readings, strict=True)]
        return [*own, *(layer for other in self.others for layer in other.attention(frames, lengths))]

    def frame_states(self, frames: Tensor, lengths: Tensor, layer: int) -> tuple[Tensor, Tensor]:
        """The states of the frames after a layer of the encoder; layer 0 is the front-end, FEATURES none at all.

        Args:
            frames: (B, T, F).
            lengths: (B,).
            layer: to the number of layers; tokens start as evaluation has them (the first, of several).

        Returns:
            States (B, T', D), padded, and how many each utterance has: (B,). Those of S streams are side by side, (B,
            T', S D).
        """
        if layer == FEATURES:
            return frames, lengths
        own, counts = self._own_frame_states(frames, lengths, layer)
        others = [other.frame_states(frames, lengths, layer)[0] for other in self.others]
        return torch.cat([own, *others], dim=2) if others else own, counts

    def _own_frame_states(self, frames: Tensor, lengths: Tensor, layer: int) -> tuple[Tensor, Tensor]:
        """Those of the first stream."""
        x, mask = self._front_end(frames, lengths)
        counts = mask.sum(dim=1)
        if self.encoder is None or not layer:
            return x, counts
        x = self.positions(x)
        if self.tokens:
            x, mask = _behind(evaluation_rows(self.tokens)[0][0], x, mask)
        return self.encoder.up_to(layer, x, mask)[:, len(self.tokens) :], counts

    def embed_with_states(self, frames: Tensor, lengths: Tensor, layer: int) -> tuple[Tensor, Tensor, Tensor]:
        """What `embed` and `frame_states` give, in evaluation mode, by one reading where the layer is the last.

        Args:
            frames: (B, T, F).
            lengths: (B,).
            layer: as of `frame_states`.

        Returns:
            Embeddings (B, D), states (B, T', W), padded, and how many each utterance has: (B,).
        """
        if layer == FEATURES:
            return self.embed(frames, lengths), frames, lengths
        own, states, counts = self._own_embed_with_states(frames, lengths, layer)
        if not self.others:
            return own, states, counts
        others = [other.embed_with_states(frames, lengths, layer) for other in self.others]
        embeddings = _side_by_side([own, *(each[0] for each in others)])
        return embeddings, torch.cat([states, *(each[1] for each in others)], dim=2), counts

    def _own_embed_with_states(self, frames: Tensor, lengths: Tensor, layer: int) -> tuple[Tensor, Tensor, Tensor]:
        """Those of the first stream."""
        starts = None if self.pooling is not None else evaluation_rows(self.tokens)[0]  # (N, tokens, W)
        if self.encoder is None or layer < self.config.layers or (starts is not None and len(starts) > 1):
            embeddings = self._own_join(self._own_states(frames, lengths))
            return embeddings, *self._own_frame_states(frames, lengths, layer)
        x, mask, added = self._frames(frames, lengths)
        counts = mask.sum(dim=1)
        if starts is None:
            assert self.pooling is not None
            x = self.encoder(x, mask)
            return self._own_join(self._finished({self.config.head: self.pooling(x, mask)}, added)), x, counts
        x = self.encoder(*_behind(starts[0], x, mask))  # (B, tokens + T', W)
        states = self._finished({name: x[:, row] for row, name in enumerate(self.tokens)}, added)
        return self._own_join(states), x[:, len(self.tokens) :], counts

    def classify(self, states: dict[str, Tensor]) -> dict[str, Tensor]:
        """Logits (B, classes) of each state, by its name, in fp32 whatever the states (B, D) were computed in.

        Of S streams, states (B, S, D) have logits (B, S, classes). In bf16, of 8 bits, cosines near 1 are multiples of
        1 / 256, and the gradient of a margin is off by several %.
        """
        if self.others:
            own, *others = self._streams(states)
            logits = [other.classify(theirs) for other, theirs in zip(self.others, others, strict=True)]
            return self._beside(self._own_logits(own), logits)
        return self._own_logits(states)

    def _streams(self, states: dict[str, Tensor]) -> list[dict[str, Tensor]]:
        """States (B, S, D) as those of each stream, (B, D) by name."""
        return [{name: state[:, place] for name, state in states.items()} for place in range(1 + len(self.others))]

    def _own_logits(self, states: dict[str, Tensor]) -> dict[str, Tensor]:
        """Those of the first stream's states (B, D)."""
        device = next(iter(states.values())).device.type
        with torch.autocast(device, enabled=False):
            return {name: self.classifiers[name](at_least_fp32(state)) for name, state in states.items()}

    def embed(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Embeddings: (B, D), or (B, 2 D) when configured as the concatenation of both tokens' states.

        Those of S streams are brought to length 1, and stand side by side.
        """
        return self.join(self(frames, lengths))

    def embed_each(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Embeddings from each of the sampled class token's R vectors: (B, R, D).

        For evaluation mode; of S streams, each reads from its own vector of the same number. ValueError for a class
        token that is not drawn from several vectors.
        """
        own = self._own_embed_each(frames, lengths)
        if not self.others:
            return own
        return _side_by_side([own, *(other.embed_each(frames, lengths) for other in self.others)])

    def _own_embed_each(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Those of the first stream."""
        starts = candidate_rows(self.tokens)  # (R, tokens, D)
        x, mask, added = self._frames(frames, lengths)
        return torch.stack([self._own_join(self._token_states(start, x, mask, added)) for start in starts], dim=1)

    def join(self, states: dict[str, Tensor]) -> Tensor:
        """The embeddings, as `embed` gives them, of states (B, D), or (B, S, D) of S streams."""
        if self.others:
            return _side_by_side([self._own_join(stream) for stream in self._streams(states)])
        return self._own_join(states)

    def _own_join(self, states: dict[str, Tensor]) -> Tensor:
        """The embeddings (B, D) of states (B, D) of one stream."""
        if len(states) == 1:
            return next(iter(states.values()))
        if self.config.embedding == "concat":
            return torch.cat([states["cls"], states["dist"]], dim=1)
        if self.config.embedding == "mean":
            return (states["cls"] + states["dist"]) / 2
        return states[self.config.embedding]


def _behind(start: Tensor, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Frames x (B, T', D), mask (B, T') behind the rows of tokens: (B, tokens + T', D), (B, tokens + T')."""
    start = start.expand(x.shape[0], -1, -1)  # (B, tokens, D); len(x) would be a constant of an exported graph
    return torch.cat([start, x], dim=1), torch.cat([mask.new_ones(start.shape[:2]), mask], dim=1)


def is_of_classes(weight: str) -> bool:
    """Whether a weight of this name, such as `more.0.classifiers.cls.weight`, belongs to a classifier."""
    return "classifiers" in weight.split(".")


def over_streams(logits: Tensor) -> Tensor:
    """The mean logits (B, classes) of S streams (B, S, classes); those of one (B, classes) as they are."""
    return logits if logits.dim() == 2 else logits.mean(dim=1)


def _side_by_side(embeddings: list[Tensor]) -> Tensor:
    """The embeddings of S streams, (..., D) each, brought to length 1: (..., S D)."""
    return torch.cat([functional.normalize(each, dim=-1) for each in embeddings], dim=-1)


def _average(tensors: list[Tensor], weights: Tensor) -> Tensor:
    """The weighted sum of N tensors; weights (N,) sum to 1."""
    return (torch.stack(tensors, dim=-1) * weights).sum(dim=-1)
