"""Tokens: trainable vectors put before the frames, whose final states stand for the utterance.

Which heads have which tokens: `cls` one class token; `cls-sampled` one drawn from R trainable vectors; the `-dist`
heads also a distillation token, which learns the teacher's posterior; the others have none and pool the frames.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from svtok.nets.config import TOKEN_HEADS, NetworkConfig


class Token(nn.Module):
    """One row drawn from R trainable vectors for each utterance in training, their mean in evaluation.

    With R = 1 nothing is drawn, so that it is the plain token bit for bit (Mingote et al., 2023: the sampled token
    replaces a single initial vector; how it is drawn and read in evaluation is not told there).
    """

    def __init__(self, dim: int, vectors: int = 1) -> None:
        super().__init__()
        if vectors < 1:
            raise ValueError(f"a token needs at least 1 vector, not {vectors}")
        self.vectors = nn.Parameter(torch.empty(vectors, dim))
        nn.init.trunc_normal_(self.vectors, std=0.02)

    def forward(self, utterances: int) -> Tensor:
        """A row for each of the utterances: (B, 1, D)."""
        count = self.vectors.shape[0]
        if count == 1:
            rows = self.vectors.expand(utterances, -1)  # (B, D)
        elif self.training:
            drawn = torch.randint(count, (utterances,), device=self.vectors.device)
            rows = self.vectors[drawn]  # (B, D)
        else:
            rows = self.vectors.mean(dim=0).expand(utterances, -1)  # (B, D)
        return rows[:, None, :]


def make_tokens(config: NetworkConfig) -> nn.ModuleDict:
    """The tokens of a head by the name of their state, in the order in which they stand before the frames."""
    tokens = nn.ModuleDict()
    if config.head in TOKEN_HEADS:
        vectors = config.sampled_vectors if config.head.startswith("cls-sampled") else 1
        tokens["cls"] = Token(config.dim, vectors)
    if config.head.endswith("-dist"):
        tokens["dist"] = Token(config.dim)
    return tokens
