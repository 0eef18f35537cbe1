"""The covariance within and between classes, as LDA and PLDA need them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

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
    """The mean and both covariances of vectors (N, D), of which `classes` (N,) tells the class from 0 on.

    By moments (the analysis of variance of one random effect; S. Searle, G. Casella, C. McCulloch, "Variance
    Components", 1992, ch. 3): the mean square between classes is that within them plus n0 times the covariance of the
    classes, with n0 their size, or for unequal sizes n_c (N - sum n_c^2 / N) / (C - 1). Both are unbiased, and closed
    forms; on balanced data EM ends about there. Raises SvtokError where there are not two classes or no class has two.
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
    """
    dim = len(within)
    return (1 - shrinkage) * within + shrinkage * np.trace(within) / dim * np.eye(dim)


def diagonalise(
    between: NDArray[np.float64], within: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A basis (D, D), its columns by falling ratio, in which `within` is the identity and `between` diagonal (D,).

    Raises SvtokError where `within` is singular.
    """
    try:
        ratios, basis = linalg.eigh(between, within)
    except linalg.LinAlgError as error:
        raise SvtokError(
            f"the covariance within the classes is singular in {len(within)} dimensions: name a higher shrinkage, or "
            "more training data"
        ) from error
    return basis[:, ::-1], ratios[::-1]
