"""The columns of the three tables, and the rules that a table must obey by itself.

Every cell is filled: where a value is not known for all rows, the whole column is left out, or the ids that are not
known, as those of speakers where a challenge keeps its keys secret, are UNKNOWN. Ids hold no blanks and no control
characters; paths and texts may hold blanks inside, but no tabs and no line ends. All but paths, which must name the
file that is there, is normal text (`normal`): one name is written in one way.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from svtok.audio import CHANNELS
from svtok.errors import Problem, unknown_name
from svtok.manifest.names import TRIAL_TYPES as TRIAL_TYPES
from svtok.manifest.names import normal as normal

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["id", "ids", "text", "path", "seconds", "count", "type", "channel"]

TRIAL_LABELS = ("target", "nontarget")
UNKNOWN = "?"
MOST_SECONDS = 1e9  # in a table; FAR_END of a list is no more
MOST_COUNTED = 2**53  # whole numbers up to here are exact as floats
MOST_COLUMNS = 100
MOST_OF_A_KIND = 1000  # lines named for one fault in one column of one table; the others are counted


@dataclass(frozen=True)
class Column:
    name: str
    kind: Kind
    required: bool = False


@dataclass(frozen=True)
class Schema:
    """A table: its columns in the order of the file, and the key that is unique and by which the rows are sorted."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]


UTTERANCES = Schema(
    "utterances",
    (
        Column("utt", "id", required=True),
        Column("path", "path", required=True),
        Column("spk", "id", required=True),
        Column("phrase", "id", required=True),
        Column("gender", "id"),
        Column("lang", "id"),
        Column("session", "id"),
        Column("start", "seconds"),  # of the utterance inside its file; with `end`, or neither
        Column("end", "seconds"),
        Column("channel", "channel"),  # of the file that is read; without it, the file has one channel
        Column("num_samples", "count"),  # of the utterance: of the whole file, or from start to end
        Column("sample_rate", "count"),  # of the file, in Hz
        Column("text", "text"),
    ),
    key=("utt",),
)
MODELS = Schema(
    "models",
    (
        Column("model", "id", required=True),
        Column("spk", "id", required=True),
        Column("phrase", "id", required=True),
        Column("utts", "ids", required=True),
        Column("gender", "id"),
    ),
    key=("model",),
)
TRIALS = Schema(
    "trials",
    (Column("model", "id", required=True), Column("utt", "id", required=True), Column("type", "type")),
    key=("model", "utt"),
)


def normal_column(column: pd.Series) -> pd.Series:
    """The column with each text in it as `normal` makes it; a Categorical stays one."""
    import pandas as pd

    categorical = isinstance(column.dtype, pd.CategoricalDtype)
    values = list(column.cat.categories if categorical else column)
    texts = [normal(value) if isinstance(value, str) else value for value in values]
    if texts == values:
        return column
    if not categorical:
        return pd.Series(texts, column.index, dtype=column.dtype)
    codes, names = pd.factorize(np.array(texts, dtype=object))
    return pd.Series(pd.Categorical.from_codes(np.append(codes, -1)[column.cat.codes], pd.Index(names)), column.index)


