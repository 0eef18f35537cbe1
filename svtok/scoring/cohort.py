"""The cohort of a score normalisation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from svtok.embeddings.enroll import Enrolled, enrolled_utterances
from svtok.embeddings.store import Embeddings
from svtok.errors import SvtokError

CohortOf = Literal["utterances", "speakers", "classes"]


@dataclass(frozen=True)
class Cohort:
    """C members to compare models and tests with: the embeddings of each and, where it is known, its phrase (C,).

    Tests are compared with members enrolled like models; models with members as if each were one test utterance, its
    mean embedding.
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
            more = ", ..." if len(small) > 5 else ""
            raise SvtokError(
                f"the cohort needs {least} of each phrase of the models, and has fewer of {len(small)}: "
                f"{', '.join(small[:5])}{more}"
            )


def make_cohort(
    embeddings: Embeddings, utterances: pd.DataFrame | None = None, *, of: CohortOf = "utterances"
) -> Cohort:
    """A cohort of some embeddings: a member each, or one of each speaker, or of each class (speaker and phrase).

    `utterances` is the table that tells speakers and phrases; with it, only its utterances are taken. Raises SvtokError
    where it is needed and missing, or an utterance has no embedding.
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
            f"{len(shared)} utterances of the {what} are among those scored ({', '.join(shared[:5])}): it is to be of "
            "other recordings, such as those of the training set"
        )
