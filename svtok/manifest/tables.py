"""Reading and writing delimited tables, the one place: no quotes, no escapes, one row a line, fast for ten million.

Below, the tables of utterances, enrollment models and trials (TSV; trials also as Parquet). They are written in the
bytewise order of their keys, and read from any order into that one.
"""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from svtok.errors import Problem, ProblemsError, SvtokError, raise_problems
from svtok.files import writing_file
from svtok.manifest.schema import (
    MODELS,
    MOST_COUNTED,
    MOST_OF_A_KIND,
    TRIALS,
    UTTERANCES,
    Place,
    Schema,
    as_numbers,
    check_cells,
    check_columns,
    check_keys,
    in_order,
    normal,
    normal_column,
    normal_table,
    sort_keys,
)
from svtok.manifest.trial_types import trials_as_categories

if TYPE_CHECKING:
    import pandas as pd

ROWS_A_BLOCK = 1 << 18
BYTES_A_BLOCK = 1 << 24
"""Each block has a dictionary of its own; few of them are soon made one. A longer line is no line of a table."""
MOST_ROWS_IN_PARQUET = 1 << 28
"""A few bytes of Parquet can stand for any number of rows, which are counted before they are read."""


@dataclass(frozen=True)
class Lines:
    """A text file: its first line, and its bytes, which are UTF-8."""

    path: Path
    header: str
    content: bytes

    @classmethod
    def open(cls, path: Path) -> Lines:
        """Read the file. Raises ProblemsError where it is not there or empty, or names each line that is not UTF-8."""
        if not path.is_file():
            raise ProblemsError([Problem("there is no such file", path)])
        content = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
        if not content:
            raise ProblemsError([Problem("the file is empty", path)])
        if not content.isascii():  # which is soon seen
            raise_problems([Problem("not UTF-8", path, line) for line in _undecodable(content)])
        end = content.find(b"\n")
        if (end if end >= 0 else len(content)) > BYTES_A_BLOCK:
            raise ProblemsError([Problem(f"the line has more than {BYTES_A_BLOCK} bytes: no line of a table", path, 1)])
        return cls(path, content[: None if end < 0 else end].decode().removesuffix("\r"), content)

    def __iter__(self) -> Iterator[tuple[int, str]]:
        """The number of each line, from 1, and its text. A line ends with a line feed, and with nothing else."""
        lines = self.content.decode().removesuffix("\n").split("\n")
        return ((number, line.removesuffix("\r")) for number, line in enumerate(lines, start=1))

    def separated_by(self, delimiter: Literal[",", " "]) -> Lines:
        """The lines with one delimiter between fields, where there are blanks and tabs too, or several of them."""
        odd = (b"\t", b" ") if delimiter == "," else (b"\t", b"  ", b" \n", b" \r", b"\n ")
        if not any(text in self.content for text in odd):
            return self
        trimmed = re.sub(rb"^[ \t]+|[ \t]+(?=\r?$)", b"", self.content, flags=re.MULTILINE)
        between = rb"[ \t]*,[ \t]*|[ \t]+" if delimiter == "," else rb"[ \t]+"
        return replace(self, content=re.sub(between, delimiter.encode(), trimmed))


def _undecodable(content: bytes) -> list[int]:
    """The numbers of the lines that are not UTF-8, of very many the first ones."""
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
        if len(numbers) == MOST_OF_A_KIND:
            break
    return numbers


class NotNumbersError(SvtokError):
    """A cell that was to be a number is none."""


