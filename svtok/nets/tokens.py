"""Tokens: trainable vectors put before the frames, whose final states stand for the utterance.

A sampled class token is drawn, in training, from several vectors or a Gaussian; evaluation reads something fixed in
its place.
"""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from svtok.nets.config import NetworkConfig, SampledConfig
from svtok.nets.initial import fill_normal, gumbel, normal

INITIAL_STD = 0.02
"""Of the values of a token, as in DeiT (Touvron et al., 2021)."""


class VectorList(nn.Module):
    """R trainable vectors, one of which is drawn: each with the same probability, or with a learned one.

    Learned probabilities get their gradient by the straight-through Gumbel-softmax (Jang et al., 2017) at temperature
    1. The seed fixes which vector a seeded draw takes.
    """

    noise: Tensor

    def __init__(self, dim: int, config: SampledConfig, seeded: torch.Generator) -> None:
        super().__init__()
        self.vectors = nn.Parameter(torch.empty(config.vectors, dim))
        fill_normal(self.vectors, std=INITIAL_STD)
        self.logits = nn.Parameter(torch.zeros(config.vectors)) if config.weights == "learned" else None
        self.register_buffer("noise", gumbel(config.vectors, generator=seeded), persistent=False)

    def draw(self, count: int) -> Tensor:
        """(count, D), each drawn anew."""
        if self.logits is None:
            return self.vectors[torch.randint(len(self.vectors), (count,), device=self.vectors.device)]
        chosen = functional.gumbel_softmax(self.logits.expand(count, -1), hard=True)  # (count, R), one-hot
        return (chosen[:, :, None] * self.vectors).sum(dim=1)

    def candidates(self) -> tuple[Tensor, Tensor]:
        """The vectors (R, D) and their probabilities (R,)."""
        logits = torch.zeros_like(self.noise) if self.logits is None else self.logits
        return self.vectors, logits.softmax(dim=0)

    def mean(self) -> Tensor:
        """(1, D)."""
        vectors, probabilities = self.candidates()
        return (probabilities[:, None] * vectors).sum(dim=0, keepdim=True)

    def seeded_draw(self) -> Tensor:
        """(1, D): the same vector each time, drawn with its probability by the seed (by the Gumbel-max trick)."""
        vectors, probabilities = self.candidates()
        chosen = (probabilities.log() + self.noise).argmax(dim=0, keepdim=True)  # (1,)
        return vectors.index_select(0, chosen)  # to index by a single number is to wait for the GPU


class Gaussian(nn.Module):
    """A normal distribution of a trainable mean and variance for each dimension, drawn by reparameterisation.

    (Kingma and Welling, 2014.) No prior holds the variance up: it is what the training loss makes of it. It begins as
    that of the vectors of a list.
    """

    noise: Tensor

    def __init__(self, dim: int, config: SampledConfig, seeded: torch.Generator) -> None:
        super().__init__()
        self.centre = nn.Parameter(torch.empty(1, dim))
        fill_normal(self.centre, std=INITIAL_STD)
        self.log_variance = nn.Parameter(torch.full((dim,), 2 * math.log(INITIAL_STD)))
        self.register_buffer("noise", normal(config.vectors, dim, generator=seeded), persistent=False)

    def draw(self, count: int) -> Tensor:
        """(count, D), each drawn anew."""
        return self._at(torch.randn(count, self.centre.shape[1], device=self.centre.device))

    def candidates(self) -> tuple[Tensor, Tensor]:
        """R vectors (R, D), the same each time, drawn by the seed, and their weights (R,), all 1 / R."""
        count = len(self.noise)
        return self._at(self.noise), self.noise.new_full((count,), 1 / count)

    def mean(self) -> Tensor:
        """(1, D)."""
        return self.centre

    def seeded_draw(self) -> Tensor:
        """(1, D): the first of the vectors drawn by the seed."""
        return self._at(self.noise[:1])

    def _at(self, noise: Tensor) -> Tensor:
        return self.centre + (self.log_variance / 2).exp() * noise


class SampledToken(nn.Module):
    """A token that is drawn in training, for each utterance or once a batch, and the same in every evaluation."""

    def __init__(self, dim: int, config: SampledConfig) -> None:
        super().__init__()
        self.per_batch = config.draw == "batch"
        self.evaluation = config.evaluation
        seeded = torch.Generator("cpu").manual_seed(config.seed)
        kind = Gaussian if config.distribution == "gaussian" else VectorList
        self.distribution: VectorList | Gaussian = kind(dim, config, seeded)

    def forward(self, utterances: int) -> Tensor:
        """A vector for each of the utterances in training: (B, D)."""
        return self.distribution.draw(1 if self.per_batch else utterances).expand(utterances, -1)

    def readings(self) -> tuple[Tensor, Tensor]:
        """What evaluation reads: vectors (N, D), and the weights (N,) by which the states after them are averaged."""
        if self.evaluation == "mean-embedding":
            return self.distribution.candidates()
        mean = self.evaluation == "mean-token"
        vector = self.distribution.mean() if mean else self.distribution.seeded_draw()
        return vector, vector.new_ones(1)


class Token(nn.Module):
    """The same trainable vector for every utterance."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.vectors = nn.Parameter(torch.empty(1, dim))
        fill_normal(self.vectors, std=INITIAL_STD)

    def forward(self, utterances: int) -> Tensor:
        """(B, D)."""
        return self.vectors.expand(utterances, -1)

    def readings(self) -> tuple[Tensor, Tensor]:
        """What evaluation reads: the vector (1, D), of weight 1 (1,)."""
        return self.vectors, self.vectors.new_ones(1)


def make_tokens(config: NetworkConfig) -> nn.ModuleDict:
    """The tokens of a head by the name of their state, in the order in which they stand before the frames.

    A list of one vector is a plain token.
    """
    sampled = config.head.startswith("cls-sampled") and not config.sampled.is_plain
    tokens = nn.ModuleDict()
    for name in config.token_names:
        tokens[name] = SampledToken(config.dim, config.sampled) if sampled and name == "cls" else Token(config.dim)
    return tokens


def drawn_rows(tokens: nn.ModuleDict, utterances: int) -> Tensor:
    """The rows of a training step: (B, tokens, D)."""
    return torch.stack([token(utterances) for token in tokens.values()], dim=1)


def evaluation_rows(tokens: nn.ModuleDict) -> tuple[Tensor, Tensor]:
    """The rows of an evaluation: (N, tokens, D), and the weights (N,) by which the states after them are averaged."""
    vectors, weights = cast(Token | SampledToken, tokens["cls"]).readings()
    return _beside_the_others(tokens, vectors), weights


def candidate_rows(tokens: nn.ModuleDict) -> Tensor:
    """Rows with each of the R vectors of the sampled class token: (R, tokens, D). ValueError without such."""
    token = dict(tokens.items()).get("cls")
    if not isinstance(token, SampledToken):
        raise ValueError("there is no class token that is drawn from several vectors")
    return _beside_the_others(tokens, token.distribution.candidates()[0])


def _beside_the_others(tokens: nn.ModuleDict, vectors: Tensor) -> Tensor:
    """The class token's vectors (N, D), each with the plain tokens behind it: (N, tokens, D)."""
    others = [cast(Token, token)(len(vectors)) for name, token in tokens.items() if name != "cls"]
    return torch.stack([vectors, *others], dim=1)
