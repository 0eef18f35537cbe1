"""Symmetric score normalisation against a cohort: S-norm and AS-norm. Pure functions of arrays.

A score s of a model m and a test t becomes ((s - mean_m) / std_m + (s - mean_t) / std_t) / 2, where mean and std are
those of the scores of m, and of t, against a cohort of others: against all of it (S-norm: P. Kenny, "Bayesian speaker
verification with heavy-tailed priors", Odyssey 2010), or each against the `top` highest of its own scores (adaptive,
AS-norm: P. Matejka et al., "Analysis of score normalization in multilingual speaker recognition", Interspeech 2017,
there "AS-norm1").
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from svtok.errors import SvtokError

ROWS_A_BLOCK = 512
"""Embeddings whose scores against the cohort are held at once."""
SAMPLED = 16
"""One score in so many is looked at to tell where the highest ones are."""


class Statistics(NamedTuple):
    """Mean and standard deviation (N,) each of the scores of N embeddings against a cohort."""

    mean: NDArray[np.float32]
    std: NDArray[np.float32]


def cohort_statistics(rows: NDArray[np.float32], cohort: NDArray[np.float32], *, top: int | None = None) -> Statistics:
    """Statistics of the scores of each of rows (N, K) with cohort (C, K): the `top` highest, or all of them.

    Rows are those of a back-end, whose inner products are the scores. Memory beyond the arguments: ROWS_A_BLOCK x C
    scores; it does not grow with N x C. Raises SvtokError where the cohort has not 2 rows, or `top` is less than 2 or
    more than the cohort has, or the scores of some row are all the same.
    """
    size = len(cohort)
    if top is not None and not 2 <= top <= size:
        raise SvtokError(f"the {top} highest scores cannot be taken of a cohort of {size}: name from 2 to {size}")
    if size < 2:
        raise SvtokError(f"a cohort of {size} has no standard deviation: 2 are the least, hundreds are usual")
    mean, std = np.empty(len(rows), np.float32), np.empty(len(rows), np.float32)
    block = np.empty((min(ROWS_A_BLOCK, len(rows)), size), np.float32)
    for start in range(0, len(rows), ROWS_A_BLOCK):
        some = slice(start, start + ROWS_A_BLOCK)
        scores = np.matmul(rows[some], cohort.T, out=block[: len(rows[some])])  # (R, C)
        if top is not None:
            scores = _highest(scores, top)
        scores.mean(axis=1, out=mean[some])
        scores.std(axis=1, out=std[some])
    flat = int(np.count_nonzero(std < 1e-6 * np.maximum(1, np.abs(mean))))  # rounding of equal scores
    if flat:
        raise SvtokError(
            f"{flat} embeddings have the same score with all they are compared to: the cohort is too small"
        )
    return Statistics(mean, std)


def _highest(scores: NDArray[np.float32], top: int) -> NDArray[np.float32]:
    """The `top` highest of each row (R, C), in any order: (R, top). The rows are reordered.

    One score in SAMPLED tells what about the highest ones are above, so that only those few need to be partitioned;
    where it misjudges, the whole row is.
    """
    sample = scores[:, ::SAMPLED].copy()
    rank = 8 + int(1.4 * top / SAMPLED)  # below some more than `top`, but for a row in a hundred
    if 4 * rank > sample.shape[1]:
        scores.partition(scores.shape[1] - top, axis=1)
        return scores[:, scores.shape[1] - top :]
    sample.partition(sample.shape[1] - rank, axis=1)
    highest = np.empty((len(scores), top), np.float32)
    for row, least, kept in zip(scores, sample[:, -rank], highest, strict=True):
        high = row[row >= least]
        if len(high) < top:
            high = row
        high.partition(len(high) - top)
        kept[:] = high[len(high) - top :]
    return highest


def symmetric_norm(
    scores: NDArray[np.float32],
    models: Statistics,
    tests: Statistics,
    model_index: NDArray[np.integer],
    test_index: NDArray[np.integer],
) -> NDArray[np.float32]:
    """The scores (N,) normalised by the statistics of their models and tests, told by their places (N,) in these."""
    by_model = (scores - models.mean[model_index]) / models.std[model_index]
    by_model += (scores - tests.mean[test_index]) / tests.std[test_index]
    by_model /= 2
    return by_model