def read_rows(
    lines: Lines,
    names: list[str],
    *,
    delimiter: str,
    dictionaries: Collection[str] = (),
    header: bool = True,
    as_written: Collection[str] = (),
    numbers: Collection[str] = (),
) -> pa.Table:
    """The rows of a delimited file, in its order. A quotation mark is a character as any other.

    Args:
        lines: The file.
        names: A name for each field of a line.
        delimiter: What stands between two fields.
        dictionaries: The columns whose values repeat much, and so are kept once.
        header: Whether the first line is no row.
        as_written: The columns that stay as they are, as paths do; the others become normal text (`schema.normal`).
        numbers: The columns that are to be float64.

    Returns:
        Columns of text, or of numbers, with the names given.

    Raises:
        ProblemsError: with every line that has not one field for each name.
        NotNumbersError: some cell of `numbers` is none.
    """
    kinds = {name: pa.dictionary(pa.int32(), pa.string()) for name in dictionaries}
    kinds |= {name: pa.float64() for name in numbers}
    schema = pa.schema([(name, kinds.get(name, pa.string())) for name in names])
    problems: list[Problem] = []

    def note(row: pa_csv.InvalidRow) -> str:
        fields = "1 field" if row.actual_columns == 1 else f"{row.actual_columns} fields"
        what = f"{fields} where there should be {row.expected_columns} ({' '.join(names)})"
        problems.append(Problem(what, lines.path, row.number))
        return "skip" if len(problems) < MOST_OF_A_KIND else "error"

    if header and lines.content.find(b"\n") in (-1, len(lines.content) - 1):
        return schema.empty_table()  # the header is all
    try:
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
                invalid_row_handler=note,
            ),
            pa_csv.ConvertOptions(column_types=schema, strings_can_be_null=False, check_utf8=False, null_values=[]),
        )
    except pa.ArrowInvalid as error:
        if numbers and "conversion error" in str(error):
            raise NotNumbersError(str(error)) from None
        if len(problems) == MOST_OF_A_KIND:
            problems.append(Problem("further lines were not looked at", lines.path))
            raise ProblemsError(problems) from None
        raise ProblemsError([Problem(f"not a table of text: {error}", lines.path)]) from error
    if any(_has_empty(column) for column in table[names[0]].chunks):  # as an empty line has in each column
        empty = (Problem("the line is empty", lines.path, number) for number, line in lines if not line)
        problems += islice(empty, MOST_OF_A_KIND)
    raise_problems(sorted(problems, key=lambda problem: problem.line or 0))
    return table if lines.content.isascii() else _normal(table, {*as_written, *numbers})


def _normal(table: pa.Table, as_written: Collection[str]) -> pa.Table:
    for number, field in enumerate(table.schema):
        if field.name not in as_written:
            column = normal_column(table[number].to_pandas())
            table = table.set_column(number, field, pa.array(column).cast(field.type))
    return table


def read_columns(
    path: Path, names: list[str], dictionaries: Collection[str] = (), numbers: Collection[str] = ()
) -> pa.Table:
    """`read_rows` of a tab-separated file whose header must be these names.

    Args:
        path: the file.
        names: the columns, in order.
        dictionaries: those whose values repeat much, and so are kept once.
        numbers: those that are to be float64.

    Raises:
        ProblemsError: where the header is another.
        NotNumbersError: some cell of `numbers` is none.
    """
    lines = Lines.open(path)
    if lines.header.split("\t") != names:
        raise ProblemsError([Problem(f"the header is not '{' '.join(names)}' with tabs between", path, 1)])
    return read_rows(lines, names, delimiter="\t", dictionaries=dictionaries, numbers=numbers)


def _has_empty(cells: pa.Array) -> bool:
    values = cells.dictionary if pa.types.is_dictionary(cells.type) else cells
    return bool(pc.min(pc.binary_length(values)).as_py() == 0)  # a scalar to compare with would load pandas


def write_rows(frame: pd.DataFrame, path: Path, *, delimiter: str, header: bool) -> None:
    """Write the columns of the frame as they are; numbers so that reading them gives the same number.

    Args:
        frame: columns of text or of numbers.
        path: the file, which is written over.
        delimiter: what stands between the cells.
        header: whether the first line names the columns.
    """
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


def first_fields(path: Path) -> list[str]:
    """The fields of the first line of a text file, between blanks and tabs. Raises ProblemsError as `Lines.open`."""
    if not path.is_file():
        raise ProblemsError([Problem("there is no such file", path)])
    with open(path, "rb") as stream:
        return stream.readline(BYTES_A_BLOCK).removeprefix(b"\xef\xbb\xbf").decode(errors="replace").split()


