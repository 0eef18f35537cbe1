"""Checking the three tables of a set against each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from svtok.errors import Problem
from svtok.manifest.schema import MODELS, TRIAL_TYPES, TRIALS, UTTERANCES, Place, codes_of
from svtok.manifest.sets import PreparedSet
from svtok.manifest.tables import enrollments
from svtok.manifest.trial_types import derive_types, is_unknown, rows_in


def check_set(prepared: PreparedSet, places: Mapping[str, Place] | None = None) -> Iterator[Problem]:
    """What is wrong between tables that are well-formed each by itself.

    `places` (by the names utterances, models, trials) tells where the rows stand; without it, problems name the table.
    """
    places = places or {schema.name: Place(f"table of {schema.name}") for schema in (UTTERANCES, MODELS, TRIALS)}
    utterances, models, trials = prepared.utterances, prepared.models, prepared.trials
    if utterances.empty:
        yield Problem("there is no utterance", places["utterances"].path)
    if models is not None:
        yield from _check_models(models, utterances, places["models"])
    if trials is not None:
        if models is None:
            yield Problem("there are trials, but no models", places["trials"].path)
        else:
            yield from _check_trials(trials, models, utterances, places["trials"])


def _check_models(models: pd.DataFrame, utterances: pd.DataFrame, place: Place) -> Iterator[Problem]:
    """Enrollment utterances that are unknown, or not of the model's speaker, phrase and gender."""
    if models.empty:
        yield Problem("there is no model", place.path)
    pairs = enrollments(models)
    model, utt = rows_in(pairs["model"], models["model"]), rows_in(pairs["utt"], utterances["utt"])
    names = pairs["utt"].to_numpy(object)
    lines = Place(place.path, lines=[place.line(row) for row in model.tolist()])
    yield from lines.problems(np.flatnonzero(utt < 0), lambda row: f"unknown utterance '{names[row]}'")

    def disagreements(column: str) -> Iterator[Problem]:
        of_model, of_utterance = models[column].to_numpy(object)[model], utterances[column].to_numpy(object)[utt]
        yield from lines.problems(
            np.flatnonzero((utt >= 0) & (of_model != of_utterance)),
            lambda row: f"{column} is '{of_model[row]}', but utterance '{names[row]}' has '{of_utterance[row]}'",
        )

    for column in ("spk", "phrase", "gender"):
        if column in models and column in utterances:
            yield from disagreements(column)


def _check_trials(
    trials: pd.DataFrame, models: pd.DataFrame, utterances: pd.DataFrame, place: Place
) -> Iterator[Problem]:
    """Trials with unknown models or utterances, on an enrollment utterance, or with a type that is not theirs."""
    if trials.empty:
        yield Problem("there is no trial", place.path)
    model, utt = rows_in(trials["model"], models["model"]), rows_in(trials["utt"], utterances["utt"])
    yield from _unknown(trials["model"], model, "model", place)
    yield from _unknown(trials["utt"], utt, "utterance", place)
    known = np.flatnonzero((model >= 0) & (utt >= 0))
    pairs = enrollments(models)
    enrolled = rows_in(pairs["model"], models["model"]) * len(utterances) + rows_in(pairs["utt"], utterances["utt"])
    tested = model[known] * len(utterances) + utt[known]
    yield from place.problems(
        known[np.isin(tested, enrolled)],
        lambda row: f"test utterance '{trials['utt'].iloc[row]}' also enrolls '{trials['model'].iloc[row]}'",
    )
    if "type" in trials:
        told = ~(is_unknown(models)[model[known]] | is_unknown(utterances)[utt[known]])
        yield from _check_types(trials, known[told], models, utterances, place)


def _unknown(names: pd.Series, rows: npt.NDArray[np.int64], what: str, place: Place) -> Iterator[Problem]:
    """One problem a name, not a trial: a name that is missing is in thousands of trials."""
    missing = np.flatnonzero(rows < 0)
    codes, values = codes_of(names.iloc[missing])
    distinct, first, counts = np.unique(codes, return_index=True, return_counts=True)
    told = {
        int(missing[row]): f"unknown {what} '{values[code]}' (trials with it: {count})"
        for code, row, count in zip(distinct, first, counts, strict=True)
    }
    yield from place.problems(np.array(sorted(told), np.int64), told.__getitem__)


def _check_types(
    trials: pd.DataFrame, known: npt.NDArray[np.int64], models: pd.DataFrame, utterances: pd.DataFrame, place: Place
) -> Iterator[Problem]:
    """Types that are not those of the speakers and phrases; `known` are the rows where all of these are known."""
    derived = derive_types(trials.iloc[known], models, utterances)
    codes, values = codes_of(trials["type"].iloc[known])
    right = {name: (name, "target" if name == "TC" else "nontarget") for name in TRIAL_TYPES}
    wrongs = np.array([[value not in right[name] for name in TRIAL_TYPES] for value in values])  # (values, types)
    wrong = np.flatnonzero(wrongs[codes, derived.codes]) if len(known) else known
    told = {
        int(known[row]): f"type is '{values[codes[row]]}', but speakers and phrases say {derived[row]}" for row in wrong
    }
    yield from place.problems(known[wrong], told.__getitem__)
