"""The columns by which an evaluation is broken down: what is known of each trial's model or test utterance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from svtok.errors import Problem, raise_problems, unknown_name
from svtok.manifest.schema import codes_of


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

    That of the trial's model where models have the column, else that of its test utterance. `model_rows` and
    `test_rows` (N,) tell the rows of both tables. Raises ProblemsError that names all unknown columns.
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
