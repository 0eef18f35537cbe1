"""Scores with all that an evaluation must know of their trials: type, gender, and the speakers of both sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from svtok.errors import SvtokError
from svtok.manifest.schema import UNKNOWN
from svtok.manifest.sets import PreparedSet
from svtok.manifest.trial_types import rows_in, told_types
from svtok.report.breakdown import by_default, columns_of_trials
from svtok.scoring.scores import read_scores, scores_of_trials


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


def label_with_set(path: Path, prepared: PreparedSet, *, by: Sequence[str] | None = None) -> LabelledScores:
    """The scores in `path` of a prepared set's trials. Types are derived where the trials have none.

    `by` names columns of its models or utterances to break the evaluation down by; None: as `by_default` tells.
    Raises SvtokError where the set has no models or trials, ProblemsError where the scores are not those of its trials
    or a column is unknown.
    """
    models, utterances, trials = prepared.models, prepared.utterances, prepared.trials
    if models is None or trials is None:
        raise SvtokError(f"{prepared.folder or 'the set'} has no models and trials, so it cannot be evaluated")
    score = scores_of_trials(read_scores(path), trials, path=path)
    types = told_types(trials, models, utterances)
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


def label_with_trials(path: Path, trials: pd.DataFrame, trials_path: Path) -> LabelledScores:
    """The scores in `path` of a list of trials that carry their types; nothing is known of speakers, genders and so on.

    Raises SvtokError where the trials have no types, ProblemsError where the scores are not those of the trials.
    """
    if "type" not in trials:
        raise SvtokError(f"{trials_path} has no column 'type': give the whole prepared set with --data")
    score = scores_of_trials(read_scores(path), trials, path=path)
    return LabelledScores(score, pd.Categorical(trials["type"]), {}, *_models_as_speakers(trials), "models")


def _models_as_speakers(trials: pd.DataFrame) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """What is drawn again on both sides of a trial where the speakers are not known."""
    models = trials["model"].cat.codes.to_numpy().astype(np.int32)
    return models, models
