"""The sampled class token: what it is drawn from, how often, and what evaluation reads in its place.

The paper draws it from a list of trainable vectors, for the uncertainty helps to generalise (Mingote et al., 2023); its
first version speaks of a Bayesian estimation instead. How vectors are drawn and read in evaluation is not told there.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from svtok.nets.config import SampledConfig

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
        nn.init.trunc_normal_(self.vectors, std=INITIAL_STD)
        self.logits = nn.Parameter(torch.zeros(config.vectors)) if config.weights == "learned" else None
        gumbel = -torch.empty(config.vectors).exponential_(generator=seeded).log()
        self.register_buffer("noise", gumbel, persistent=False)

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
        return vectors[(probabilities.log() + self.noise).argmax()][None]


class Gaussian(nn.Module):
    """A normal distribution of a trainable mean and variance for each dimension, drawn by reparameterisation.

    (Kingma and Welling, 2014.) No prior holds the variance up: it is what the training loss makes of it. It begins as
    that of the vectors of a list.
    """

    noise: Tensor

    def __init__(self, dim: int, config: SampledConfig, seeded: torch.Generator) -> None:
        super().__init__()
        self.centre = nn.Parameter(torch.empty(1, dim))
        nn.init.trunc_normal_(self.centre, std=INITIAL_STD)
        self.log_variance = nn.Parameter(torch.full((dim,), 2 * math.log(INITIAL_STD)))
        self.register_buffer("noise", torch.randn(config.vectors, dim, generator=seeded), persistent=False)

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
        seeded = torch.Generator().manual_seed(config.seed)
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
