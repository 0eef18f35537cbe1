"""A part of a prepared set that is itself in order."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from svtok.manifest.schema import codes_of
from svtok.manifest.sets import PreparedSet
from svtok.manifest.tables import enrollments


def without_utterances(prepared: PreparedSet, absent: Collection[str]) -> PreparedSet:
    """The set without these utterances: models are enrolled with those of their utterances that are left, models
    without any are gone, and so are the trials of models and tests that are gone."""
    if not absent:
        return prepared
    utterances, models, trials = prepared.utterances, prepared.models, prepared.trials
    utterances = utterances[~utterances["utt"].isin(absent)].reset_index(drop=True)
    if models is not None:
        pairs = enrollments(models)
        left = pairs[~pairs["utt"].isin(absent)].groupby("model", sort=False)["utt"].agg(" ".join)
        models = models[models["model"].isin(left.index)].reset_index(drop=True)
        models["utts"] = models["model"].map(left)
    if models is not None and trials is not None:
        keep = np.ones(len(trials), bool)
        for name, known in (("model", models["model"]), ("utt", utterances["utt"])):
            codes, values = codes_of(trials[name])
            keep &= np.isin(values, known)[codes]
        trials = trials[keep].reset_index(drop=True)
    return PreparedSet(utterances, models, trials, prepared.folder)