def fields_of_lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The number of each line of a text file that is neither empty nor a comment, and its fields between blanks.

    Raises ProblemsError where there is no such file, or it is empty or not UTF-8.
    """
    for number, line in Lines.open(path):
        fields = normal(line).split()
        if fields and not line.startswith("#"):
            yield number, fields


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
    """A table in the order of its file, and all that is wrong with its cells and keys.

    A cell that is not the number it should be is NaN. Raises ProblemsError where there are no rows and columns to speak
    of: no such file, unknown or missing columns, lines with too few or too many fields.
    """
    frame, problems, _ = _load(path, schema)
    return frame, problems


def _load(path: Path, schema: Schema) -> tuple[pd.DataFrame, list[Problem], npt.NDArray[np.integer]]:
    """As `load_table`, and the keys of the rows."""
    table = _read_parquet(path, schema) if path.suffix == ".parquet" else _read_tsv(path, schema)
    frame = trials_as_categories(table.to_pandas()) if schema is TRIALS else table.to_pandas()
    del table
    give_back_memory()
    keys = sort_keys(frame, schema)
    problems = _problems_of(frame, schema, place_of(path, schema), keys)
    return _with_numbers(frame, schema), problems, keys


def give_back_memory() -> None:
    """Let the system have what Arrow holds on to of tables that are no more: of millions of rows, half a gigabyte."""
    pa.default_memory_pool().release_unused()


def place_of(path: Path, schema: Schema) -> Place:
    """Where the rows of a table file stand: Parquet has no header line, so there the rows are counted."""
    return Place(path, 1 if path.suffix == ".parquet" else 2)


def _read(path: Path, schema: Schema) -> pd.DataFrame:
    frame, problems, keys = _load(path, schema)
    raise_problems(problems)
    return in_order(frame, keys)


def _read_tsv(path: Path, schema: Schema) -> pa.Table:
    lines = Lines.open(path)
    names = lines.header.split("\t")
    raise_problems([Problem(what, path, 1) for what in check_columns(names, schema)])
    paths = [column.name for column in schema.columns if column.kind == "path"]
    return read_rows(lines, names, delimiter="\t", dictionaries=names if schema is TRIALS else (), as_written=paths)


def _read_parquet(path: Path, schema: Schema) -> pa.Table:
    import pyarrow.parquet as pq

    if not path.is_file():
        raise ProblemsError([Problem("there is no such file", path)])
    text = pa.dictionary(pa.int32(), pa.string())
    try:
        with pq.ParquetFile(path) as file:
            rows, names = file.metadata.num_rows, file.schema_arrow.names
        raise_problems([Problem(what, path) for what in check_columns(names, schema)])
        if rows > MOST_ROWS_IN_PARQUET:
            raise ProblemsError([Problem(f"has {rows} rows, more than {MOST_ROWS_IN_PARQUET}", path)])
        table = pq.read_table(path, read_dictionary=names)  # a text that repeats is kept once
        empty = [Problem(f"{name} is empty in some row", path) for name in table.column_names if table[name].null_count]
        raise_problems(empty)
        table = table.cast(pa.schema([(name, text) for name in table.column_names]))
        table.validate(full=True)  # its texts are UTF-8
        return _normal(table, ())
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # of the disk, not of the content
        raise ProblemsError([Problem(f"not a Parquet table of text: {error}", path)]) from error


def _write(frame: pd.DataFrame, path: Path, schema: Schema) -> None:
    place = Place(f"the table of {schema.name} for {path}")
    raise_problems([Problem(what, place.path) for what in check_columns(list(frame.columns), schema)])
    frame = normal_table(frame[[name for name in schema.names if name in frame]], schema)
    keys = sort_keys(frame, schema)
    raise_problems(_problems_of(frame, schema, place, keys))
    frame = in_order(frame, keys)
    with writing_file(path) as temporary:
        if path.suffix == ".parquet":
            trials_as_categories(frame).to_parquet(temporary, index=False)
        else:
            write_rows(_with_numbers(frame, schema), temporary, delimiter="\t", header=True)


def _problems_of(frame: pd.DataFrame, schema: Schema, place: Place, keys: npt.NDArray[np.integer]) -> list[Problem]:
    problems = [*check_cells(frame, schema, place), *check_keys(frame, schema, place, keys=keys)]
    return sorted(problems, key=lambda problem: problem.line or 0)


def _with_numbers(frame: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    kinds = {column.name: column.kind for column in schema.columns if column.kind in ("seconds", "count")}
    numbers = {name: as_numbers(frame[name]) for name in kinds if name in frame}
    whole = {
        name: values.astype(np.int64) if kinds[name] == "count" and (np.abs(values) <= MOST_COUNTED).all() else values
        for name, values in numbers.items()
    }
    return frame.assign(**whole)
