"""The back-end that compares by the cosine: of the embeddings, or of their projections."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from svtok.embeddings.enroll import normalise_length
from svtok.scoring.lda import Projection


@dataclass(frozen=True)
class Cosine:
    """The cosine of model and test; in the space of a projection (LDA) where there is one.

    A model is the mean of its length-normalised utterances.
    """

    space: Projection | None = None

    def project(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        return normalise_length(vectors if self.space is None else self.space.project(vectors))

    def models(self, means: NDArray[np.float32], counts: NDArray[np.integer]) -> NDArray[np.float32]:
        return normalise_length(means)

    def tests(self, projected: NDArray[np.float32]) -> NDArray[np.float32]:
        return projected
