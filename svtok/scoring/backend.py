"""What a back-end is, how models are enrolled for any of them, the cosine; and back-ends fitted on a training set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from svtok.config import Section
from svtok.embeddings.enroll import Enrolled, normalise_length, rows_of
from svtok.embeddings.store import Embeddings
from svtok.errors import Problem, SvtokError, raise_problems
from svtok.scoring.plda import Projection, fit_lda, fit_plda

if TYPE_CHECKING:
    import pandas as pd

Enrollment = Literal["mean-embedding", "mean-score", "joined-audio", "by-the-book"]


class Backend(Protocol):
    """How models and test utterances are compared: each becomes a row, and their inner product is the score.

    Rows of both sides are small beside the trials, so that any number of trials is scored in blocks.
    """

    def project(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Embeddings of utterances (N, D) in the space of the back-end, in which means are taken: (N, P)."""

    def models(self, means: NDArray[np.float32], counts: NDArray[np.integer]) -> NDArray[np.float32]:
        """Rows (M, K) of models, from the means (M, P) of the projections of `counts` (M,) utterances each."""

    def tests(self, projected: NDArray[np.float32]) -> NDArray[np.float32]:
        """Rows (T, K) of test utterances, from their projections (T, P)."""

    def mean_tests(self, means: NDArray[np.float32]) -> NDArray[np.float32]:
        """Rows (C, K) of members of a cohort as tests, from the means (C, P) of the projections of each."""


def model_rows(backend: Backend, enrolled: Enrolled, enrollment: Enrollment) -> NDArray[np.float32]:
    """Rows (M, K) of enrolled models.

    mean-embedding, joined-audio: the mean of a model's projections stands for it as if it were one utterance.
    by-the-book: the mean counts as what it is, that of several utterances; only PLDA makes a difference of it.
    mean-score: the score is the mean of the scores that each utterance, enrolled alone, would have: as scores are
    inner products, that of the mean of their rows.

    Args:
        backend: whose rows they are.
        enrolled: the embeddings of M models.
        enrollment: how several of a model become one.
    """
    projected = backend.project(enrolled.vectors)
    if enrollment == "mean-score":
        return enrolled.means(backend.models(projected, np.ones(len(projected), dtype=np.intp)))
    counts = enrolled.counts if enrollment == "by-the-book" else np.ones_like(enrolled.counts)
    return backend.models(enrolled.means(projected), counts)


