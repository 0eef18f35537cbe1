"""Delimited lines of text, fast enough for ten million of them: no quotes, no escapes, one row a line."""

from __future__ import annotations

import io
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
import pyarrow.csv as pa_csv  # type: ignore[import-untyped]

from svtok.errors import Problem, ProblemsError, raise_problems

ROWS_A_BLOCK = 1 << 18
BYTES_A_BLOCK = 1 << 24
"""Each block has a dictionary of its own; few of them are soon made one."""


@dataclass(frozen=True)
class Lines:
    """A text file: its first line, and its bytes."""

    path: Path
    header: str
    content: bytes

    @classmethod
    def open(cls, path: Path) -> Lines:
        """Read the file. Raises ProblemsError where it is empty or not UTF-8 (each such line is told)."""
        content = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
        if not content:
            raise ProblemsError([Problem("the file is empty", path)])
        if not content.isascii():  # which is quickly told
            raise_problems([Problem("not UTF-8", path, line) for line in _undecodable(content)])
        end = content.find(b"\n")
        return cls(path, content[: None if end < 0 else end].decode().removesuffix("\r"), content)

    def empty_lines(self) -> list[int]:
        """The numbers of the lines that hold nothing."""
        lines = self.content.removesuffix(b"\n").split(b"\n")
        return [number for number, line in enumerate(lines, start=1) if line in (b"", b"\r")]


def _undecodable(content: bytes) -> list[int]:
    """The numbers of the lines that are not UTF-8."""
    try:
        content.decode()
        return []
    except UnicodeDecodeError:
        pass
    numbers = []
    for number, line in enumerate(content.split(b"\n"), start=1):
        try:
            line.decode()
        except UnicodeDecodeError:
            numbers.append(number)
    return numbers


def read_rows(
    lines: Lines, names: list[str], *, delimiter: str, dictionaries: Collection[str] = (), header: bool = True
) -> pa.Table:
    """The rows as columns of text with the names given; those in `dictionaries`, whose values repeat much, as such.

    Raises ProblemsError with every line that has not one field for each name.
    """
    texts = pa.dictionary(pa.int32(), pa.string())
    schema = pa.schema([(name, texts if name in dictionaries else pa.string()) for name in names])
    problems: list[Problem] = []

    def tell(row: pa_csv.InvalidRow) -> str:
        fields = "1 field" if row.actual_columns == 1 else f"{row.actual_columns} fields"
        what = f"{fields} where there should be {row.expected_columns} ({' '.join(names)})"
        problems.append(Problem(what, lines.path, row.number))
        return "skip"

    if header and lines.content.find(b"\n") in (-1, len(lines.content) - 1):
        return schema.empty_table()  # the header is all
    table = pa_csv.read_csv(
        io.BytesIO(lines.content),
        # one thread: with more, a bad row does not know its line
        pa_csv.ReadOptions(
            use_threads=False, block_size=BYTES_A_BLOCK, column_names=names, skip_rows=1 if header else 0
        ),
        pa_csv.ParseOptions(
            delimiter=delimiter,
            quote_char=False,
            double_quote=False,
            escape_char=False,
            ignore_empty_lines=False,
            invalid_row_handler=tell,
        ),
        pa_csv.ConvertOptions(column_types=schema, strings_can_be_null=False, check_utf8=False),
    )
    if any(_has_empty(column) for column in table[names[0]].chunks):  # as an empty line has in each column
        problems += [Problem("the line is empty", lines.path, line) for line in lines.empty_lines()]
    raise_problems(sorted(problems, key=lambda problem: problem.line or 0))
    return table


def _has_empty(cells: pa.Array) -> bool:
    values = cells.dictionary if pa.types.is_dictionary(cells.type) else cells
    return bool(pc.index(values, "").as_py() >= 0)


def write_rows(frame: pd.DataFrame, path: Path, *, delimiter: str, header: bool) -> None:
    """Write the columns of the frame as they are; numbers so that reading them gives the same number."""
    with open(path, "wb") as stream:
        if header:
            stream.write((delimiter.join(frame.columns) + "\n").encode())
        for start in range(0, len(frame), ROWS_A_BLOCK):
            block = frame.iloc[start : start + ROWS_A_BLOCK]
            cells = [pa.array(block[name]).cast(pa.large_string()) for name in block]  # floats: the shortest text
            between, end, nothing = (pa.scalar(text, pa.large_string()) for text in (delimiter, "\n", ""))
            pieces = [piece for cell in cells for piece in (cell, between)]
            joined = pc.binary_join_element_wise(*pieces[:-1], end, nothing)
            for chunk in joined.chunks if isinstance(joined, pa.ChunkedArray) else [joined]:
                stream.write(_bytes(chunk))


def _bytes(strings: pa.Array) -> pa.Buffer:
    """The texts of an array of large strings, one after the other, without a copy."""
    _, offsets, texts = strings.buffers()
    return texts[: np.frombuffer(offsets, np.int64)[len(strings)]]
