"""Error rates for a program: tables of scores and trials in memory or in files, a table of rates back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from svtok.errors import Problem, SvtokError, raise_problems
from svtok.manifest.kaldi.lists import read_any_trials
from svtok.manifest.schema import TRIALS, Place, check_cells, check_keys
from svtok.manifest.sets import PreparedSet, is_set, read_set
from svtok.report.evaluate import evaluate as evaluate_labelled
from svtok.report.labelled import LabelledScores, label_with_set, label_with_trials
from svtok.scoring.scores import COLUMNS, read_scores, refuse_bad_scores

SCORES_TABLE, TRIALS_TABLE = Path("the scores"), Path("the trials")
"""What errors call tables that are in no file; rows count from 0."""


def evaluate(
    scores: pd.DataFrame | str | Path,
    trials: pd.DataFrame | str | Path | PreparedSet,
    *,
    by: Sequence[str] = (),
    resamples: int = 0,
    seed: int = 0,
) -> pd.DataFrame:
    """Error rates by condition (which non-targets are counted), as `svtok evaluate` has them.

    Args:
        scores: `model`, `utt` and `score` of each trial, in any order: a table, or the file of one, ours or another
            toolkit's (`svtok.manifest.kaldi.lists`).
        trials: `model`, `utt` and `type` (TC, TW, IC, IW, or target and nontarget) of the same trials: a table, the
            file of one, ours or another toolkit's, or a prepared set or its folder, which also knows speakers and what
            else trials have.
        by: columns of a prepared set, each value of which gets rows of its own.
        resamples: draws of the speakers for 95 % confidence intervals, 0 for none; where the speakers are not known, it
            is the models that are drawn.
        seed: of the draws.

    Returns:
        A row for each condition of which there are trials, and for each value of `by`. Its columns are the fields of
        `svtok.report.evaluate.Condition`: `name` (`TC-vs-IC`, `TC-vs-TW`, `TC-vs-IW`, `pooled`), `by`, `value`,
        `targets`, `nontargets`, the rates `eer`, `dcf08`, `dcf10` as fractions, `cllr` and `min_cllr` in bits, ...

    Raises:
        ProblemsError: with what is wrong with a table: a column or value is missing, a score is not finite, a trial is
            there twice, or scores and trials are not of the same trials.
        SvtokError: there are no targets or no non-targets, or a file cannot be read.

    Example:
        >>> scores = pd.DataFrame({"model": ["a", "a", "b", "b"], "utt": ["1", "2", "1", "2"], "score": [3, 1, 0, 2]})
        >>> trials = scores[["model", "utt"]].assign(type=["target", "nontarget", "nontarget", "target"])
        >>> evaluate(scores, trials)[["name", "targets", "nontargets", "eer"]]
             name  targets  nontargets  eer
        0  pooled        2           2  0.0
    """
    labelled = _labelled(scores, trials, by)
    conditions, _ = evaluate_labelled(labelled, resamples=resamples, seed=seed)
    return pd.DataFrame([condition.model_dump() for condition in conditions])


def _labelled(
    scores: pd.DataFrame | str | Path, trials: pd.DataFrame | str | Path | PreparedSet, by: Sequence[str]
) -> LabelledScores:
    table = _checked_scores(scores) if isinstance(scores, pd.DataFrame) else read_scores(Path(scores))
    path = SCORES_TABLE if isinstance(scores, pd.DataFrame) else Path(scores)
    if isinstance(trials, str | Path) and is_set(Path(trials)):
        trials = read_set(Path(trials))
    if isinstance(trials, PreparedSet):
        known = trials.protocol()[1]
        trials = replace(trials, trials=known.reset_index(drop=True).assign(**_as_categories(known)))
        return label_with_set(path, trials, by=by or None, scores=table)
    if by:
        raise SvtokError("`by` needs the tables of a prepared set: give its folder, or a PreparedSet, as the trials")
    if isinstance(trials, pd.DataFrame):
        return label_with_trials(path, _checked_trials(trials), TRIALS_TABLE, scores=table)
    return label_with_trials(path, read_any_trials(Path(trials)), Path(trials), scores=table)


def _checked_scores(scores: pd.DataFrame) -> pd.DataFrame:
    """A table of scores as `read_scores` gives those of a file. Raises ProblemsError with the first few bad rows."""
    _refuse_lacking(scores, COLUMNS, SCORES_TABLE)
    numbers = pd.to_numeric(scores["score"], errors="coerce").to_numpy(np.float64)
    table = _as_categories(scores).assign(score=numbers)
    refuse_bad_scores(table, Place(SCORES_TABLE, 0), lambda row: scores["score"].iloc[row])
    return table


def _checked_trials(trials: pd.DataFrame) -> pd.DataFrame:
    """A table of trials with types as a file of them would be read."""
    _refuse_lacking(trials, ["model", "utt", "type"], TRIALS_TABLE)
    table = _as_categories(trials).assign(type=trials["type"].astype(str).astype("category").to_numpy())
    place = Place(TRIALS_TABLE, 0)
    raise_problems([*check_cells(table, TRIALS, place), *check_keys(table, TRIALS, place)])
    return table


def _as_categories(table: pd.DataFrame) -> pd.DataFrame:
    """Models and utterances as they are where a file of them was read."""
    columns = {name: table[name] for name in ("model", "utt")}
    return pd.DataFrame(
        {
            name: column if isinstance(column.dtype, pd.CategoricalDtype) else pd.Categorical(column.astype(str))
            for name, column in columns.items()
        }
    ).reset_index(drop=True)


def _refuse_lacking(table: pd.DataFrame, columns: Sequence[str], path: Path) -> None:
    raise_problems([Problem(f"there is no column '{name}'", path) for name in columns if name not in table])
    if not len(table):
        raise SvtokError(f"{path} are empty")
