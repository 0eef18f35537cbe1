"""Reading and writing the tables of utterances, enrollment models and trials (TSV; trials also as Parquet).

A table is a pandas DataFrame whose columns are those of `svtok.manifest.schema`, all of str except `start`, `end`
(float64, seconds), `num_samples` and `sample_rate` (int64), and the columns of trials, which are Categorical: a list
of ten million trials names each utterance many times.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]

from svtok.errors import Problem, ProblemsError, raise_problems
from svtok.files import writing_file
from svtok.manifest.rows import Lines, read_rows, write_rows
from svtok.manifest.schema import (
    MODELS,
    TRIAL_LABELS,
    TRIAL_TYPES,
    TRIALS,
    UTTERANCES,
    Place,
    Schema,
    as_numbers,
    check_cells,
    check_columns,
    check_keys,
    sort_keys,
)

__all__ = ["enrollments", "read_models", "read_trials", "read_utterances", "write_models", "write_trials"]
__all__ += ["write_utterances"]


def read_utterances(path: Path) -> pd.DataFrame:
    """Read `utterances.tsv`. Raises ProblemsError with everything that is wrong with it, file and line."""
    return _read(path, UTTERANCES)


def read_models(path: Path) -> pd.DataFrame:
    """Read `models.tsv`; `utts` stays one blank-separated string (see `enrollments`). Raises ProblemsError."""
    return _read(path, MODELS)


def read_trials(path: Path) -> pd.DataFrame:
    """Read `trials.tsv` or `trials.parquet`: model, utt and, where it is there, type. Raises ProblemsError."""
    return _read(path, TRIALS)


def write_utterances(frame: pd.DataFrame, path: Path) -> None:
    """Write the table sorted by utterance, whole or not at all. Raises ProblemsError for a table that breaks a rule."""
    _write(frame, path, UTTERANCES)


def write_models(frame: pd.DataFrame, path: Path) -> None:
    """Write the table sorted by model, whole or not at all. Raises ProblemsError for a table that breaks a rule."""
    _write(frame, path, MODELS)


def write_trials(frame: pd.DataFrame, path: Path) -> None:
    """Write the trials sorted by model, then utterance, as TSV or (`.parquet`) Parquet. Raises ProblemsError."""
    _write(frame, path, TRIALS)


def enrollments(models: pd.DataFrame) -> pd.DataFrame:
    """The enrollment utterances of the models, one a row: columns model and utt, in the order of `utts`."""
    pairs = models[["model"]].assign(utt=models["utts"].str.split(" ")).explode("utt", ignore_index=True)
    return pairs.astype({"utt": "str"})


def load_table(path: Path, schema: Schema) -> tuple[pd.DataFrame, list[Problem]]:
    """A table and all that is wrong with its cells and keys; a cell that is not the number it should be is NaN.

    Raises ProblemsError where there are no rows and columns to speak of: no such file, unknown or missing columns,
    lines with too few or too many fields.
    """
    if not path.is_file():
        raise ProblemsError([Problem("the file does not exist", path)])
    table = _read_parquet(path, schema) if path.suffix == ".parquet" else _read_tsv(path, schema)
    frame = _trials_as_categories(table.to_pandas()) if schema is TRIALS else table.to_pandas()
    problems = _problems_of(frame, schema, place_of(path, schema))
    return _with_numbers(frame, schema), problems


def place_of(path: Path, schema: Schema) -> Place:
    """Where the rows of a table file stand: Parquet has no header line, so there the rows are counted."""
    return Place(path, 1 if path.suffix == ".parquet" else 2)


def _read(path: Path, schema: Schema) -> pd.DataFrame:
    frame, problems = load_table(path, schema)
    raise_problems(problems)
    return frame


def _read_tsv(path: Path, schema: Schema) -> pa.Table:
    lines = Lines.open(path)
    names = lines.header.split("\t")
    raise_problems([Problem(what, path, 1) for what in check_columns(names, schema)])
    return read_rows(lines, names, delimiter="\t", dictionaries=names if schema is TRIALS else ())


def _read_parquet(path: Path, schema: Schema) -> pa.Table:
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    text = pa.dictionary(pa.int32(), pa.string())
    try:
        table = pq.read_table(path)
        raise_problems([Problem(what, path) for what in check_columns(table.column_names, schema)])
        empty = [Problem(f"{name} is empty in some row", path) for name in table.column_names if table[name].null_count]
        raise_problems(empty)
        return table.cast(pa.schema([(name, text) for name in table.column_names]))
    except pa.ArrowException as error:
        raise ProblemsError([Problem(f"not a Parquet table of text: {error}", path)]) from error


def _write(frame: pd.DataFrame, path: Path, schema: Schema) -> None:
    place = Place(f"the table of {schema.name} for {path}")
    raise_problems([Problem(what, place.path) for what in check_columns(list(frame.columns), schema)])
    frame = _in_order(frame[[name for name in schema.names if name in frame]], schema)
    raise_problems(_problems_of(frame, schema, place))
    with writing_file(path) as temporary:
        if path.suffix == ".parquet":
            _trials_as_categories(frame).to_parquet(temporary, index=False)
        else:
            write_rows(_with_numbers(frame, schema), temporary, delimiter="\t", header=True)


def _problems_of(frame: pd.DataFrame, schema: Schema, place: Place) -> list[Problem]:
    problems = [*check_cells(frame, schema, place), *check_keys(frame, schema, place, ordered=True)]
    return sorted(problems, key=lambda problem: problem.line or 0)


def _in_order(frame: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    if any(frame[name].isna().any() for name in schema.key):
        return frame  # the check tells of it
    keys = sort_keys(frame, schema)
    return frame if (np.diff(keys) >= 0).all() else frame.iloc[np.argsort(keys, kind="stable")]


def _with_numbers(frame: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    kinds = {column.name: column.kind for column in schema.columns if column.kind in ("seconds", "count")}
    numbers = {name: as_numbers(frame[name]) for name in kinds if name in frame}
    whole = {
        name: values.astype(np.int64) if kinds[name] == "count" and np.isfinite(values).all() else values
        for name, values in numbers.items()
    }
    return frame.assign(**whole)


def _trials_as_categories(trials: pd.DataFrame) -> pd.DataFrame:
    """Trials as categories: models and utterances in bytewise order, types in the order TC TW IC IW."""
    columns = {name: _as_category(trials[name]) for name in ("model", "utt")}
    if "type" in trials:
        columns["type"] = _as_category(trials["type"], TRIAL_TYPES, TRIAL_LABELS)
    return pd.DataFrame(columns)


def _as_category(column: pd.Series, *orders: tuple[str, ...]) -> pd.Series:
    """The column as Categorical: its values in the first order that has them all, or else in bytewise order."""
    category = column.astype("category")
    found = list(category.cat.categories)
    wanted = next((list(order) for order in orders if set(found) <= set(order)), sorted(found))
    return category if found == wanted else category.cat.set_categories(wanted)
