"""The scores of a prepared set's trials."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from svtok.embeddings.enroll import enroll_models, rows_of
from svtok.embeddings.store import Embeddings
from svtok.errors import SvtokError
from svtok.scoring.cosine import cosine_scores

if TYPE_CHECKING:
    from svtok.manifest.sets import PreparedSet


@dataclass(frozen=True)
class TrialSides:
    """N trials as embeddings: trial n is of row model_index[n] of M models and row test_index[n] of T tests."""

    models: list[str]
    model_vectors: NDArray[np.float32]
    """(M, D)."""
    test_vectors: NDArray[np.float32]
    """(T, D)."""
    model_index: NDArray[np.int32]
    test_index: NDArray[np.int32]

    def of(self, trials: NDArray[np.intp]) -> TrialSides:
        """Some of the trials, told by their places, with only the models and tests that they have."""
        models, model_index = np.unique(self.model_index[trials], return_inverse=True)
        tests, test_index = np.unique(self.test_index[trials], return_inverse=True)
        names = [self.models[row] for row in models]
        vectors = self.model_vectors[models], self.test_vectors[tests]
        return TrialSides(names, *vectors, model_index.astype(np.int32), test_index.astype(np.int32))

    def cosines(self) -> NDArray[np.float32]:
        """The cosine of each trial (N,)."""
        return cosine_scores(self.model_vectors, self.test_vectors, self.model_index, self.test_index)


def score_trials(prepared: PreparedSet, embeddings: Embeddings) -> NDArray[np.float32]:
    """Cosine score of each trial of the set, in the order of its trials: (N,). Raises as `trial_sides`."""
    return trial_sides(prepared, embeddings).cosines()


def trial_sides(prepared: PreparedSet, embeddings: Embeddings) -> TrialSides:
    """The embeddings of both sides of the set's trials, in the order of its trials.

    A model is enrolled from its utterances' embeddings (`embeddings.enroll`); both these and the test utterances are
    looked up in `embeddings`. Raises SvtokError where the set has no models or trials, a trial's model is unknown,
    or an embedding is missing.
    """
    if prepared.models is None or prepared.trials is None:
        lacking = "models.tsv" if prepared.models is None else "trials.tsv"
        raise SvtokError(
            f"{prepared.folder or 'the set'} has no {lacking}: only a set with models and trials is scored"
        )
    model_codes, model_names = _used_names(prepared.trials["model"])
    test_codes, test_names = _used_names(prepared.trials["utt"])
    models = prepared.models[prepared.models["model"].isin(model_names)]
    enrolled, model_vectors = enroll_models(embeddings, models)
    model_rows = pd.Index(enrolled).get_indexer(pd.Index(model_names))
    if (model_rows < 0).any():
        unknown = [name for name, row in zip(model_names, model_rows, strict=True) if row < 0]
        raise SvtokError(f"{len(unknown)} models of the trials are not in the models table: {', '.join(unknown[:5])}")
    test_vectors = embeddings.vectors[rows_of(embeddings, test_names)]
    return TrialSides(enrolled, model_vectors, test_vectors, model_rows.astype(np.int32)[model_codes], test_codes)


def _used_names(names: pd.Series) -> tuple[NDArray[np.int32], list[str]]:
    """Codes (N,) into the names that occur, and those names."""
    column = names.astype("category").cat.remove_unused_categories().cat
    return column.codes.to_numpy().astype(np.int32), [str(name) for name in column.categories]
