"""Tokens: trainable vectors put before the frames, whose final states stand for the utterance.

Which heads have which tokens: `cls` one class token; `cls-sampled` one that is drawn; the `-dist` heads also a
distillation token, which learns the teacher's posterior; the others have none and pool the frames.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from svtok.nets.config import NetworkConfig
from svtok.nets.sampled_token import INITIAL_STD, SampledToken


class Token(nn.Module):
    """The same trainable vector for every utterance."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.vectors = nn.Parameter(torch.empty(1, dim))
        nn.init.trunc_normal_(self.vectors, std=INITIAL_STD)

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
