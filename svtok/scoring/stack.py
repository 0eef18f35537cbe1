"""The scores of several systems on the same trials, side by side; and taken apart by the type of the trials."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from svtok.errors import Problem, ProblemsError, SvtokError
from svtok.manifest.sets import PreparedSet
from svtok.manifest.trial_types import told_types
from svtok.scoring.scores import FIRST_LINE, read_scores, scores_of_trials

Array = NDArray[np.float64]


def read_stack(paths: Sequence[Path]) -> tuple[pd.DataFrame, Array]:
    """The trials (`model`, `utt`) of the files of scores, and the scores (N, S), a column a file.

    Raises ProblemsError where a file is not as `read_scores` wants it, or has not the trials of the first one in the
    very same order; the first difference of each such file is named.
    """
    tables = [read_scores(path) for path in paths]
    problems = [
        problem
        for path, table in zip(paths[1:], tables[1:], strict=True)
        if (problem := _difference(tables[0], paths[0], table, path))
    ]
    if problems:
        raise ProblemsError(problems)
    return tables[0][["model", "utt"]], np.column_stack([table["score"] for table in tables])


def _difference(first: pd.DataFrame, first_path: Path, table: pd.DataFrame, path: Path) -> Problem | None:
    """Where the trials of a table first differ from those of the first one, if they do."""
    both = min(len(first), len(table))
    differs = np.zeros(both, dtype=bool)
    for name in ("model", "utt"):
        ours, theirs = first[name].cat, table[name].cat
        places = ours.categories.get_indexer(theirs.categories)
        differs |= ours.codes.to_numpy()[:both] != places[theirs.codes[:both]]
    if differs.any():
        row = int(differs.argmax())
        mine, other = (f"'{frame['model'].iloc[row]} {frame['utt'].iloc[row]}'" for frame in (table, first))
        what = f"the trial is {mine} where {first_path} has {other}: the files must have the same trials in one order"
        return Problem(what, path, FIRST_LINE + row)
    if len(first) != len(table):
        return Problem(f"has {len(table)} trials, {first_path} has {len(first)}", path)
    return None


def by_type(trials: pd.DataFrame, scores: Array, prepared: PreparedSet, *, path: Path) -> dict[str, Array]:
    """The scores (N, S) of some trials, read from `path`, for each type of trial of a prepared set: (N_type, S).

    Types are derived where the set's trials have none. Raises SvtokError where the set has no models or trials or the
    types are not known, and ProblemsError where the scores are not those of the set's trials, in whatever order.
    """
    if prepared.models is None or prepared.trials is None:
        raise SvtokError(f"{prepared.folder or 'the set'} has no models and trials: nothing can be fitted on it")
    types = told_types(prepared.trials, prepared.models, prepared.utterances)
    columns = [scores_of_trials(trials.assign(score=column), prepared.trials, path=path) for column in scores.T]
    in_order = np.column_stack(columns)  # (N, S)
    return {name: in_order[types == name] for name in types.categories if (types == name).any()}
