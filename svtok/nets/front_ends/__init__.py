"""Front-ends: local patterns of the acoustic features, before any token joins. Made by the `kind` of their config.

Each reads frames (B, T, F), whose last P columns may be phonetic embeddings, and their lengths (B,); it returns states
(B, T', D) and their mask (B, T'), with T' = ceil(T / subsample). The phonetic columns are not convolved with the
acoustic ones: they are concatenated to the input of each block, as the paper's authors do (SdSV 2020, archA).
"""

from __future__ import annotations

from torch import nn

from svtok.nets.config import EcapaConfig, FrontEndConfig, XVectorConfig
from svtok.nets.front_ends.ecapa import EcapaFrontEnd
from svtok.nets.front_ends.residual import ResidualFrontEnd
from svtok.nets.front_ends.x_vector import XVectorFrontEnd


def make_front_end(feature_dim: int, phonetic_dim: int, config: FrontEndConfig) -> nn.Module:
    """The front-end that a configuration names.

    Args:
        feature_dim: F, all columns of a frame.
        phonetic_dim: P, how many of the last of them are phonetic; 0 where none are.
    """
    if not 0 <= phonetic_dim < feature_dim:
        raise ValueError(f"{phonetic_dim} phonetic columns leave no acoustic ones of {feature_dim}")
    acoustic_dim = feature_dim - phonetic_dim
    if isinstance(config, EcapaConfig):
        return EcapaFrontEnd(acoustic_dim, phonetic_dim, config)
    if isinstance(config, XVectorConfig):
        return XVectorFrontEnd(acoustic_dim, phonetic_dim, config)
    return ResidualFrontEnd(acoustic_dim, phonetic_dim, config)
