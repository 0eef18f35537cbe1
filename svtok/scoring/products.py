"""Inner products of many trials at once, in memory that does not grow with the number of trials times the dimension."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

GATHER_ROWS = 2048
"""Trials a step when rows are gathered: both operands stay in the cache."""
DENSE_CELLS = 1 << 23
"""Cells of a block of the score matrix: 32 MB."""
DENSE_FROM = 1 / 30
"""From this share of the matrix's cells on, computing all cells is faster than gathering the rows of each trial."""


def inner_products(
    models: NDArray[np.float32],
    tests: NDArray[np.float32],
    model_index: NDArray[np.integer],
    test_index: NDArray[np.integer],
) -> NDArray[np.float32]:
    """Inner product of row model_index[n] of models (M, K) and row test_index[n] of tests (T, K): (N,).

    Memory beyond the arguments and the result: a block of fixed size (32 MB, or one row of T products where that is
    more), and 8 bytes a trial where the trials are many and not sorted by model.
    """
    if len(model_index) != len(test_index):
        raise ValueError(f"{len(model_index)} models for {len(test_index)} tests")
    if len(model_index) < DENSE_FROM * len(models) * len(tests):
        return _gathered(models, tests, model_index, test_index)
    if np.all(model_index[1:] >= model_index[:-1]):
        return _dense(models, tests, model_index, test_index)
    order = np.argsort(model_index, kind="stable")
    scores = np.empty(len(order), dtype=np.float32)
    scores[order] = _dense(models, tests, model_index[order], test_index[order])
    return scores


def _gathered(
    models: NDArray[np.float32],
    tests: NDArray[np.float32],
    model_index: NDArray[np.integer],
    test_index: NDArray[np.integer],
) -> NDArray[np.float32]:
    """Few trials for the size of the matrix: the two rows of each trial, a cacheful at a time."""
    scores = np.empty(len(model_index), dtype=np.float32)
    for start in range(0, len(scores), GATHER_ROWS):
        some = slice(start, start + GATHER_ROWS)
        np.sum(models[model_index[some]] * tests[test_index[some]], axis=1, out=scores[some])
    return scores


def _dense(
    models: NDArray[np.float32],
    tests: NDArray[np.float32],
    model_index: NDArray[np.integer],
    test_index: NDArray[np.integer],
) -> NDArray[np.float32]:
    """Many trials, sorted by model: all scores of a block of models, of which each trial picks its own."""
    scores = np.empty(len(model_index), dtype=np.float32)
    height = max(1, DENSE_CELLS // max(1, len(tests)))
    for top in range(0, len(models), height):
        block = models[top : top + height] @ tests.T  # (height, T)
        first, last = np.searchsorted(model_index, [top, top + height])
        scores[first:last] = block[model_index[first:last] - top, test_index[first:last]]
    return scores