def utterance_rows(backend: Backend, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows (T, K) of test utterances with the embeddings (T, D)."""
    return backend.tests(backend.project(vectors))


@dataclass(frozen=True)
class Cosine:
    """The cosine of model and test; in the space of a projection (LDA) where there is one.

    A model is the mean of its length-normalised utterances.
    """

    space: Projection | None = None

    def project(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        return normalise_length(vectors if self.space is None else self.space.project(vectors))

    def models(self, means: NDArray[np.float32], counts: NDArray[np.integer]) -> NDArray[np.float32]:
        return normalise_length(means)

    def tests(self, projected: NDArray[np.float32]) -> NDArray[np.float32]:
        return projected

    def mean_tests(self, means: NDArray[np.float32]) -> NDArray[np.float32]:
        return normalise_length(means)


@dataclass(frozen=True)
class Parts:
    """Back-ends of the parts of an embedding, which stand side by side and are of one length, as a network's streams.

    Each compares and is normalised by itself, and a trial's score is the mean of theirs: parts that were trained apart
    do not vary together as one covariance would have it, fitted to few classes. Rows of all parts stand side by side.
    """

    backends: tuple[Backend, ...]

    def project(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.hstack([one.project(some) for one, some in self._each(vectors)])

    def models(self, means: NDArray[np.float32], counts: NDArray[np.integer]) -> NDArray[np.float32]:
        return np.hstack([one.models(some, counts) for one, some in self._each(means)])

    def tests(self, projected: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.hstack([one.tests(some) for one, some in self._each(projected)])

    def mean_tests(self, means: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.hstack([one.mean_tests(some) for one, some in self._each(means)])

    def _each(self, beside: NDArray[np.float32]) -> Iterator[tuple[Backend, NDArray[np.float32]]]:
        """Each of S back-ends with its columns (N, K) of (N, S K)."""
        return zip(self.backends, each_part(self, beside), strict=True)


def each_part(backend: Backend, rows: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """The rows (N, K) of a back-end as those of each of its S parts, (N, K / S); where it has none, as they are."""
    return np.split(rows, len(backend.backends), axis=1) if isinstance(backend, Parts) else [rows]


SHRINKAGE, PHRASE_SHRINKAGE = 0.1, 0.8
"""Chosen, as the other defaults, by the dev set of Arabic Speech Commands: 18 training speakers say 40 phrases six
times each, in 256 dimensions. A phrase alone has too few speakers and utterances to show how they vary."""


class BackendConfig(Section):
    """A back-end that is trained."""

    name: Literal["lda", "plda"] = Field(description="lda: cosine after LDA. plda: the two-covariance model after LDA.")
    lda_dim: int | None = Field(None, ge=1, description="Dimensions that LDA keeps; default: all there are.")
    shrinkage: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Part of the within-class covariance made the same all round; default: 0.1, by phrase 0.8.",
    )
    length_norm: bool = Field(True, description="Before PLDA, vectors are divided by their length.")
    parts: int = Field(1, ge=1, description="Of an embedding, side by side; each has a back-end of its own.")

    def fit(self, vectors: NDArray[np.float32], classes: NDArray[np.integer]) -> Backend:
        """The back-end trained on embeddings (N, D) whose classes (N,) are numbers from 0 on.

        Raises:
            SvtokError: D is no multiple of the number of parts, or as `fit_lda` and `fit_plda`.
        """
        if self.parts == 1:
            return self._fit(vectors, classes)
        if vectors.shape[1] % self.parts:
            raise SvtokError(
                f"embeddings of {vectors.shape[1]} dimensions are not {self.parts} parts of one length: the parts of a "
                "network's embeddings are its network.streams"
            )
        return Parts(tuple(self._fit(some, classes) for some in np.split(vectors, self.parts, axis=1)))

    def _fit(self, vectors: NDArray[np.float32], classes: NDArray[np.integer]) -> Backend:
        """That of one part."""
        shrinkage = SHRINKAGE if self.shrinkage is None else self.shrinkage
        if self.name == "lda":
            return Cosine(fit_lda(vectors, classes, dim=self.lda_dim, shrinkage=shrinkage))
        return fit_plda(vectors, classes, lda_dim=self.lda_dim, shrinkage=shrinkage, length_norm=self.length_norm)


def fit_backend(
    config: BackendConfig,
    embeddings: Embeddings,
    utterances: pd.DataFrame,
    classes: Literal["speaker", "speaker-phrase"],
) -> Backend:
    """One back-end of all utterances of a table.

    Args:
        config: which back-end.
        embeddings: of all of the utterances.
        utterances: with their `spk` and `phrase`.
        classes: what it learns to separate.

    Raises:
        SvtokError: an utterance has no embedding, or they do not do to fit it.
    """
    keys = ["spk"] if classes == "speaker" else ["spk", "phrase"]
    codes = utterances.groupby(keys).ngroup().to_numpy()
    return config.fit(embeddings.vectors[rows_of(embeddings, utterances["utt"].tolist())], codes)


def fittable_phrases(utterances: pd.DataFrame) -> list[str]:
    """The phrases that `fit_phrase_backends` can have a back-end of: several speakers say them, some several times."""
    of = utterances.groupby("phrase", observed=True)["spk"]
    speakers, said = of.nunique(), of.size()
    return [str(phrase) for phrase in speakers.index[(speakers > 1) & (said > speakers)]]


def fit_phrase_backends(
    config: BackendConfig, embeddings: Embeddings, utterances: pd.DataFrame, phrases: Sequence[str]
) -> dict[str, Backend]:
    """A back-end for each of the phrases, of the utterances that say it; its classes are their speakers.

    Args:
        config: which back-end.
        embeddings: of all of the utterances.
        utterances: with their `spk` and `phrase`.
        phrases: those that need a back-end.

    Raises:
        ProblemsError: with every phrase of too few speakers, or too few utterances of each.
    """
    wanted = sorted(set(phrases))
    said = {phrase: utterances[utterances["phrase"] == phrase] for phrase in wanted}
    raise_problems(
        [
            Problem(
                f"phrase '{phrase}': {len(some)} training utterances of {some['spk'].nunique()} speakers; a back-end "
                "needs 2 speakers or more, some of which say it several times"
            )
            for phrase, some in said.items()
            if some["spk"].nunique() < 2 or len(some) == some["spk"].nunique()
        ]
    )
    if config.shrinkage is None:
        config = config.model_copy(update={"shrinkage": PHRASE_SHRINKAGE})
    backends = {}
    for phrase, some in said.items():
        try:
            backends[phrase] = fit_backend(config, embeddings, some, "speaker")
        except SvtokError as error:
            raise SvtokError(f"the back-end of phrase '{phrase}': {error}") from error
    return backends
