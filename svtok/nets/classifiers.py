"""From an embedding to class logits."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from svtok.nets.config import NetworkConfig
from svtok.nets.initial import normal


def at_least_fp32(x: Tensor) -> Tensor:
    """The tensor in fp32 if it is of fewer bits, for what autocast must not compute in bf16; else as it is."""
    return x.float() if x.dtype.itemsize < 4 else x


class CosineClassifier(nn.Module):
    """Logits that are scaled cosines, so that training compares embeddings as scoring does (Wang et al., 2017).

    The paper's authors end their networks with such a layer where they train a detection cost. Of several vectors a
    class (sub-centers, Deng et al., 2020), the nearest counts: a class may fall into groups, such as sessions.
    """

    def __init__(self, dim: int, classes: int, scale: float, sub_centers: int = 1) -> None:
        super().__init__()
        self.scale, self.sub_centers = scale, sub_centers
        self.weight = nn.Parameter(normal(classes * sub_centers, dim, std=dim**-0.5))

    def forward(self, x: Tensor) -> Tensor:
        """Logits in the precision of x, in which they are to be compared: Network.classify sees to it.

        Args:
            x: embeddings (B, D).

        Returns:
            (B, classes), each within +-scale.
        """
        cosines = functional.linear(functional.normalize(x, dim=1), functional.normalize(self.weight, dim=1))
        if self.sub_centers > 1:
            classes = cosines.shape[1] // self.sub_centers
            cosines = cosines.view(len(x), classes, self.sub_centers).amax(dim=2)  # (B, classes)
        return self.scale * cosines


class FactoredClassifier(nn.Module):
    """Scaled cosines with class vectors made of what classes share: the speaker's vector and the phrase's.

    The vector of the class (speaker s, phrase p) is normalise(normalise(a[s]) + normalise(b[p])), so that a speaker's
    vector learns from all phrases and a phrase's from all speakers, also where speakers say different phrases. A class
    of a speaker or of a phrase alone has that one vector. With `residual`, a vector of the class's own, which starts at
    0, is added before the last normalisation.

    Args:
        dim: D, of the embedding.
        factors: the numbers of each class's speaker and phrase, int64 (classes, 2); -1 for none.
        scale: what the cosines are multiplied by.
        residual: whether classes have vectors of their own, too.

    Raises:
        ValueError: factors of another shape, or a class without both.
    """

    factors: Tensor

    def __init__(self, dim: int, factors: Tensor, scale: float, *, residual: bool = False) -> None:
        super().__init__()
        if factors.ndim != 2 or factors.shape[1] != 2 or (factors < 0).all(dim=1).any():
            raise ValueError(f"each class needs a speaker or a phrase: (classes, 2), not {tuple(factors.shape)}")
        self.scale = scale
        speakers, phrases = (factors.amax(dim=0) + 1).tolist()
        self.speakers = nn.Parameter(normal(speakers, dim, std=dim**-0.5))
        self.phrases = nn.Parameter(normal(phrases, dim, std=dim**-0.5))
        self.own = nn.Parameter(torch.zeros(len(factors), dim)) if residual else None
        self.register_buffer("factors", factors, persistent=False)  # the list of classes says it already

    def class_vectors(self) -> Tensor:
        """One vector of length 1 for each class: (classes, D)."""
        summed = _rows(self.speakers, self.factors[:, 0]) + _rows(self.phrases, self.factors[:, 1])
        if self.own is not None:
            summed = functional.normalize(summed, dim=1) + self.own
        return functional.normalize(summed, dim=1)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, D) -> (B, classes), each within +-scale."""
        return self.scale * functional.linear(functional.normalize(x, dim=1), self.class_vectors())


def _rows(table: Tensor, numbers: Tensor) -> Tensor:
    """Rows of a table (N, D), each made of length 1, by their numbers (classes,); zeros for -1: (classes, D)."""
    unit = functional.normalize(table, dim=1)
    return torch.cat([unit, unit.new_zeros(1, unit.shape[1])])[numbers]  # -1 is the last row


def make_classifier(config: NetworkConfig, classes: int, factors: Tensor | None = None) -> nn.Module:
    """The classifier that a configuration names.

    Args:
        classes: how many there are.
        factors: the numbers of each class's speaker and phrase, (classes, 2), for `factored`.
    """
    if config.classifier == "factored":
        if factors is None or len(factors) != classes:
            raise ValueError(f"a factored classifier needs the speaker and phrase of each of its {classes} classes")
        return FactoredClassifier(config.state_dim, factors, config.cosine_scale, residual=config.class_residual)
    if config.classifier == "cosine":
        return CosineClassifier(config.state_dim, classes, config.cosine_scale, config.sub_centers)
    return nn.Linear(config.state_dim, classes)
