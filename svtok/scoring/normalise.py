"""Symmetric score normalisation against a cohort: S-norm and AS-norm. Pure functions of arrays.

A score s of a model m and a test t becomes ((s - mean_m) / std_m + (s - mean_t) / std_t) / 2, where mean and std are
those of the scores of m, and of t, against a cohort of others: against all of it (S-norm: P. Kenny, "Bayesian speaker
verification with heavy-tailed priors", Odyssey 2010), or each against the `top` highest of its own scores (adaptive,
AS-norm: P. Matejka et al., "Analysis of score normalization in multilingual speaker recognition", Interspeech 2017,
there "AS-norm1").
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from svtok.embeddings.enroll import Enrolled, enrolled_utterances
from svtok.embeddings.store import Embeddings
from svtok.errors import SvtokError, first_few

if TYPE_CHECKING:
    import pandas as pd

ROWS_A_BLOCK = 512
"""Embeddings whose scores against the cohort are held at once."""


class Statistics(NamedTuple):
    """Mean and standard deviation (N,) each of the scores of N embeddings against a cohort."""

    mean: NDArray[np.float32]
    std: NDArray[np.float32]


def cohort_statistics(rows: NDArray[np.float32], cohort: NDArray[np.float32], *, top: int | None = None) -> Statistics:
    """Statistics of the scores of each row with a cohort. Memory beyond the arguments: ROWS_A_BLOCK x C scores.

    Args:
        rows: of a back-end, whose inner products are the scores: (N, K).
        cohort: (C, K).
        top: how many of the highest scores of a row count; None: all.

    Raises:
        SvtokError: the cohort has not 2 rows, `top` is less than 2 or more than the cohort has, or the scores of some
            row are all the same.
    """
    _refuse_size(len(cohort), top)
    parts = []
    block = np.empty((min(ROWS_A_BLOCK, len(rows)), len(cohort)), np.float32)
    for start in range(0, len(rows), ROWS_A_BLOCK):
        some = rows[start : start + ROWS_A_BLOCK]
        scores = np.matmul(some, cohort.T, out=block[: len(some)])  # (R, C)
        parts.append(_mean_and_std(scores, top))
    return _refuse_flat(Statistics(*(np.concatenate(part) for part in zip(*parts, strict=True))))


def statistics_of_scores(scores: NDArray[np.float32], top: int | None = None) -> Statistics:
    """As `cohort_statistics`, of the scores (N, C) themselves, which are reordered."""
    _refuse_size(scores.shape[1], top)
    return _refuse_flat(_mean_and_std(scores, top))


def _refuse_size(size: int, top: int | None) -> None:
    if top is not None and not 2 <= top <= size:
        raise SvtokError(f"the {top} highest scores cannot be taken of a cohort of {size}: name from 2 to {size}")
    if size < 2:
        raise SvtokError(f"a cohort of {size} has no standard deviation: 2 are the least, hundreds are usual")


def _mean_and_std(scores: NDArray[np.float32], top: int | None) -> Statistics:
    """Of each row (R, C), or of its `top` highest."""
    if top is not None:
        scores = _highest(scores, top)
    return Statistics(scores.mean(axis=1), scores.std(axis=1))


def _refuse_flat(found: Statistics) -> Statistics:
    flat = int(np.count_nonzero(found.std < 1e-6 * np.maximum(1, np.abs(found.mean))))  # rounding of equal scores
    if flat:
        raise SvtokError(
            f"{flat} embeddings have the same score with all they are compared to: the cohort is too small"
        )
    return found


def _highest(scores: NDArray[np.float32], top: int) -> NDArray[np.float32]:
    """The `top` highest of each row (R, C), in any order: (R, top), a view. The rows are reordered."""
    scores.partition(scores.shape[1] - top, axis=1)
    return scores[:, scores.shape[1] - top :]


def symmetric_norm(
    scores: NDArray[np.float32],
    models: Statistics,
    tests: Statistics,
    model_index: NDArray[np.integer],
    test_index: NDArray[np.integer],
) -> NDArray[np.float32]:
    """Scores normalised by the statistics of their models and by those of their tests; the mean of both.

    Args:
        scores: (N,).
        models: of M models.
        tests: of T tests.
        model_index: (N,), the model of each score.
        test_index: (N,), the test of each score.

    Returns:
        (N,).
    """
    by_model = (scores - models.mean[model_index]) / models.std[model_index]
    by_model += (scores - tests.mean[test_index]) / tests.std[test_index]
    by_model /= 2
    return by_model


CohortOf = Literal["utterances", "speakers", "classes"]


@dataclass(frozen=True)
class Cohort:
    """C members to compare models and tests with: the embeddings of each and, where it is known, its phrase (C,).

    Tests are compared with members enrolled like models; models with members as if each were one test utterance, which
    lies at the mean of its projections. (The projection of its mean embedding, made longer again by the normalisation
    of lengths, has scores more extreme than any utterance's.)
    """

    members: Enrolled
    phrases: NDArray[np.object_] | None = None

    def __len__(self) -> int:
        return len(self.members.counts)

    def saying(self, phrase: str) -> Cohort:
        """The members that say a phrase."""
        assert self.phrases is not None
        members = np.flatnonzero(self.phrases == phrase)
        return Cohort(self.members.of(members), self.phrases[members])


@dataclass(frozen=True)
class Norm:
    """S-norm (`top` is None), or AS-norm with the `top` highest scores, by a cohort.

    With `by_phrase`, a trial is normalised by the members that say its model's phrase: the phrase that is claimed,
    whatever was said. Raises SvtokError where the phrases of the cohort are not known.
    """

    cohort: Cohort
    top: int | None = None
    by_phrase: bool = False

    def __post_init__(self) -> None:
        if self.by_phrase and self.cohort.phrases is None:
            raise SvtokError(
                "the members of the cohort have no phrase: take its utterances, or its classes, of a prepared set"
            )

    def cohort_of(self, phrase: str) -> Cohort:
        """The part of the cohort that a trial of the phrase is normalised by."""
        return self.cohort.saying(phrase) if self.by_phrase else self.cohort

    def refuse_small(self, phrases: Iterable[str]) -> None:
        """Raise SvtokError where the part of the cohort for one of the phrases is too small."""
        least = self.top or 2
        sizes = {phrase: len(self.cohort_of(phrase)) for phrase in dict.fromkeys(phrases)}
        small = [f"{phrase} {size}" for phrase, size in sizes.items() if size < least]
        if self.by_phrase and small:
            raise SvtokError(
                f"the cohort needs {least} of each phrase of the models, and has fewer of {len(small)}: "
                f"{first_few(small)}"
            )


def make_cohort(
    embeddings: Embeddings, utterances: pd.DataFrame | None = None, *, of: CohortOf = "utterances"
) -> Cohort:
    """A cohort of some embeddings: a member each, or one of each speaker, or of each class (speaker and phrase).

    Args:
        embeddings: of the utterances of the cohort.
        utterances: the table that has their speakers and phrases; with it, only its utterances are taken.
        of: what a member is.

    Raises:
        SvtokError: the table is needed and missing, or an utterance has no embedding.
    """
    if utterances is None:
        if of != "utterances":
            raise SvtokError(f"the {of} of the cohort are not known: name its prepared set")
        return Cohort(Enrolled(embeddings.vectors, np.ones(len(embeddings.utts), dtype=np.intp)))
    groups = utterances.assign(model=utterances["utt"], utts=utterances["utt"])
    if of != "utterances":
        keys = ["spk"] if of == "speakers" else ["spk", "phrase"]
        groups = groups.groupby(keys, sort=True).agg({"model": "first", "utts": " ".join}).reset_index()
    members = enrolled_utterances(embeddings, groups)
    return Cohort(members, groups["phrase"].to_numpy(object) if of != "speakers" else None)


def refuse_unfit(others: Embeddings, trials: Embeddings, what: str = "cohort") -> None:
    """Raise SvtokError where other embeddings, of a cohort or a training set, do not serve to score those of trials: of
    another network, or the same utterances."""
    if others.network_hash != trials.network_hash:
        raise SvtokError(
            f"the embeddings of the {what} are of another network than those of the trials: extract them again"
        )
    shared = sorted(set(others.utts) & set(trials.utts))
    if shared:
        raise SvtokError(
            f"{len(shared)} utterances of the {what} are among those scored ({first_few(shared)}): it is to be of "
            "other recordings, such as those of the training set"
        )
