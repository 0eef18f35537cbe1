"""Dynamic time warping: whether a test says what was enrolled, frame by frame, also for phrases that no training saw.

Two utterances are laid upon each other by the path of least cost through the costs of all pairs of their frames
(H. Sakoe, S. Chiba, "Dynamic programming algorithm optimization for spoken word recognition", IEEE TASSP 26, 1978: the
symmetric form with slope constraint 0). Frames may be anything that is stored frame by frame: cepstra, the states of a
network, posteriors of phones. Batched over pairs of utterances, in memory that does not grow with their number.

How costly it is to warp anything onto an utterance differs much from one to the next, for its length, its noise, its
speaker. Normalising scores by those against the recordings of a cohort, which may say anything, takes that out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from svtok.errors import SvtokError, first_few
from svtok.fresh import fingerprint
from svtok.progress import progress
from svtok.scoring.normalise import CohortOf, Statistics, statistics_of_scores, symmetric_norm

if TYPE_CHECKING:
    import pandas as pd

    from svtok.manifest.sets import PreparedSet

CELLS_A_BLOCK = 1 << 22
"""Pairs of frames whose costs are held at once: 16 MB."""
PAIRS_A_BLOCK = 1 << 18
"""Pairs of an utterance and a recording of the cohort whose costs are held at once."""
LEAST_PRODUCT = 1e-6
"""Inner products of posteriors below it count as it."""

Distance = Literal["cosine", "log-product"]
"""Of two frames: 1 - their cosine; or, of posteriors, -log of their inner product, the probability that both are of one
phone (T. Hazen, W. Shen, C. White, "Query-by-example spoken term detection using phonetic posteriorgram templates",
ASRU 2009)."""
Takes = Literal["mean", "best"]
"""What becomes of the costs of a test against each enrolled take: their mean, or the least."""


class Frames(Protocol):
    """Frames (T, D) by the name of an utterance, as a FeatureStore has them."""

    @property
    def utts(self) -> list[str]:
        """The names."""

    def frames(self, name: str, /) -> int:
        """How many frames there are of a name."""

    def __getitem__(self, name: str, /) -> NDArray[np.float32]: ...


def warping_costs(
    first: NDArray[np.float32],
    second: NDArray[np.float32],
    first_lengths: NDArray[np.integer],
    second_lengths: NDArray[np.integer],
    distance: Distance = "cosine",
) -> NDArray[np.float32]:
    """The cost of the best path through each pair of utterances, a mean over its steps.

    A step along one utterance alone counts once, one along both twice, so that every path through N and M frames counts
    N + M.

    Args:
        first: frames (B, N, D), padded; for the cosine of length 1 (or 0), else posteriors.
        second: frames (B, M, D), likewise; or (1, M, D), the same for all.
        first_lengths: real frames of each, at least 1: (B,).
        second_lengths: likewise (B,).
        distance: of two frames.

    Returns:
        (B,); with the cosine from 0 (the same up to its tempo) to 2.
    """
    costs = np.ascontiguousarray(np.matmul(first, second.transpose(0, 2, 1)).transpose(1, 2, 0))  # (N, M, B)
    if distance == "cosine":
        np.subtract(1, costs, out=costs)
    else:
        np.negative(np.log(np.maximum(costs, LEAST_PRODUCT, out=costs), out=costs), out=costs)
    rows, columns, batch = costs.shape
    ends = first_lengths + second_lengths - 2  # the diagonal on which each pair's path ends
    ending = set(ends.tolist())
    totals = np.empty(batch, np.float32)
    # Cell (i, d - i) of diagonal d lies d + i (columns - 1) cells from the first: (diagonals, N, B), of which those
    # outside of the matrix are not read. Cells of a diagonal do not depend on each other.
    step = batch * costs.itemsize
    strides = step, (columns - 1) * step, costs.itemsize
    diagonals = as_strided(costs, (rows + columns - 1, rows, batch), strides, writeable=False)
    # Row 0 of these stands before the first: no path comes from there.
    before, last, now = np.full((3, rows + 1, batch), np.inf, np.float32)  # the two diagonals before, and this one
    now[1] = 2 * costs[0, 0]
    for diagonal in range(int(ends.max()) + 1):
        if diagonal:
            top, bottom = max(0, diagonal - columns + 1), min(diagonal, rows - 1) + 1
            cost = diagonals[diagonal, top:bottom]  # (cells, B)
            reached = np.minimum(last[top:bottom], last[top + 1 : bottom + 1])  # from the row above, the column before
            reached += cost
            both = cost + cost
            both += before[top:bottom]
            np.minimum(reached, both, out=now[top + 1 : bottom + 1])
            now[: top + 1] = np.inf  # what is left there of the diagonal three before
        if diagonal in ending:
            ended = np.flatnonzero(ends == diagonal)
            totals[ended] = now[first_lengths[ended], ended]
        before, last, now = last, now, before
    return (totals / (first_lengths + second_lengths)).astype(np.float32)


@dataclass(frozen=True)
class WarpingCohort:
    """Recordings of other speakers, with which scores are normalised: by all of them, or the `top` highest scores."""

    frames: Frames
    utts: Sequence[str]
    top: int | None = None


@dataclass(frozen=True, eq=False)
class KeptCohort:
    """The recordings of a cohort, in memory: what a fitted scorer keeps. They are Frames of the names `utts`."""

    arrays: tuple[NDArray[np.float32], ...]
    """The frames (T, D) of each of the C recordings."""

    @property
    def utts(self) -> list[str]:
        """A name for each recording; whose they are is not kept."""
        return [f"cohort {place}" for place in range(len(self.arrays))]

    def frames(self, name: str) -> int:
        """How many frames there are of a name."""
        return len(self[name])

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        return self.arrays[int(name.split()[1])]

    @cached_property
    def hash(self) -> str:
        """Changes with any of the frames."""
        return fingerprint([(array.shape, sha256(array.tobytes()).hexdigest()) for array in self.arrays])

    def costs(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """The costs (C,) of warping an utterance (T, D) onto each recording."""
        return costs_of_takes(self.arrays, frames)


def cohort_recordings(utterances: pd.DataFrame, of: CohortOf) -> list[str]:
    """All utterances of a table, or the first of each speaker, or of each class (speaker and phrase)."""
    if of == "utterances":
        return utterances["utt"].astype(str).tolist()
    keys = ["spk"] if of == "speakers" else ["spk", "phrase"]
    return utterances.sort_values("utt").groupby(keys, sort=True)["utt"].first().astype(str).tolist()


def score_by_warping(
    prepared: PreparedSet,
    frames: Frames,
    *,
    takes: Takes = "mean",
    distance: Distance = "cosine",
    cohort: WarpingCohort | None = None,
) -> NDArray[np.float32]:
    """The score of each trial: minus the cost of warping its test onto the takes that enroll its model.

    Args:
        prepared: a set with models and trials.
        frames: of all utterances of the trials and models.
        takes: what becomes of the costs of several takes.
        distance: of two frames.
        cohort: what scores are normalised by (`svtok.scoring.normalise`); None: they are not.

    Returns:
        Scores in the order of the trials: (N,).

    Raises:
        SvtokError: where the set has no models or trials, a trial's model is unknown, an utterance has no frames, or
            the cohort is of the same recordings or too small.
    """
    import pandas as pd

    known, trials = prepared.protocol()
    named = known["model"].astype(str).tolist()
    model_of, models = pd.factorize(trials["model"].astype(object))
    test_of, tests = pd.factorize(trials["utt"].astype(object))
    unknown = sorted(set(models) - set(named))
    if unknown:
        raise SvtokError(f"{len(unknown)} models of the trials are not in the models table: {first_few(unknown)}")
    utts_of = dict(zip(named, known["utts"].astype(str).str.split(), strict=True))
    enrolled = [utt for model in models for utt in utts_of[model]]
    _refuse_missing(frames, {*enrolled, *tests}, "this set's")
    if cohort is not None:
        refuse_unfit(cohort, {*enrolled, *tests})
    takes_of = np.array([len(utts_of[model]) for model in models])  # how many a model has (M,)
    counts = takes_of[model_of]  # takes of each trial (N,)
    starts = np.cumsum(counts) - counts
    first_take = (np.cumsum(takes_of) - takes_of)[model_of]
    take_of = np.arange(counts.sum()) - np.repeat(starts - first_take, counts)  # the take of each pair (P,)
    pairs = Pairs(frames, enrolled, take_of, frames, list(tests), np.repeat(test_of, counts))
    scores = _of_takes(_costs(pairs, distance, "warping"), counts, takes)
    if cohort is None:
        return scores
    of_models = _statistics(frames, [utts_of[model] for model in models], cohort, takes, distance, "cohort, models")
    of_tests = _statistics(frames, [[utt] for utt in tests], cohort, takes, distance, "cohort, tests")
    return symmetric_norm(scores, of_models, of_tests, model_of, test_of)


def _of_takes(costs: NDArray[np.float32], counts: NDArray[np.integer], takes: Takes) -> NDArray[np.float32]:
    """Scores (N, ...) of the costs (P, ...) of pairs that stand in N runs, as long as `counts` says."""
    starts = np.cumsum(counts) - counts
    if takes == "best":
        return -np.minimum.reduceat(costs, starts)
    sums = np.add.reduceat(costs, starts)
    return (-sums / counts.reshape(-1, *[1] * (sums.ndim - 1))).astype(np.float32)


def costs_of_takes(
    takes: Sequence[NDArray[np.float32]], test: NDArray[np.float32], distance: Distance = "cosine"
) -> NDArray[np.float32]:
    """The cost of warping one test onto each of some takes, in memory that does not grow with their number.

    Args:
        takes: frames (T_i, D) of N takes.
        test: frames (M, D).
        distance: of two frames.

    Returns:
        (N,), as of `warping_costs`.
    """
    lengths, tests = np.array([len(take) for take in takes]), np.full(len(takes), len(test))
    costs = np.empty(len(takes), np.float32)
    second = _padded([test], distance)  # (1, M, D)
    for some in _blocks(lengths, tests, np.arange(len(takes))):
        first = _padded([takes[place] for place in some], distance)  # (B, T, D)
        costs[some] = warping_costs(first, second, lengths[some], tests[some], distance)
    return costs


def warp_onto_voices(
    voices: Sequence[Sequence[NDArray[np.float32]]], test: NDArray[np.float32], takes: Takes
) -> NDArray[np.float32]:
    """The scores (M,) of one test with M voices, each of one or more takes (T_i, D), as `score_by_warping` has them."""
    costs = costs_of_takes([take for voice in voices for take in voice], test)
    return _of_takes(costs, np.array([len(voice) for voice in voices]), takes)


def normalise_onto_voices(
    scores: NDArray[np.float32],
    voices: Sequence[Sequence[NDArray[np.float32]]],
    test: NDArray[np.float32],
    takes: Takes,
) -> NDArray[np.float32]:
    """Scores of `warp_onto_voices`, by S-norm, as `score_by_warping` has them.

    Args:
        scores: of one test with M voices: (M,).
        voices: of the takes of each voice, the costs (C,) against a cohort (`KeptCohort.costs`).
        test: those of the test (C,).
        takes: what becomes of the costs of several takes.
    """
    costs = np.stack([take for voice in voices for take in voice])  # (takes of all, C)
    of_models = statistics_of_scores(_of_takes(costs, np.array([len(voice) for voice in voices]), takes))
    of_test = statistics_of_scores(-test[None])
    return symmetric_norm(scores, of_models, of_test, np.arange(len(scores)), np.zeros(len(scores), np.intp))


def _statistics(
    frames: Frames,
    groups: Sequence[Sequence[str]],
    cohort: WarpingCohort,
    takes: Takes,
    distance: Distance,
    what: str,
) -> Statistics:
    """Of the scores of groups of utterances, each the takes of a model or one test, against the cohort (C)."""
    size = len(cohort.utts)
    blocks = list(_groups_in_blocks(groups, max(1, PAIRS_A_BLOCK // size)))
    found = []
    for block in progress(blocks, total=len(blocks), what=what):
        utts = [utt for group in block for utt in group]
        row, column = (places.ravel() for places in np.indices((len(utts), size)))
        costs = _costs(Pairs(frames, utts, row, cohort.frames, cohort.utts, column), distance)
        scores = _of_takes(costs.reshape(len(utts), size), np.array([len(group) for group in block]), takes)
        found.append(statistics_of_scores(scores, cohort.top))  # of (groups, C)
    return Statistics(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


class Pairs(NamedTuple):
    """Pairs of utterances: the frames and names of either side, and the place of each pair's utterance in it (P,)."""

    first_frames: Frames
    first: Sequence[str]
    first_of: NDArray[np.integer]
    second_frames: Frames
    second: Sequence[str]
    second_of: NDArray[np.integer]


