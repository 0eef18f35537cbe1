"""Dynamic time warping: whether a test says what was enrolled, frame by frame, also for phrases that no training saw.

Two utterances are laid upon each other by the path of least cost through the costs of all pairs of their frames
(H. Sakoe, S. Chiba, "Dynamic programming algorithm optimization for spoken word recognition", IEEE TASSP 26, 1978: the
symmetric form with slope constraint 0). Frames may be anything that is stored frame by frame: cepstra, the states of a
network, posteriors of phones. Batched over pairs of utterances, in memory that does not grow with their number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from svtok.errors import SvtokError, first_few
from svtok.manifest.sets import PreparedSet
from svtok.progress import progress

CELLS_A_BLOCK = 1 << 22
"""Pairs of frames whose costs are held at once: 16 MB."""

Takes = Literal["mean", "best"]
"""What becomes of the costs of a test against each enrolled take: their mean, or the least."""


class Frames(Protocol):
    """Frames (T, D) by the name of an utterance, as a FeatureStore has them."""

    utts: list[str]

    def frames(self, name: str, /) -> int:
        """How many frames there are of a name."""

    def __getitem__(self, name: str, /) -> NDArray[np.float32]: ...


def warping_costs(
    first: NDArray[np.float32],
    second: NDArray[np.float32],
    first_lengths: NDArray[np.integer],
    second_lengths: NDArray[np.integer],
) -> NDArray[np.float32]:
    """The cost of the best path through each pair of utterances, a mean over its steps.

    The cost of two frames is 1 - their cosine. A step along one utterance alone counts once, one along both twice, so
    that every path through N and M frames counts N + M.

    Args:
        first: frames (B, N, D) of length 1 (or 0), padded.
        second: frames (B, M, D), likewise.
        first_lengths: real frames of each, at least 1: (B,).
        second_lengths: likewise (B,).

    Returns:
        (B,), from 0 (the same up to its tempo) to 2.
    """
    costs = 1 - np.ascontiguousarray(np.matmul(first, second.transpose(0, 2, 1)).transpose(1, 2, 0))  # (N, M, B)
    rows, columns, batch = costs.shape
    ends = first_lengths + second_lengths - 2  # the diagonal on which each pair's path ends
    totals = np.empty(batch, np.float32)
    # Cells of a diagonal do not depend on each other. Row 0 of these stands before the first: no path comes from there.
    before, last, now = np.full((3, rows + 1, batch), np.inf, np.float32)  # the two diagonals before, and this one
    for diagonal in range(int(ends.max()) + 1):
        top, bottom = max(0, diagonal - columns + 1), min(diagonal, rows - 1) + 1
        row = np.arange(top, bottom)
        cost = costs[row, diagonal - row]  # (cells, B)
        now.fill(np.inf)
        if diagonal == 0:
            now[1] = 2 * cost[0]
        else:
            reached = np.minimum(last[top:bottom], last[top + 1 : bottom + 1])  # from the row above, the column before
            reached += cost
            both = cost
            both *= 2
            both += before[top:bottom]
            np.minimum(reached, both, out=now[top + 1 : bottom + 1])
        ended = np.flatnonzero(ends == diagonal)
        totals[ended] = now[first_lengths[ended], ended]
        before, last, now = last, now, before
    return (totals / (first_lengths + second_lengths)).astype(np.float32)


def score_by_warping(prepared: PreparedSet, frames: Frames, *, takes: Takes = "mean") -> NDArray[np.float32]:
    """The score of each trial: minus the cost of warping its test onto the takes that enroll its model.

    Args:
        prepared: a set with models and trials.
        frames: of all utterances of the trials and models.
        takes: what becomes of the costs of several takes.

    Returns:
        Scores in the order of the trials: (N,).

    Raises:
        SvtokError: where the set has no models or trials, a trial's model is unknown, or an utterance has no frames.
    """
    known, trials = prepared.protocol()
    named = known["model"].astype(str).tolist()
    model_of, models = pd.factorize(trials["model"].astype(object))
    test_of, tests = pd.factorize(trials["utt"].astype(object))
    unknown = sorted(set(models) - set(named))
    if unknown:
        raise SvtokError(f"{len(unknown)} models of the trials are not in the models table: {first_few(unknown)}")
    utts_of = dict(zip(named, known["utts"].astype(str).str.split(), strict=True))
    enrolled = [utt for model in models for utt in utts_of[model]]
    counts = np.array([len(utts_of[model]) for model in models])[model_of]  # takes of each trial (N,)
    starts = np.cumsum(counts) - counts
    first_take = np.cumsum([0, *(len(utts_of[model]) for model in models)])[model_of]
    take_of = np.arange(counts.sum()) - np.repeat(starts - first_take, counts)  # the take of each pair (P,)
    costs = _costs_of_pairs(frames, enrolled, list(tests), take_of, np.repeat(test_of, counts))
    if takes == "best":
        return -np.minimum.reduceat(costs, starts)
    return (-np.add.reduceat(costs, starts) / counts).astype(np.float32)


def _costs_of_pairs(
    frames: Frames,
    takes: Sequence[str],
    tests: Sequence[str],
    take_of: NDArray[np.integer],
    test_of: NDArray[np.integer],
) -> NDArray[np.float32]:
    """The cost of each pair of a take and a test, by their places: (P,)."""
    known = set(frames.utts)
    if missing := sorted({*takes, *tests} - known):
        raise SvtokError(f"{len(missing)} utterances have no frames: {first_few(missing)}; extract this set's")
    take_lengths = np.array([frames.frames(utt) for utt in takes])
    test_lengths = np.array([frames.frames(utt) for utt in tests])
    costs = np.empty(len(take_of), np.float32)
    blocks = list(_blocks(take_lengths[take_of], test_lengths[test_of], take_of))
    for pairs in progress(blocks, total=len(blocks), what="warping"):
        take, which_take = np.unique(take_of[pairs], return_inverse=True)
        test, which_test = np.unique(test_of[pairs], return_inverse=True)
        first = _padded(frames, [takes[place] for place in take])[which_take]  # (B, N, D)
        second = _padded(frames, [tests[place] for place in test])[which_test]  # (B, M, D)
        costs[pairs] = warping_costs(first, second, take_lengths[take_of[pairs]], test_lengths[test_of[pairs]])
    return costs


def _blocks(
    first: NDArray[np.integer], second: NDArray[np.integer], take_of: NDArray[np.integer]
) -> Iterator[NDArray[np.intp]]:
    """Places of pairs of about the same lengths (P,), as many as fill a block of cells; those of a take together."""
    order = np.lexsort((take_of, second, first))
    start = 0
    while start < len(order):
        size = max(1, CELLS_A_BLOCK // int(first[order[start]] * second[order[start]]))
        some = order[start : start + size]
        most = int(first[some].max() * second[some].max())  # what the padding makes of it
        some = some[: max(1, CELLS_A_BLOCK // most)]
        yield some
        start += len(some)


def _padded(frames: Frames, utts: Sequence[str]) -> NDArray[np.float32]:
    """Frames of some utterances, each frame of length 1, zero-padded: (U, T, D)."""
    arrays = [np.asarray(frames[utt], dtype=np.float32) for utt in utts]
    out = np.zeros((len(arrays), max(map(len, arrays)), arrays[0].shape[1]), np.float32)
    for row, array in enumerate(arrays):
        lengths = np.linalg.norm(array, axis=1, keepdims=True)
        out[row, : len(array)] = array / np.where(lengths == 0, 1, lengths)
    return out
