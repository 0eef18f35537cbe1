"""The table of scores, `model utt score`: written as it was computed, read so that nothing odd in it goes unseen.

Scores that other toolkits wrote are read as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from svtok.errors import Problem, ProblemsError, raise_problems
from svtok.files import writing_file
from svtok.manifest.kaldi.lists import read_score_list
from svtok.manifest.schema import TRIALS, Place, check_keys
from svtok.manifest.tables import NotNumbersError, first_fields, give_back_memory, read_columns, write_rows

COLUMNS = ["model", "utt", "score"]
MOST_NAMED = 5


def write_scores(path: Path, trials: pd.DataFrame, scores: NDArray[np.floating[Any]]) -> None:
    """Write `model utt score`, a line a trial (N) in their order, whole or not at all.

    Each score is the shortest text that reads back as the same number of its own precision. Raises ProblemsError,
    naming the first few, where a score is NaN or infinite.
    """
    bad = np.flatnonzero(~np.isfinite(scores))
    place = Place(f"the scores for {path}")
    raise_problems(
        list(place.problems(bad, lambda row: f"the score of '{_name(trials, row)}' would be {scores[row]}", MOST_NAMED))
    )
    with writing_file(path) as temporary:
        write_rows(trials[["model", "utt"]].assign(score=scores), temporary, delimiter="\t", header=True)


def read_scores(path: Path) -> pd.DataFrame:
    """The table of scores: `model` and `utt` as Categorical, `score` float64, in the order of the file.

    A file whose first field is not `model` is read as another toolkit's (`svtok.manifest.kaldi.lists`).

    Raises ProblemsError with every line that lacks a field, or with the first few lines whose score is no finite number
    and the first few that repeat a trial, and how many more there are.
    """
    if first_fields(path)[:1] not in (["model"], []):
        return read_score_list(path)
    try:  # as numbers, which take a third of the memory of their texts
        table = read_columns(path, COLUMNS, dictionaries=["model", "utt"], numbers=["score"])
        sound = not table["score"].null_count and bool(np.isfinite(np.asarray(table["score"])).all())
    except NotNumbersError:
        sound = False
    if not sound:
        table = read_columns(path, COLUMNS, dictionaries=["model", "utt"])
    if len(table) == 0:
        raise ProblemsError([Problem("there is no score in the file", path)])
    texts = None if sound else table["score"]
    scores = np.array(table["score"]) if texts is None else _numbers(texts)
    frame = table.select(["model", "utt"]).to_pandas().assign(score=scores)
    del table
    give_back_memory()
    refuse_bad_scores(frame, Place(path, 2), lambda row: scores[row] if texts is None else texts[row])
    return frame


def refuse_bad_scores(frame: pd.DataFrame, place: Place, written: Callable[[int], object]) -> None:
    """Raise ProblemsError with the first few scores that are no finite numbers and trials that are there twice.

    Args:
        frame: `model`, `utt`, and `score` as a number, NaN where it is none.
        place: where its rows stand.
        written: the score of a row as it stands there.
    """
    not_finite = place.problems(
        np.flatnonzero(~np.isfinite(frame["score"].to_numpy())),
        lambda row: f"score '{written(row)}' is not a finite number",
        MOST_NAMED,
    )
    raise_problems([*not_finite, *check_keys(frame, TRIALS, place, most=MOST_NAMED)])


def _numbers(texts: pa.ChunkedArray) -> NDArray[np.float64]:
    """The texts as numbers, NaN where one is none."""
    try:
        return np.asarray(pc.cast(texts, pa.float64()))
    except pa.ArrowInvalid:
        return np.asarray(pd.to_numeric(texts.to_pandas(), errors="coerce"), dtype=np.float64)


def scores_of_trials(
    scores: pd.DataFrame, trials: pd.DataFrame, *, path: Path, trials_of: str = "the trials"
) -> NDArray[np.float64]:
    """The score of each trial, found by its model and its utterance.

    Args:
        scores: `model`, `utt` (both Categorical) and `score`, in any order.
        trials: `model` and `utt` (both Categorical), each pair once.
        path: The file that the scores were read from.
        trials_of: What the trials are called in an error.

    Returns:
        The scores (N,), in the order of the trials.

    Raises:
        ProblemsError: where a trial has no score or a score is of no trial; the first few are named.
    """
    scored, wanted = _keys(scores, trials), _keys(trials, trials)
    if np.array_equal(scored, wanted):
        return scores["score"].to_numpy(np.float64)
    order = np.argsort(scored, kind="stable")
    rows = order[np.minimum(np.searchsorted(scored, wanted, sorter=order), len(order) - 1)]
    lacking, strange = np.flatnonzero(scored[rows] != wanted), np.flatnonzero(~np.isin(scored, wanted))
    problems = [Problem(f"the trial '{_name(trials, row)}' has no score", path) for row in lacking[:MOST_NAMED]]
    if len(lacking) > MOST_NAMED:
        problems.append(Problem(f"{len(lacking) - MOST_NAMED} more trials have no score", path))
    listed = Path(path).is_file() and first_fields(Path(path))[:1] != ["model"]
    problems += Place(path, 1 if listed else 2).problems(
        strange, lambda row: f"'{_name(scores, row)}' is not among {trials_of}", MOST_NAMED
    )
    raise_problems(problems)
    return scores["score"].to_numpy(np.float64)[rows]


def _keys(frame: pd.DataFrame, trials: pd.DataFrame) -> NDArray[np.int32 | np.int64]:
    """One integer a row, the same for the same trial; -1 where the model or the utterance is in none of the trials."""
    known = {name: trials[name].cat.categories for name in ("model", "utt")}
    few = math.prod(map(len, known.values())) < np.iinfo(np.int32).max
    key = np.zeros(len(frame), dtype=np.int32 if few else np.int64)  # as narrow as it can be: there may be millions
    unknown = np.zeros(len(frame), dtype=bool)
    for name, names in known.items():
        place = names.get_indexer(frame[name].cat.categories).astype(key.dtype)
        codes = place[frame[name].cat.codes]
        unknown |= codes < 0
        key *= len(names)
        key += codes
    key[unknown] = -1
    return key


def _name(frame: pd.DataFrame, row: int) -> str:
    return f"{frame['model'].iloc[row]} {frame['utt'].iloc[row]}"
