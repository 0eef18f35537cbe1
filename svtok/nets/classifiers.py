"""From an embedding to class logits."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from svtok.nets.config import NetworkConfig


class CosineClassifier(nn.Module):
    """Logits that are scaled cosines, so that training compares embeddings as scoring does (Wang et al., 2017).

    The paper's authors end their networks with such a layer where they train a detection cost. Of several vectors a
    class (sub-centers, Deng et al., 2020), the nearest counts: a class may fall into groups, such as sessions.
    """

    def __init__(self, dim: int, classes: int, scale: float, sub_centers: int = 1) -> None:
        super().__init__()
        self.scale, self.sub_centers = scale, sub_centers
        self.weight = nn.Parameter(torch.randn(classes * sub_centers, dim) * dim**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, D) -> (B, classes), each within +-scale."""
        cosines = functional.linear(functional.normalize(x, dim=1), functional.normalize(self.weight, dim=1))
        if self.sub_centers > 1:
            cosines = cosines.view(len(x), -1, self.sub_centers).amax(dim=2)  # (B, classes)
        return self.scale * cosines


def make_classifier(config: NetworkConfig, classes: int) -> nn.Module:
    """The classifier that a configuration names."""
    if config.classifier == "cosine":
        return CosineClassifier(config.state_dim, classes, config.cosine_scale, config.sub_centers)
    return nn.Linear(config.state_dim, classes)
