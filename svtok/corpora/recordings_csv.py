"""A list of recordings as a user writes it: one CSV (or TSV) with a header, a recording a row."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from svtok.errors import Problem, ProblemsError, raise_problems, unknown_name
from svtok.manifest.schema import UTTERANCES, Place
from svtok.manifest.sets import SETS

REQUIRED = ("path", "spk", "phrase")
OPTIONAL = ("set", "utt", "gender", "lang", "session", "start", "end", "text", "enroll")
IDS = ("spk", "phrase", "set", "utt", "gender", "lang", "session")
GENDERS = {"male": "m", "female": "f", "M": "m", "F": "f", "Male": "m", "Female": "f"}


@dataclass(frozen=True)
class Listing:
    """The rows of the file: all cells are text, paths absolute; `place` knows the line of each row."""

    rows: pd.DataFrame
    place: Place


def read_listing(path: Path) -> Listing:
    """Read the CSV: comma, semicolon or tab between the cells, as its header shows; rows without any cell are left out.

    Blanks inside ids become '_', `male` and `female` become `m` and `f`, and a path is relative to the CSV's folder.
    Raises ProblemsError with all problems of form, file and line: columns, numbers of cells, sets, enroll marks, ids
    that become the same, recordings that are listed twice.
    """
    header, cells, lines = _read_cells(path)
    rows = pd.DataFrame(cells, columns=header, dtype=object)
    place = Place(path, lines=lines)
    problems = [*_check_values(rows, place), *_check_renamed(rows, place), *_check_repeated(rows, place)]
    raise_problems(sorted(problems, key=lambda problem: problem.line or 0))
    for name in set(IDS) & set(header):
        rows[name] = rows[name].map(_as_id)
    if "gender" in rows:
        rows["gender"] = rows["gender"].replace(GENDERS)
    rows["path"] = [os.path.abspath(path.parent / cell) for cell in rows["path"]]
    return Listing(rows, place)


def _read_cells(path: Path) -> tuple[list[str], list[list[str]], list[int]]:
    """The header, and the cells and the line of each row."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ProblemsError([Problem(f"not UTF-8 ({error.reason}); save it as CSV UTF-8", path)]) from error
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count), strict=True)
    try:
        header = [cell.strip() for cell in next(reader, [])]
        raise_problems([Problem(what, path, 1) for what in _check_header(header)])
        cells, lines, problems = [], [], []
        for row in reader:
            row = [cell.strip() for cell in row]
            if len(row) == len(header) and any(row):
                cells.append(row)
                lines.append(reader.line_num)
            elif any(row):
                what = f"{len(row)} cells where the header has {len(header)}"
                problems.append(Problem(what, path, reader.line_num))
    except csv.Error as error:
        raise ProblemsError([Problem(f"not a CSV file: {error}", path, reader.line_num)]) from error
    if not cells:
        problems.append(Problem("no recording is listed", path))
    raise_problems(problems)
    return header, cells, lines


def _check_header(header: list[str]) -> Iterator[str]:
    known = (*REQUIRED, *OPTIONAL)
    yield from (f"column '{name}' is missing in the header" for name in REQUIRED if name not in header)
    yield from (unknown_name("column", name, known) for name in header if name not in known)
    yield from (f"column '{name}' stands twice in the header" for name in known if header.count(name) > 1)


def _check_values(rows: pd.DataFrame, place: Place) -> Iterator[Problem]:
    known = {"set": SETS, "enroll": ("0", "1")}
    for row, cells in enumerate(rows.to_dict("records")):
        line = place.line(row)
        yield from (Problem(f"{name} is empty", place.path, line) for name in REQUIRED if not cells[name])
        for name in known:
            if name in cells and cells[name] not in known[name]:
                yield Problem(f"{name} '{cells[name]}' is not one of {', '.join(known[name])}", place.path, line)


def _check_renamed(rows: pd.DataFrame, place: Place) -> Iterator[Problem]:
    """Different ids that become the same when their blanks go: 'open door' and 'open_door'."""
    for name in ("spk", "phrase"):
        first: dict[str, str] = {}
        for row, cell in enumerate(rows[name]):
            other = first.setdefault(_as_id(cell), cell)
            if other != cell:
                yield Problem(
                    f"{name} '{cell}' and '{other}' both become '{_as_id(cell)}'", place.path, place.line(row)
                )


def _check_repeated(rows: pd.DataFrame, place: Place) -> Iterator[Problem]:
    first: dict[tuple[str, ...], int] = {}
    what = [name for name in ("path", "start", "end") if name in rows]
    for row, cells in enumerate(rows[what].itertuples(index=False, name=None)):
        other = first.setdefault(cells, row)
        if other != row:
            told = f"the recording '{cells[0]}' is listed in line {place.line(other)} already"
            yield Problem(told, place.path, place.line(row))


def _as_id(cell: str) -> str:
    return re.sub(r"\s+", "_", cell)


def utterance_columns(rows: pd.DataFrame) -> pd.DataFrame:
    """The columns of the rows that a table of utterances has too; those that are empty in every row are left out."""
    names = [name for name in UTTERANCES.names if name in rows and (name in REQUIRED or (rows[name] != "").any())]
    return rows[names].copy()
