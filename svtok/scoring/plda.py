"""The two-covariance model (PLDA of full rank): scores are log-likelihood ratios.

An embedding is the vector of its class, normal with the covariance B between classes, plus a normal difference with
the covariance W within classes (N. Brummer, E. de Villiers, "The speaker partitioning problem", Odyssey 2010; A. Sizov,
K. A. Lee, T. Kinnunen, "Unifying probabilistic linear discriminant analysis variants in biometric authentication",
S+SSPR 2014). A trial's score is log p(enrolled, test | one class) - log p(enrolled, test | two classes).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from svtok.embeddings.enroll import normalise_length
from svtok.errors import SvtokError
from svtok.scoring.covariances import class_covariances, diagonalise, shrink
from svtok.scoring.lda import Projection, fit_lda


@dataclass(frozen=True)
class Plda:
    """The model in the basis in which W is the identity and B diagonal.

    Embeddings are projected by `space`, length-normalised there if so trained, centred by `mean` (P,), and turned by
    `basis` (P, P); `between` (P,) is the diagonal of B.
    """

    space: Projection
    length_norm: bool
    mean: NDArray[np.float32]
    basis: NDArray[np.float32]
    between: NDArray[np.float64]

    def project(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.matmul(_in_space(self.space, self.length_norm, vectors) - self.mean, self.basis)

    def models(self, means: NDArray[np.float32], counts: NDArray[np.integer]) -> NDArray[np.float32]:
        """The predictive distribution of a class's next embedding, given the mean m of n of them, against that of any.

        In each direction the class has the posterior variance v = b / (1 + n b) and mean u = n v m, so the next one
        has the variance p = v + 1, that of any class q = b + 1; the log ratio at t is
        log(q / p) / 2 - (t - u)^2 / 2p + t^2 / 2q, sorted here by powers of t: (M, 2 P + 1).
        """
        number = np.asarray(counts, dtype=np.float64)[:, None]
        variance = self.between / (1 + number * self.between)  # (M, P)
        expected = number * variance * means
        next_one, any_one = variance + 1, self.between + 1
        constant = (np.log(any_one / next_one) - expected**2 / next_one).sum(axis=1, keepdims=True) / 2  # (M, 1)
        square = (1 / any_one - 1 / next_one) / 2
        return np.hstack([constant, expected / next_one, square]).astype(np.float32)

    def tests(self, projected: NDArray[np.float32]) -> NDArray[np.float32]:
        """1, t and t^2: (T, 2 P + 1)."""
        ones = np.ones((len(projected), 1), np.float32)
        return np.hstack([ones, projected, projected**2])


def fit_plda(
    vectors: NDArray[np.float32],
    classes: NDArray[np.integer],
    *,
    lda_dim: int | None,
    shrinkage: float,
    length_norm: bool,
) -> Plda:
    """The model of embeddings (N, D) whose classes (N,) are numbers from 0 on.

    They are projected by LDA (`fit_lda`), which also whitens them, and with `length_norm` divided by their length
    there (D. Garcia-Romero, C. Espy-Wilson, "Analysis of i-vector length normalization in speaker recognition
    systems", Interspeech 2011). B and W are estimated by moments (`class_covariances`); W is shrunk, and directions
    in which classes differ less than chance would have it get no B. Raises SvtokError as `fit_lda`, and where lengths
    are to be normalised in one dimension.
    """
    space = fit_lda(vectors, classes, dim=lda_dim, shrinkage=shrinkage)
    if length_norm and space.directions.shape[1] == 1:
        raise SvtokError("of one dimension, length normalisation leaves the sign: do without it, or have more classes")
    found = class_covariances(_in_space(space, length_norm, vectors), classes)
    basis, between = diagonalise(found.between, shrink(found.within, shrinkage))
    return Plda(space, length_norm, found.mean.astype(np.float32), basis.astype(np.float32), np.maximum(between, 0))


def _in_space(space: Projection, length_norm: bool, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    projected = space.project(vectors)
    return normalise_length(projected) if length_norm else projected
