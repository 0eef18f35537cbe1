"""Enrollment: from the embeddings of a model's utterances to the one embedding that stands for the model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from svtok.embeddings.store import Embeddings
from svtok.errors import SvtokError


def normalise_length(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each row of (N, D) divided by its Euclidean length; a row of zeros stays zero."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(lengths == 0, 1, lengths)).astype(np.float32)


def rows_of(embeddings: Embeddings, utts: Sequence[str]) -> NDArray[np.intp]:
    """The row of each utterance in the embeddings. Raises SvtokError that counts the missing ones and names a few."""
    rows: NDArray[np.intp] = pd.Index(embeddings.utts).get_indexer(pd.Index(utts))
    missing = sorted({utt for utt, row in zip(utts, rows, strict=True) if row < 0})
    if missing:
        count = "1 utterance has" if len(missing) == 1 else f"{len(missing)} utterances have"
        names = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
        raise SvtokError(f"{count} no embedding: {names}; extract the embeddings of this very set")
    return rows


def enroll_models(embeddings: Embeddings, models: pd.DataFrame) -> tuple[list[str], NDArray[np.float32]]:
    """One embedding a model: the mean of the length-normalised embeddings of its utterances, length-normalised again.

    `models` has the columns `model` and `utts` (blank-separated). Returns the M names and their vectors (M, D) float32.
    Raises SvtokError where a model has no utterance or an utterance has no embedding.
    """
    names = [str(name) for name in models["model"]]
    utts_of = [str(utts).split() for utts in models["utts"]]
    counts = np.array([len(utts) for utts in utts_of], dtype=np.intp)
    if not counts.all():
        raise SvtokError(f"model '{names[int(np.argmin(counts))]}' has no enrollment utterance")
    rows = rows_of(embeddings, [utt for utts in utts_of for utt in utts])
    if not names:
        return [], np.empty((0, embeddings.vectors.shape[1]), dtype=np.float32)
    starts = np.cumsum(counts) - counts
    # the length of the sum is that of the mean times a positive number: one normalisation does for both
    return names, normalise_length(np.add.reduceat(normalise_length(embeddings.vectors[rows]), starts, axis=0))
