"""Linear discriminant analysis, and PLDA of full rank: the two-covariance model, scoring log-likelihood ratios.

An embedding is the vector of its class, normal with the covariance B between classes, plus a normal difference with
the covariance W within classes (N. Brummer, E. de Villiers, "The speaker partitioning problem", Odyssey 2010; A. Sizov,
K. A. Lee, T. Kinnunen, "Unifying probabilistic linear discriminant analysis variants in biometric authentication",
S+SSPR 2014). A trial's score is log p(enrolled, test | one class) - log p(enrolled, test | two classes).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from svtok.embeddings.enroll import normalise_length
from svtok.errors import SvtokError

ROWS_A_BLOCK = 8192
"""Vectors whose difference from their class is held at once."""


class Covariances(NamedTuple):
    """Of N vectors in C classes, in float64."""

    mean: NDArray[np.float64]
    """Of all vectors (D,)."""
    within: NDArray[np.float64]
    """Of vectors around the mean of their class (D, D), by N - C degrees of freedom."""
    between: NDArray[np.float64]
    """Of the classes (D, D): symmetric, not always positive."""


def class_covariances(vectors: NDArray[np.float32], classes: NDArray[np.integer]) -> Covariances:
    """The mean and both covariances of vectors of several classes.

    By moments (the analysis of variance of one random effect; S. Searle, G. Casella, C. McCulloch, "Variance
    Components", 1992, ch. 3): the mean square between classes is that within them plus n0 times the covariance of the
    classes, with n0 their size, or for unequal sizes n_c (N - sum n_c^2 / N) / (C - 1). Both are unbiased, and closed
    forms; on balanced data EM ends about there.

    Args:
        vectors: (N, D).
        classes: (N,), the class of each, a number from 0 on.

    Raises:
        SvtokError: there are not two classes, or no class has two vectors.
    """
    sizes = np.bincount(classes)
    number, count = len(vectors), len(sizes)
    if count < 2 or number <= count:
        raise SvtokError(
            f"{number} utterances in {count} classes: a back-end is trained on 2 classes or more, some of which have "
            "several utterances"
        )
    order = np.argsort(classes, kind="stable")
    sums = np.add.reduceat(vectors[order], np.cumsum(sizes) - sizes, axis=0, dtype=np.float64)
    means = sums / sizes[:, None]  # (C, D)
    mean = sums.sum(axis=0) / number
    within = np.zeros((vectors.shape[1], vectors.shape[1]))
    for start in range(0, number, ROWS_A_BLOCK):
        some = slice(start, start + ROWS_A_BLOCK)
        differences = vectors[some] - means[classes[some]]
        within += differences.T @ differences
    within /= number - count
    of_classes = (means - mean) * np.sqrt(sizes)[:, None]
    mean_square = of_classes.T @ of_classes / (count - 1)
    usual_size = (number - (sizes**2).sum() / number) / (count - 1)
    return Covariances(mean, within, (mean_square - within) / usual_size)


def shrink(within: NDArray[np.float64], shrinkage: float) -> NDArray[np.float64]:
    """(1 - shrinkage) times a covariance (D, D) plus shrinkage times its mean variance in each direction.

    As in J. Friedman, "Regularized discriminant analysis", JASA 84, 1989. With few classes a covariance is singular,
    or far too small in some directions, which would then rule the scores.

    >>> shrink(np.array([[3.0, 0.0], [0.0, 1.0]]), 0.5)
    array([[2.5, 0. ],
           [0. , 1.5]])
    """
    dim = len(within)
    return (1 - shrinkage) * within + shrinkage * np.trace(within) / dim * np.eye(dim)


def diagonalise(
    between: NDArray[np.float64], within: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A basis (D, D), its columns by falling ratio, in which `within` is the identity and `between` diagonal (D,).

    Raises SvtokError where `within` is singular.
    """
    from scipy import linalg  # slow to load, and needed by those alone who fit

    try:
        ratios, basis = linalg.eigh(between, within)
    except linalg.LinAlgError as error:
        raise SvtokError(
            f"the covariance within the classes is singular in {len(within)} dimensions: name a higher shrinkage, or "
            "more training data"
        ) from error
    return basis[:, ::-1], ratios[::-1]


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

    R. Fisher, "The use of multiple measurements in taxonomic problems", 1936.

    Args:
        vectors: (N, D).
        classes: (N,), the class of each, a number from 0 on.
        dim: None for all directions that there are, the less of D and classes - 1.
        shrinkage: of the covariance within the classes, see `shrink`.

    Raises:
        SvtokError: there are fewer directions, or the classes do not do.
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

    def mean_tests(self, means: NDArray[np.float32]) -> NDArray[np.float32]:
        """As `tests`: means are in the space of the model, where no length is normalised."""
        return self.tests(means)


def fit_plda(
    vectors: NDArray[np.float32],
    classes: NDArray[np.integer],
    *,
    lda_dim: int | None,
    shrinkage: float,
    length_norm: bool,
) -> Plda:
    """The model of embeddings of several classes.

    They are projected by LDA (`fit_lda`), which also whitens them, and with `length_norm` divided by their length
    there (D. Garcia-Romero, C. Espy-Wilson, "Analysis of i-vector length normalization in speaker recognition
    systems", Interspeech 2011). B and W are estimated by moments (`class_covariances`); W is shrunk, and directions
    in which classes differ less than chance would have it get no B.

    Args:
        vectors: (N, D).
        classes: (N,), the class of each, a number from 0 on.
        lda_dim: P, directions that LDA keeps; None for all that there are.
        shrinkage: of both covariances within the classes, see `shrink`.
        length_norm: whether vectors are divided by their length after LDA.

    Raises:
        SvtokError: as `fit_lda`, and where lengths are to be normalised in one dimension.
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
