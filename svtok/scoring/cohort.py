"""The cohort of a score normalisation, and the scores of trials normalised by it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from svtok.embeddings.enroll import enroll_models, rows_of
from svtok.embeddings.store import Embeddings
from svtok.errors import SvtokError
from svtok.scoring.normalise import cohort_statistics, symmetric_norm
from svtok.scoring.trials import TrialSides

if TYPE_CHECKING:
    from svtok.manifest.sets import PreparedSet

CohortOf = Literal["utterances", "speakers", "classes"]


@dataclass(frozen=True)
class Cohort:
    """Embeddings (C, D) to compare models and tests with and, where they are known, the phrase of each."""

    vectors: NDArray[np.float32]
    phrases: NDArray[np.object_] | None = None


def make_cohort(
    embeddings: Embeddings, utterances: pd.DataFrame | None = None, *, of: CohortOf = "utterances"
) -> Cohort:
    """A cohort of some embeddings: one each, or the mean of each speaker's, or of each class's (speaker and phrase).

    Means are taken as for enrollment. `utterances` is the table that tells speakers and phrases; with it, only its
    utterances are taken. Raises SvtokError where it is needed and missing, or an utterance has no embedding.
    """
    if utterances is None:
        if of != "utterances":
            raise SvtokError(f"the {of} of the cohort are not known: name its prepared set")
        return Cohort(embeddings.vectors)
    if of == "utterances":
        rows = rows_of(embeddings, utterances["utt"].tolist())
        return Cohort(embeddings.vectors[rows], utterances["phrase"].to_numpy(object))
    keys = ["spk"] if of == "speakers" else ["spk", "phrase"]
    groups = utterances.groupby(keys, sort=True)["utt"].agg(" ".join).reset_index()
    _, vectors = enroll_models(embeddings, pd.DataFrame({"model": groups["spk"], "utts": groups["utt"]}))
    return Cohort(vectors, groups["phrase"].to_numpy(object) if of == "classes" else None)


def refuse_unfit(cohort: Embeddings, trials: Embeddings) -> None:
    """Raise SvtokError where a cohort cannot normalise scores of the other embeddings: of another network, or the same
    utterances."""
    if cohort.network_hash != trials.network_hash:
        raise SvtokError(
            "the embeddings of the cohort are of another network than those of the trials: extract them again"
        )
    shared = sorted(set(cohort.utts) & set(trials.utts))
    if shared:
        raise SvtokError(
            f"{len(shared)} utterances of the cohort are among those scored ({', '.join(shared[:5])}): a cohort is of "
            "other recordings, such as those of the training set"
        )


def phrases_of(prepared: PreparedSet, models: list[str]) -> NDArray[np.object_]:
    """The phrase of each model named (M,), which are all in the set's table."""
    assert prepared.models is not None
    return prepared.models.set_index("model")["phrase"].loc[models].to_numpy(object)


def normalise_scores(
    scores: NDArray[np.float32],
    sides: TrialSides,
    cohort: Cohort,
    *,
    top: int | None,
    model_phrases: NDArray[np.object_] | None = None,
) -> NDArray[np.float32]:
    """The cosine scores (N,) of trials after S-norm (`top` is None) or AS-norm with the `top` highest.

    With the phrase of each model (M,), a trial is normalised by the part of the cohort that has its model's phrase: the
    phrase that is claimed, whatever was said. Raises SvtokError where the cohort, or that of a phrase, is too small.
    """
    if model_phrases is None:
        return _normalised(scores, sides, cohort.vectors, top)
    if cohort.phrases is None:
        raise SvtokError(
            "the members of the cohort have no phrase: take its utterances, or its classes, of a prepared set"
        )
    codes, phrases = pd.factorize(model_phrases)
    cohort_codes = pd.Index(phrases).get_indexer(pd.Index(cohort.phrases))
    _refuse_small(
        dict(zip(phrases, np.bincount(cohort_codes[cohort_codes >= 0], minlength=len(phrases)), strict=True)), top
    )
    normalised = np.empty_like(scores)
    of_trials = codes.astype(np.int16)[sides.model_index]
    for code in range(len(phrases)):
        trials = np.flatnonzero(of_trials == code)
        normalised[trials] = _normalised(scores[trials], sides.of(trials), cohort.vectors[cohort_codes == code], top)
    return normalised


def _normalised(
    scores: NDArray[np.float32], sides: TrialSides, cohort: NDArray[np.float32], top: int | None
) -> NDArray[np.float32]:
    models = cohort_statistics(sides.model_vectors, cohort, top=top)
    tests = cohort_statistics(sides.test_vectors, cohort, top=top)
    return symmetric_norm(scores, models, tests, sides.model_index, sides.test_index)


def _refuse_small(sizes: dict[str, int], top: int | None) -> None:
    """Raise SvtokError where the cohort has too little of a phrase."""
    least = top or 2
    small = [f"{phrase} {size}" for phrase, size in sizes.items() if size < least]
    if small:
        more = ", ..." if len(small) > 5 else ""
        raise SvtokError(
            f"the cohort needs {least} of each phrase of the models, and has fewer of {len(small)}: "
            f"{', '.join(small[:5])}{more}"
        )
