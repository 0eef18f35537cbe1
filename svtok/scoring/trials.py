"""The embeddings of both sides of a prepared set's trials."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from svtok.embeddings.enroll import Enrolled, enrolled_joined, enrolled_utterances, rows_of
from svtok.embeddings.store import Embeddings
from svtok.errors import SvtokError, first_few

if TYPE_CHECKING:
    import pandas as pd

    from svtok.manifest.sets import PreparedSet


@dataclass(frozen=True)
class TrialSides:
    """N trials as embeddings: trial n is of row model_index[n] of M models and row test_index[n] of T tests."""

    enrolled: Enrolled
    """The M models."""
    phrases: NDArray[np.object_]
    """The phrase of each model (M,)."""
    test_vectors: NDArray[np.float32]
    """(T, D)."""
    model_index: NDArray[np.int32]
    test_index: NDArray[np.int32]

    def of(self, trials: NDArray[np.intp]) -> TrialSides:
        """Some of the trials, by their places, with only the models and tests that they have."""
        models, model_index = np.unique(self.model_index[trials], return_inverse=True)
        tests, test_index = np.unique(self.test_index[trials], return_inverse=True)
        sides = self.enrolled.of(models), self.phrases[models], self.test_vectors[tests]
        return TrialSides(*sides, model_index.astype(np.int32), test_index.astype(np.int32))

    def by_phrase(self) -> Iterator[tuple[str, NDArray[np.intp], TrialSides]]:
        """Each phrase of a model, the places of the trials of its models, and these trials."""
        phrases, codes = np.unique(self.phrases.astype(str), return_inverse=True)
        of_trials = codes.astype(np.int32)[self.model_index]
        order = np.argsort(of_trials, kind="stable")
        ends = np.cumsum(np.bincount(of_trials, minlength=len(phrases)))
        for phrase, trials in zip(phrases, np.split(order, ends)[:-1], strict=True):
            yield str(phrase), trials, self.of(trials)


def trial_sides(prepared: PreparedSet, embeddings: Embeddings, joined: Embeddings | None = None) -> TrialSides:
    """The embeddings of both sides of the set's trials, in the order of its trials.

    Args:
        prepared: a set with models and trials.
        embeddings: of the test utterances and, without `joined`, of those of the models.
        joined: of the models, by their names.

    Raises:
        SvtokError: the set has no models or trials, a trial's model is unknown, an embedding is missing, or the two
            kinds of embeddings are of different networks.
    """
    import pandas as pd

    models, trials = prepared.protocol()
    model_codes, model_names = _used_names(trials["model"])
    test_codes, test_names = _used_names(trials["utt"])
    models = models[models["model"].isin(model_names)]
    model_rows = pd.Index(models["model"]).get_indexer(pd.Index(model_names))
    if (model_rows < 0).any():
        unknown = [name for name, row in zip(model_names, model_rows, strict=True) if row < 0]
        raise SvtokError(f"{len(unknown)} models of the trials are not in the models table: {first_few(unknown)}")
    if joined is None:
        enrolled = enrolled_utterances(embeddings, models)
    else:
        if joined.network_hash != embeddings.network_hash:
            raise SvtokError("the joined utterances were embedded by another network than the others: extract again")
        enrolled = enrolled_joined(joined, models)
    test_vectors = embeddings.vectors[rows_of(embeddings, test_names)]
    phrases = models["phrase"].to_numpy(object)
    return TrialSides(enrolled, phrases, test_vectors, model_rows.astype(np.int32)[model_codes], test_codes)


def _used_names(names: pd.Series) -> tuple[NDArray[np.int32], list[str]]:
    """Codes (N,) into the names that occur, and those names."""
    column = names.astype("category").cat.remove_unused_categories().cat
    return column.codes.to_numpy().astype(np.int32), [str(name) for name in column.categories]
