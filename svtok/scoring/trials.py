"""The scores of a prepared set's trials."""

from __future__ import annotations

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


def score_trials(prepared: PreparedSet, embeddings: Embeddings) -> NDArray[np.float32]:
    """Cosine score of each trial of the set, in the order of its trials: (N,).

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
    return cosine_scores(model_vectors, test_vectors, model_rows.astype(np.int32)[model_codes], test_codes)


def _used_names(names: pd.Series) -> tuple[NDArray[np.int32], list[str]]:
    """Codes (N,) into the names that occur, and those names."""
    column = names.astype("category").cat.remove_unused_categories().cat
    return column.codes.to_numpy().astype(np.int32), [str(name) for name in column.categories]
