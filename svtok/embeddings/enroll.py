"""Enrollment: the embeddings of the utterances of models, and means over the utterances of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from svtok.embeddings.store import Embeddings
from svtok.errors import SvtokError, first_few

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Enrolled:
    """The embeddings of the utterances of M models, one model after the other: (U, D), and how many each has: (M,)."""

    vectors: NDArray[np.float32]
    counts: NDArray[np.intp]

    def means(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """The mean over each model's utterances (M, K) of values of each utterance (U, K)."""
        if len(self.counts) == 0:
            return values
        starts = np.cumsum(self.counts) - self.counts
        return (np.add.reduceat(values, starts, axis=0) / self.counts[:, None]).astype(np.float32)

    def of(self, models: NDArray[np.integer]) -> Enrolled:
        """Some of the models, by their places, in this order."""
        counts = self.counts[models]
        starts = (np.cumsum(self.counts) - self.counts)[models]
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        return Enrolled(self.vectors[np.repeat(starts, counts) + within], counts)


def normalise_length(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each row of (N, D) divided by its Euclidean length; a row of zeros stays zero."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(lengths == 0, 1, lengths)).astype(np.float32)


def rows_of(embeddings: Embeddings, utts: Sequence[str]) -> NDArray[np.intp]:
    """The row of each utterance in the embeddings. Raises SvtokError that counts the missing ones and names a few."""
    import pandas as pd

    rows: NDArray[np.intp] = pd.Index(embeddings.utts).get_indexer(pd.Index(utts))
    missing = sorted({utt for utt, row in zip(utts, rows, strict=True) if row < 0})
    if missing:
        count = "1 utterance has" if len(missing) == 1 else f"{len(missing)} utterances have"
        raise SvtokError(f"{count} no embedding: {first_few(missing)}; extract the embeddings of this very set")
    return rows


def enrolled_utterances(embeddings: Embeddings, models: pd.DataFrame) -> Enrolled:
    """The embeddings of the utterances of each model, in the order of the table.

    `models` has the columns `model` and `utts` (blank-separated). Raises SvtokError where a model has no utterance or
    an utterance has no embedding.
    """
    utts_of = [str(utts).split() for utts in models["utts"]]
    counts = np.array([len(utts) for utts in utts_of], dtype=np.intp)
    if not counts.all():
        raise SvtokError(f"model '{models['model'].iloc[int(np.argmin(counts))]}' has no enrollment utterance")
    rows = rows_of(embeddings, [utt for utts in utts_of for utt in utts])
    return Enrolled(embeddings.vectors[rows], counts)


def enrolled_joined(joined: Embeddings, models: pd.DataFrame) -> Enrolled:
    """The embedding of the joined utterances of each model, in the order of the table.

    `joined` has embeddings by names of models (`embeddings.joined`). Raises SvtokError where a model has none.
    """
    names = models["model"].astype(str).tolist()
    missing = sorted(set(names) - set(joined.utts))
    if missing:
        raise SvtokError(
            f"{len(missing)} models have no embedding of their joined utterances: {first_few(missing)}; make those "
            "of this very set with `svtok extract-embeddings --joined-models`"
        )
    return Enrolled(joined.vectors[rows_of(joined, names)], np.ones(len(names), dtype=np.intp))