def normal_table(frame: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """The table with all of its ids and texts as `normal` makes them; paths stay as they are."""
    names = [column.name for column in schema.columns if column.kind in ("id", "ids", "text") and column.name in frame]
    return frame.assign(**{name: normal_column(frame[name]) for name in names})


@dataclass(frozen=True)
class Place:
    """Where the rows of a table stand: a file, and the line of its first row or (`lines`) of each of its rows."""

    path: Path | str
    first_line: int = 1
    lines: Sequence[int] | None = None

    def line(self, row: int) -> int:
        return self.first_line + row if self.lines is None else self.lines[row]

    def problems(
        self, rows: npt.NDArray[np.intp], what: Callable[[int], str], most: int = MOST_OF_A_KIND
    ) -> Iterator[Problem]:
        """One problem a row, which `what(row)` describes; of very many the first ones, and the number of the others.

        Args:
            rows: the rows at fault, counted from 0.
            what: describes the fault of a row.
            most: how many are named.
        """
        for row in rows[:most].tolist():
            yield Problem(what(row), self.path, self.line(row))
        if len(rows) > most:
            yield Problem(f"{len(rows) - most} more lines with the same fault as the last", self.path)

    def problems_of_values(self, codes: npt.NDArray[np.int64], faults: Sequence[str | None]) -> Iterator[Problem]:
        """For each value of a column (`codes`: which one each row holds) that is at fault, the first row with it."""
        at_fault = np.array([fault is not None for fault in faults], bool)
        if not at_fault.any():
            return
        rows = np.flatnonzero(at_fault[codes])
        _, first = np.unique(codes[rows], return_index=True)
        yield from self.problems(rows[np.sort(first)], lambda row: str(faults[codes[row]]))


def check_columns(names: list[str], schema: Schema) -> Iterator[str]:
    """What is wrong with the header of a table."""
    if len(names) > MOST_COLUMNS:
        yield f"the header has {len(names)} columns, more than any table of ours"
        return
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"column '{name}' stands twice in the header"
    for name in names:
        if name not in schema.names:
            yield unknown_name(f"column of {schema.name}", name, schema.names)
    for column in schema.columns:
        if column.required and column.name not in names:
            yield f"column '{column.name}' is missing in the header"
    if ("start" in names) != ("end" in names):
        yield "columns 'start' and 'end' come together or not at all"


def check_cells(frame: pd.DataFrame, schema: Schema, place: Place) -> Iterator[Problem]:
    """What is wrong with the cells of a table whose columns are known.

    Args:
        frame: the table.
        schema: its columns and their rules.
        place: the file and lines of the rows.
    """
    for column in schema.columns:
        if column.name in frame:
            yield from _check_column(frame[column.name], column, place)
    if "start" in frame and "end" in frame:
        start, end = as_numbers(frame["start"]), as_numbers(frame["end"])
        yield from place.problems(
            np.flatnonzero(end <= start), lambda row: f"end {end[row]} is not after start {start[row]}"
        )
    if schema is UTTERANCES and "gender" in frame and "spk" in frame:
        yield from _check_one_gender_a_speaker(frame, place)
    if schema is TRIALS and "type" in frame:
        values = set(frame["type"].unique())
        if values & set(TRIAL_TYPES) and values & set(TRIAL_LABELS):
            yield Problem("column 'type' mixes trial types with target/nontarget", place.path)


def check_keys(
    frame: pd.DataFrame,
    schema: Schema,
    place: Place,
    *,
    keys: npt.NDArray[np.integer] | None = None,
    most: int = MOST_OF_A_KIND,
) -> Iterator[Problem]:
    """Keys that repeat, each with the line where it stands first; `most` of them are named.

    `keys` are those of `sort_keys`, where they are known already.

    Args:
        frame: the table, N rows.
        schema: names the columns of the key.
        place: the file and lines of the rows.
        keys: (N,), the key of each row as a number.
        most: how many are named.
    """
    import pandas as pd

    if any(frame[name].isna().any() for name in schema.key):
        return  # which check_cells finds
    keys = sort_keys(frame, schema) if keys is None else keys
    if (keys[1:] > keys[:-1]).all():
        return
    repeated = np.flatnonzero(pd.Series(keys).duplicated())
    if len(repeated) == 0:
        return
    _, first, key_of = np.unique(keys, return_index=True, return_inverse=True)
    cells = [frame[name] for name in schema.key]

    def what(row: int) -> str:
        key = " ".join(column.iloc[row] for column in cells)
        hint = "" if key.isascii() else " (composed and decomposed letters are the same)"
        return f"{' '.join(schema.key)} '{key}' is there twice, first in line {place.line(first[key_of[row]])}{hint}"

    yield from place.problems(repeated, what, most)


def in_order(frame: pd.DataFrame, keys: npt.NDArray[np.integer]) -> pd.DataFrame:
    """The rows in the order of their keys, which `sort_keys` returns."""
    return (
        frame if (keys[1:] >= keys[:-1]).all() else frame.iloc[np.argsort(keys, kind="stable")].reset_index(drop=True)
    )


def sort_keys(frame: pd.DataFrame, schema: Schema) -> npt.NDArray[np.integer]:
    """One integer a row: equal where the keys are equal, and in the bytewise order of the keys."""
    columns = [_narrow_codes_of(frame[name]) for name in schema.key]
    few = math.prod(len(values) for _, values in columns) < np.iinfo(np.int32).max
    combined = np.zeros(len(frame), np.int32 if few else np.int64)  # as narrow as it can be: there may be millions
    for codes, values in columns:
        order = np.argsort(np.asarray(values, dtype=object), kind="stable")  # code points: the order of UTF-8 bytes
        if (np.diff(order) < 0).any():
            rank = np.empty(len(order), combined.dtype)
            rank[order] = np.arange(len(order))
            codes = rank[codes]
        combined *= len(values)
        combined += codes
    return combined


def _narrow_codes_of(column: pd.Series) -> tuple[npt.NDArray[np.integer], list[str]]:
    """As `codes_of`; the codes of a Categorical are its own, of few bytes each."""
    import pandas as pd

    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.codes.to_numpy(), list(column.cat.categories)
    return codes_of(column)


def codes_of(column: pd.Series) -> tuple[npt.NDArray[np.int64], list[str]]:
    """The distinct values of a column and, for each row, which of them it holds; -1 where it holds none."""
    import pandas as pd

    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.codes.to_numpy(np.int64), list(column.cat.categories)
    codes, values = pd.factorize(column)
    return codes.astype(np.int64), list(values)


def as_numbers(column: pd.Series) -> npt.NDArray[np.float64]:
    """The cells as numbers, NaN where they are none."""
    return np.array([_number(cell) for cell in column], np.float64)


def _check_column(cells: pd.Series, column: Column, place: Place) -> Iterator[Problem]:
    import pandas as pd

    if column.kind in ("seconds", "count"):
        numbers = as_numbers(cells)
        bad = ~np.isfinite(numbers) | (numbers < 0)
        if column.kind == "count":
            bad |= (numbers == 0) | (numbers != np.floor(numbers)) | (numbers > MOST_COUNTED)
        else:
            bad |= numbers > MOST_SECONDS
        wanted = "a number of seconds" if column.kind == "seconds" else "a whole number over 0"
        texts = cells.astype(str).to_numpy()
        yield from place.problems(np.flatnonzero(bad), lambda row: f"{column.name} '{texts[row]}' is not {wanted}")
        return
    categorical = isinstance(cells.dtype, pd.CategoricalDtype) and not cells.hasnans
    if categorical and not any(_fault(value, column) for value in cells.cat.categories):
        return  # nothing to look for, among maybe millions of rows
    codes, values = codes_of(cells)
    faults = [_fault(value, column) for value in values] + [_empty(column)]  # the last for code -1
    bad = np.array([fault is not None for fault in faults])
    yield from place.problems(np.flatnonzero(bad[codes]), lambda row: f"{column.name} {faults[codes[row]]}")


def _check_one_gender_a_speaker(frame: pd.DataFrame, place: Place) -> Iterator[Problem]:
    filled = frame["gender"].where(frame["gender"] != "")
    first = filled.groupby(frame["spk"], sort=False).transform("first").to_numpy()
    gender, spk = frame["gender"].to_numpy(), frame["spk"].to_numpy()
    yield from place.problems(
        np.flatnonzero((gender != first) & (gender != "") & (spk != UNKNOWN)),
        lambda row: f"speaker '{spk[row]}' is '{gender[row]}' here and '{first[row]}' further up",
    )


_NOT_IN_IDS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\ufeff\ud800-\udfff]")
_NOT_IN_TEXTS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]|^\s|\s$")


