"""What a back-end is, and how models are enrolled for any of them."""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from svtok.embeddings.enroll import Enrolled

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


def model_rows(backend: Backend, enrolled: Enrolled, enrollment: Enrollment) -> NDArray[np.float32]:
    """Rows (M, K) of enrolled models.

    mean-embedding, joined-audio: the mean of a model's projections stands for it as if it were one utterance.
    by-the-book: the mean counts as what it is, that of several utterances; only PLDA makes a difference of it.
    mean-score: the score is the mean of the scores that each utterance, enrolled alone, would have: as scores are
    inner products, that of the mean of their rows.
    """
    projected = backend.project(enrolled.vectors)
    if enrollment == "mean-score":
        return enrolled.means(backend.models(projected, np.ones(len(projected), dtype=np.intp)))
    counts = enrolled.counts if enrollment == "by-the-book" else np.ones_like(enrolled.counts)
    return backend.models(enrolled.means(projected), counts)


def utterance_rows(backend: Backend, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows (T, K) of test utterances with the embeddings (T, D)."""
    return backend.tests(backend.project(vectors))
