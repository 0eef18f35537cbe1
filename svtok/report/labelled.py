"""Scores with all that an evaluation must know of their trials: type, gender, speakers; and trials taken apart."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from svtok.errors import Problem, SvtokError, raise_problems, unknown_name
from svtok.manifest.schema import UNKNOWN, codes_of
from svtok.manifest.sets import PreparedSet
from svtok.manifest.trial_types import TARGET_TYPES, rows_in, types_or_labels
from svtok.metrics import Counts, count_trials
from svtok.scoring.scores import read_scores, scores_of_trials


def by_default(models: pd.DataFrame) -> list[str]:
    """What an evaluation is broken down by where nothing is asked for: gender, where models of several are there."""
    return ["gender"] if "gender" in models and models["gender"].nunique() > 1 else []


def columns_of_trials(
    names: Sequence[str],
    models: pd.DataFrame,
    utterances: pd.DataFrame,
    model_rows: NDArray[np.integer],
    test_rows: NDArray[np.integer],
) -> dict[str, pd.Categorical[str]]:
    """For each column named, its value for each of N trials.

    That of the trial's model where models have the column, else that of its test utterance.

    Args:
        names: the columns.
        models: the table of models.
        utterances: the table of utterances.
        model_rows: (N,), the row of each trial's model in its table.
        test_rows: (N,), the row of each trial's test utterance in its table.

    Raises:
        ProblemsError: with all unknown columns.
    """
    known = dict.fromkeys([*models.columns, *utterances.columns])
    raise_problems([Problem(unknown_name("column", name, known)) for name in names if name not in known])
    return {
        name: _taken(models[name], model_rows) if name in models else _taken(utterances[name], test_rows)
        for name in names
    }


def _taken(column: pd.Series, rows: NDArray[np.integer]) -> pd.Categorical[str]:
    """The values at some rows, as text, in rising order; numbers in the order of numbers."""
    codes, values = codes_of(pd.Series(pd.Categorical(column, categories=sorted(column.unique()))))
    small = codes.astype(np.min_scalar_type(-max(1, len(values))))
    return pd.Categorical.from_codes(small[rows], categories=pd.Index([str(value) for value in values]))


@dataclass(frozen=True)
class LabelledScores:
    """N trials with their scores; every array is (N,).

    `type` holds trial types (TC TW IC IW) or target and nontarget. `columns` are those that the evaluation is broken
    down by, with the value of each trial. `model_speaker` and `test_speaker` number what is drawn again for confidence
    intervals: the speakers, or, where `resampled` says "models", the enrollment models on both sides.
    """

    score: NDArray[np.float64]
    type: pd.Categorical[str]
    columns: dict[str, pd.Categorical[str]]
    model_speaker: NDArray[np.int32]
    test_speaker: NDArray[np.int32]
    resampled: Literal["speakers", "models"]


def label_with_set(
    path: Path, prepared: PreparedSet, *, by: Sequence[str] | None = None, scores: pd.DataFrame | None = None
) -> LabelledScores:
    """The scores in `path` of a prepared set's trials. Types are derived where the trials have none.

    Args:
        path: a table of scores; where it was read already, what errors call it.
        prepared: a set with models and trials.
        by: columns of its models or utterances to break the evaluation down by; None: those of `by_default`.
        scores: the table, where it was read already.

    Raises:
        SvtokError: the set has no models or trials.
        ProblemsError: the scores are not those of its trials, or a column is unknown.
    """
    utterances, (models, trials) = prepared.utterances, prepared.protocol()
    score = scores_of_trials(read_scores(path) if scores is None else scores, trials, path=path)
    types = types_or_labels(trials, models, utterances)
    model_rows, test_rows = rows_in(trials["model"], models["model"]), rows_in(trials["utt"], utterances["utt"])
    if (model_rows < 0).any() or (test_rows < 0).any():
        raise SvtokError(f"trials of {prepared.folder} name unknown models or utterances: run `svtok validate`")
    names = by_default(models) if by is None else by
    columns = columns_of_trials(names, models, utterances, model_rows, test_rows)
    if (pd.concat([models["spk"], utterances["spk"]]) == UNKNOWN).any():
        return LabelledScores(score, types, columns, *_models_as_speakers(trials), "models")
    speakers, _ = pd.factorize(pd.concat([models["spk"], utterances["spk"]]))
    of_models, of_tests = np.split(speakers.astype(np.int32), [len(models)])
    return LabelledScores(score, types, columns, of_models[model_rows], of_tests[test_rows], "speakers")


def label_with_trials(
    path: Path, trials: pd.DataFrame, trials_path: Path, *, scores: pd.DataFrame | None = None
) -> LabelledScores:
    """The scores in `path` of a list of trials that carry their types; nothing is known of speakers, genders and so on.

    Args:
        path: a table of scores; where it was read already, what errors call it.
        trials: the list, with the column `type`.
        trials_path: the file that it was read from, for errors.
        scores: the table, where it was read already.

    Raises:
        SvtokError: the trials have no types.
        ProblemsError: the scores are not those of the trials.
    """
    if "type" not in trials:
        raise SvtokError(f"{trials_path} has no column 'type': give the whole prepared set with --data")
    table = _with_endings(read_scores(path) if scores is None else scores, trials)
    score = scores_of_trials(table, trials, path=path)
    return LabelledScores(score, pd.Categorical(trials["type"]), {}, *_models_as_speakers(trials), "models")


def _with_endings(scores: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """The scores with the names of the trials, where these name files (`a/1.wav`), and the scores, as SpeechBrain's do,
    leave out the ending (`a/1`)."""
    columns = {}
    for name in ("model", "utt"):
        full = {os.path.splitext(value)[0]: value for value in trials[name].cat.categories}
        found = scores[name].cat.categories
        if set(found) & set(trials[name].cat.categories) or not set(found) <= set(full):
            return scores
        columns[name] = scores[name].cat.rename_categories(full)
    return scores.assign(**columns)


def _models_as_speakers(trials: pd.DataFrame) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """What is drawn again on both sides of a trial where the speakers are not known."""
    models = trials["model"].cat.codes.to_numpy().astype(np.int32)
    return models, models


@dataclass(frozen=True)
class Strata:
    """The trials by type and by the value of a column."""

    types: list[str]
    values: list[str | None]
    """None alone where no column takes the trials apart."""
    trials: list[NDArray[np.int32]]
    """Rows of the trials, rising, of type t and value v at place t * len(values) + v."""
    counts: Counts | None
    """The same places as strata; None where no confidence intervals are wanted."""

    def places(self, types: Sequence[str], value: str | None) -> list[int]:
        """The places where there are trials of these types and this value."""
        v = self.values.index(value)
        wanted = [self.types.index(name) * len(self.values) + v for name in types if name in self.types]
        return [place for place in wanted if len(self.trials[place])]

    def trials_at(self, places: list[int]) -> NDArray[np.int32]:
        return np.concatenate([self.trials[place] for place in places])

    def types_at(self, places: list[int]) -> list[str]:
        return [self.types[place // len(self.values)] for place in places]


def is_target(types: pd.Categorical[str]) -> NDArray[np.bool_]:
    """Whether each trial (N,) is one to accept."""
    return np.isin(types.categories, TARGET_TYPES)[types.codes]


def take_apart(labelled: LabelledScores, column: str | None, *, with_counts: bool) -> Strata:
    """The trials of each type, or of each type and value of a column.

    Args:
        labelled: N trials.
        column: one of theirs; None: by type alone.
        with_counts: count them too, as confidence intervals take it.
    """
    types = list(labelled.type.categories)
    values: list[str | None] = [None]
    place = labelled.type.codes.astype(np.int16)
    if column is not None:
        of_trials = labelled.columns[column]
        values = list(of_trials.categories)
        place = place.astype(np.min_scalar_type(-len(types) * len(values) - 1)) * len(values) + of_trials.codes
    ends = np.cumsum(np.bincount(place, minlength=len(types) * len(values)))
    trials = np.split(np.argsort(place, kind="stable").astype(np.int32), ends[:-1])
    counts = None
    if with_counts:
        speakers = labelled.model_speaker, labelled.test_speaker
        counts = count_trials(labelled.score, is_target(labelled.type), place, *speakers)
    return Strata(types, values, trials, counts)