def _costs(pairs: Pairs, distance: Distance, what: str | None = None) -> NDArray[np.float32]:
    """The cost of each pair (P,); `what` names the work in a display of progress."""
    first_lengths = np.array([pairs.first_frames.frames(utt) for utt in pairs.first])[pairs.first_of]
    second_lengths = np.array([pairs.second_frames.frames(utt) for utt in pairs.second])[pairs.second_of]
    costs = np.empty(len(pairs.first_of), np.float32)
    blocks = list(_blocks(first_lengths, second_lengths, pairs.first_of))
    for some in progress(blocks, total=len(blocks), what=what) if what else blocks:
        first = _batch(pairs.first_frames, pairs.first, pairs.first_of[some], distance)  # (B, N, D)
        second = _batch(pairs.second_frames, pairs.second, pairs.second_of[some], distance)  # (B, M, D)
        costs[some] = warping_costs(first, second, first_lengths[some], second_lengths[some], distance)
    return costs


def _batch(frames: Frames, utts: Sequence[str], places: NDArray[np.integer], distance: Distance) -> NDArray[np.float32]:
    """The frames of the utterances at B places, padded: (B, T, D). Each utterance is read once."""
    distinct, which = np.unique(places, return_inverse=True)
    return _padded([frames[utts[place]] for place in distinct], distance)[which]


