"""The table of scores, `model utt score`: written as it was computed, read so that nothing odd in it goes unseen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
from numpy.typing import NDArray

from svtok.errors import Problem, ProblemsError, raise_problems
from svtok.files import writing_file
from svtok.manifest.schema import TRIALS, sort_keys
from svtok.manifest.tables import read_columns, write_rows

COLUMNS = ["model", "utt", "score"]
FIRST_LINE = 2
MOST_NAMED = 5


def write_scores(path: Path, trials: pd.DataFrame, scores: NDArray[np.floating[Any]]) -> None:
    """Write `model utt score`, a line a trial (N) in their order, whole or not at all.

    Each score is the shortest text that reads back as the same number of its own precision. Raises ProblemsError,
    naming the first few, where a score is NaN or infinite.
    """
    bad = np.flatnonzero(~np.isfinite(scores))
    raise_problems(
        list(_first_few(bad, lambda row: f"the score of '{_name(trials, row)}' would be {scores[row]}", path))
    )
    with writing_file(path) as temporary:
        write_rows(trials[["model", "utt"]].assign(score=scores), temporary, delimiter="\t", header=True)


def read_scores(path: Path) -> pd.DataFrame:
    """The table of scores: `model` and `utt` as Categorical, `score` float64, in the order of the file.

    Raises ProblemsError with every line that lacks a field, or with the first few lines whose score is no finite number
    and the first few that repeat a trial, and how many more there are.
    """
    table = read_columns(path, COLUMNS, dictionaries=["model", "utt"])
    if len(table) == 0:
        raise ProblemsError([Problem("there is no score in the file", path)])
    scores = _numbers(table["score"])
    frame = table.select(["model", "utt"]).to_pandas().assign(score=scores)

    def bad_score(row: int) -> str:
        return f"score '{table['score'][row]}' is not a finite number"

    def repeated(row: int) -> str:
        return f"model utt '{_name(frame, row)}' is there twice"

    raise_problems(
        [
            *_first_few(np.flatnonzero(~np.isfinite(scores)), bad_score, path, FIRST_LINE),
            *_first_few(_repeated(frame), repeated, path, FIRST_LINE),
        ]
    )
    return frame


def _repeated(frame: pd.DataFrame) -> NDArray[np.intp]:
    """The rows whose trial an earlier row has."""
    keys = sort_keys(frame, TRIALS)
    if (np.diff(keys) > 0).all():
        return np.empty(0, dtype=np.intp)
    return np.flatnonzero(pd.Series(keys).duplicated())


def _numbers(texts: pa.ChunkedArray) -> NDArray[np.float64]:
    """The texts as numbers, NaN where one is none."""
    try:
        return np.asarray(pc.cast(texts, pa.float64()))
    except pa.ArrowInvalid:
        return np.asarray(pd.to_numeric(texts.to_pandas(), errors="coerce"), dtype=np.float64)


def scores_of_trials(scores: pd.DataFrame, trials: pd.DataFrame, *, path: Path) -> NDArray[np.float64]:
    """The score (N,) of each trial, in the order of the trials; the scores, read from `path`, may have another order.

    Raises ProblemsError, naming the first few, where a trial has no score or a score is of no trial.
    """
    scored, wanted = _keys(scores, trials), _keys(trials, trials)
    if np.array_equal(scored, wanted):
        return scores["score"].to_numpy(np.float64)
    order = np.argsort(scored, kind="stable")
    rows = order[np.minimum(np.searchsorted(scored, wanted, sorter=order), len(order) - 1)]
    raise_problems(
        [
            *_first_few(
                np.flatnonzero(scored[rows] != wanted),
                lambda row: f"the trial '{_name(trials, row)}' has no score",
                path,
            ),
            *_first_few(
                np.flatnonzero(~np.isin(scored, wanted)),
                lambda row: f"'{_name(scores, row)}' is not among the trials",
                path,
                FIRST_LINE,
            ),
        ]
    )
    return scores["score"].to_numpy(np.float64)[rows]


def _keys(frame: pd.DataFrame, trials: pd.DataFrame) -> NDArray[np.int64]:
    """One integer a row, the same for the same trial; -1 where the model or the utterance is in none of the trials."""
    key = np.zeros(len(frame), dtype=np.int64)
    unknown = np.zeros(len(frame), dtype=bool)
    for name in ("model", "utt"):
        known = trials[name].cat.categories
        codes = known.get_indexer(frame[name].cat.categories)[frame[name].cat.codes]
        unknown |= codes < 0
        key = key * len(known) + codes
    key[unknown] = -1
    return key


def _first_few(
    rows: NDArray[np.intp], what: Callable[[int], str], path: Path, first_line: int | None = None
) -> Iterator[Problem]:
    """A problem for each of the first few rows, with its line in the file where it has one, and how many more."""
    for row in rows[:MOST_NAMED].tolist():
        yield Problem(what(row), path, None if first_line is None else first_line + row)
    if len(rows) > MOST_NAMED:
        yield Problem(f"{len(rows) - MOST_NAMED} more like the last", path)


def _name(frame: pd.DataFrame, row: int) -> str:
    return f"{frame['model'].iloc[row]} {frame['utt'].iloc[row]}"
