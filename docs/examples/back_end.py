"""A back-end: the cosine after within-class covariance normalisation (Hatch et al., 2006)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from svtok.embeddings.enroll import normalise_length

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Wccn:
    """The cosine in the space in which classes vary alike in all directions.

    Its three methods are those of `svtok.scoring.backend.Backend`: rows, whose inner products are the scores.
    """

    transform: Vectors  # (D, D)

    @classmethod
    def fit(cls, vectors: Vectors, classes: NDArray[np.integer]) -> Wccn:
        """From embeddings (N, D) whose classes (N,) are numbers from 0 on."""
        means = np.stack([vectors[classes == number].mean(axis=0) for number in range(classes.max() + 1)])
        within = np.cov(vectors - means[classes], rowvar=False) + 1e-3 * np.eye(vectors.shape[1])
        return cls(np.linalg.cholesky(np.linalg.inv(within)).astype(np.float32))

    def project(self, vectors: Vectors) -> Vectors:
        """(N, D) -> (N, D)."""
        return normalise_length(vectors @ self.transform)

    def models(self, means: Vectors, counts: NDArray[np.integer]) -> Vectors:
        """(M, D) -> (M, D)."""
        return normalise_length(means)

    def tests(self, projected: Vectors) -> Vectors:
        """(T, D) -> (T, D)."""
        return projected