def _refuse_missing(frames: Frames, utts: set[str], what: str) -> None:
    if missing := sorted(utts - set(frames.utts)):
        raise SvtokError(f"{len(missing)} utterances have no frames: {first_few(missing)}; extract {what}")


def refuse_unfit(cohort: WarpingCohort, utts: set[str]) -> None:
    """Raise SvtokError where a cohort lacks frames, or has one of the utterances that are scored."""
    _refuse_missing(cohort.frames, set(cohort.utts), "the cohort's")
    if shared := sorted(utts & set(cohort.utts)):
        raise SvtokError(
            f"{len(shared)} utterances of the cohort are among those scored ({first_few(shared)}): it is to be of "
            "other recordings, such as those of the training set"
        )


def _groups_in_blocks(groups: Sequence[Sequence[str]], most: int) -> Iterator[Sequence[Sequence[str]]]:
    """The groups in their order, in blocks of at most so many utterances, or of one group."""
    start = count = 0
    for place, group in enumerate(groups):
        if count + len(group) > most and place > start:
            yield groups[start:place]
            start, count = place, 0
        count += len(group)
    yield groups[start:]


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


def _padded(arrays: Sequence[NDArray[np.float32]], distance: Distance) -> NDArray[np.float32]:
    """Frames (T_i, D) of U utterances, for the cosine each frame of length 1, zero-padded: (U, T, D)."""
    out = np.zeros((len(arrays), max(map(len, arrays)), arrays[0].shape[1]), np.float32)
    for row, array in enumerate(arrays):
        out[row, : len(array)] = array
    if distance == "cosine":
        lengths = np.linalg.norm(out, axis=2, keepdims=True)
        out /= np.where(lengths == 0, 1, lengths)
    return out