def _fault(value: object, column: Column) -> str | None:
    if not isinstance(value, str):
        return f"{value!r} is not text"
    return _FAULTS[column.kind](value) if value else _empty(column)


def _empty(column: Column) -> str:
    return "is empty" if column.required else "is empty; fill it in, or leave the column out of the whole table"


def _id_fault(value: str) -> str | None:
    return f"{value!r} holds a blank or a control character" if _NOT_IN_IDS.search(value) else None


def _text_fault(value: str) -> str | None:
    found = _NOT_IN_TEXTS.search(value)
    return f"{value!r} holds a tab, a line end or a control character, or begins or ends blank" if found else None


def _ids_fault(value: str) -> str | None:
    ids = value.split(" ")
    if not all(ids):
        return f"{value!r} is not a list of ids with one blank between them"
    if len(set(ids)) < len(ids):
        return f"{value!r} holds an utterance twice"
    return next((fault for fault in map(_id_fault, ids) if fault), None)


def _type_fault(value: str) -> str | None:
    known = (*TRIAL_TYPES, *TRIAL_LABELS)
    return None if value in known else unknown_name("trial type", value, known)


def _channel_fault(value: str) -> str | None:
    return None if value in CHANNELS else f"'{value}' is not one of {', '.join(CHANNELS)}"


_FAULTS: dict[Kind, Callable[[str], str | None]] = {
    "id": _id_fault,
    "ids": _ids_fault,
    "text": _text_fault,
    "path": _text_fault,
    "type": _type_fault,
    "channel": _channel_fault,
}


def _number(cell: object) -> float:
    try:
        return float(cell)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return math.nan
