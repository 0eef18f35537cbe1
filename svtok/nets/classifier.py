"""From an embedding to class logits."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from svtok.nets.config import NetworkConfig


class CosineClassifier(nn.Module):
    """Logits that are scaled cosines, so that training compares embeddings as scoring does (Wang et al., 2017).

    The paper's authors end their networks with such a layer where they train a detection cost.
    """

    def __init__(self, dim: int, classes: int, scale: float) -> None:
        super().__init__()
        self.scale = scale
        self.weight = nn.Parameter(torch.randn(classes, dim) * dim**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, D) -> (B, classes), each within +-scale."""
        return self.scale * functional.linear(functional.normalize(x, dim=1), functional.normalize(self.weight, dim=1))


def make_classifier(config: NetworkConfig, classes: int) -> nn.Module:
    """The classifier that a configuration names."""
    if config.classifier == "cosine":
        return CosineClassifier(config.state_dim, classes, config.cosine_scale)
    return nn.Linear(config.state_dim, classes)
