"""Linear discriminant analysis: the directions in which classes differ most, for what they vary in themselves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from svtok.embeddings.enroll import normalise_length
from svtok.errors import SvtokError
from svtok.scoring.covariances import class_covariances, diagonalise, shrink


@dataclass(frozen=True)
class Projection:
    """Takes length-normalised embeddings less their training mean (D,) into P directions (D, P)."""

    mean: NDArray[np.float32]
    directions: NDArray[np.float32]

    def project(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Embeddings (N, D) of any length in the projected space: (N, P)."""
        return np.matmul(normalise_length(vectors) - self.mean, self.directions)


def fit_lda(
    vectors: NDArray[np.float32], classes: NDArray[np.integer], *, dim: int | None, shrinkage: float
) -> Projection:
    """The `dim` first discriminant directions of embeddings (N, D), scaled so that classes vary by 1 in each.

    `classes` (N,) are numbers from 0 on; the default of `dim` is all there are, the less of D and classes - 1. The
    covariance within the classes is shrunk (`covariances.shrink`). R. Fisher, "The use of multiple measurements in
    taxonomic problems", 1936. Raises SvtokError where there are fewer directions, or the classes do not do.
    """
    found = class_covariances(normalise_length(vectors), classes)
    most = min(vectors.shape[1], int(classes.max()))
    if dim is not None and not 1 <= dim <= most:
        raise SvtokError(
            f"LDA to {dim} dimensions: {int(classes.max()) + 1} classes of embeddings with {vectors.shape[1]} "
            f"dimensions have {most}"
        )
    directions, _ = diagonalise(found.between, shrink(found.within, shrinkage))
    return Projection(found.mean.astype(np.float32), directions[:, : dim or most].astype(np.float32))
