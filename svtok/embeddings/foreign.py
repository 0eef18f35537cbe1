"""Embeddings of other toolkits: Kaldi's archives of vectors (`.ark`, `.scp`), and a `.npy` with a table of its rows.

Archives are read here and not by kaldiio, which unpickles what an archive says is a pickle, and runs a script's pipes.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from svtok.embeddings.store import write_embeddings
from svtok.errors import Problem, ProblemsError, SvtokError, first_few, raise_problems
from svtok.files import read_array
from svtok.manifest.schema import normal
from svtok.manifest.sets import read_set
from svtok.manifest.tables import Lines, fields_of_lines, read_rows

VECTOR_TYPES = {b"FV ": "<f4", b"DV ": "<f8"}
LONGEST_NAME = 4096
MOST_DIMENSIONS = 1 << 16
LONGEST_TEXT = 32 * MOST_DIMENSIONS
"""Bytes of the line of a vector in text."""


class Named(NamedTuple):
    """A vector (D,) and the name of its utterance; the line of the file that names it, where it has lines."""

    utt: str
    vector: NDArray[np.float32]
    line: int | None = None


def import_embeddings(file: Path, table: Path | None, data: Path | None, network: str, out: Path) -> tuple[int, int]:
    """Write the embeddings of another toolkit as a folder of ours.

    Args:
        file: `.ark`, `.scp`, or `.npy` of an array (N, D).
        table: of `.npy`: a table with a column `utt`, the name of each row.
        data: a prepared set, whose utterances are written, and each must have a vector; None: all that there are.
        network: what made them; only embeddings of one network are scored together.
        out: the folder to write.

    Returns:
        How many embeddings there are, and of how many dimensions.

    Raises:
        ProblemsError: utterances are missing or named twice, dimensions differ, or a value is not finite; with all.
        SvtokError: a file is of another kind, or damaged.
    """
    if (file.suffix == ".npy") != (table is not None):
        raise SvtokError(f"{file}: a .npy, and nothing else, has a table of the utterances of its rows (--table)")
    wanted = None if data is None else read_set(data).utterances["utt"].tolist()
    kept, problems = _checked(_read(file, table), table or file, None if wanted is None else set(wanted))
    if missing := [utt for utt in wanted or () if utt not in kept]:
        problems.append(Problem(f"{len(missing)} utterances of {data} have no vector: {first_few(missing)}", file))
    raise_problems(problems)
    if not kept:
        raise SvtokError(f"{file}: has no vectors")
    vectors = np.stack(list(kept.values()))
    write_embeddings(out, list(kept), vectors, network)
    return len(kept), vectors.shape[1]


def _read(file: Path, table: Path | None) -> Iterable[Named]:
    if table is not None:
        return _read_rows(file, table)
    readers = {".ark": read_archive, ".scp": read_script}
    if file.suffix not in readers:
        raise SvtokError(f"{file}: embeddings are imported from .ark, .scp or .npy, by the end of the name")
    return readers[file.suffix](file)


def _checked(
    named: Iterable[Named], where: Path, wanted: set[str] | None
) -> tuple[dict[str, NDArray[np.float32]], list[Problem]]:
    """The vectors of the utterances that are wanted (None: of all), and all that is wrong with them."""
    kept: dict[str, NDArray[np.float32]] = {}
    problems = []
    dim = None
    for utt, vector, line in named:
        if wanted is not None and utt not in wanted:
            continue
        dim = len(vector) if dim is None else dim
        faults = {
            "is there twice": utt in kept,
            f"has {len(vector)} dimensions, the first {dim}": len(vector) != dim,
            "holds NaN or infinity": not np.isfinite(vector).all(),
        }
        problems += [Problem(f"the vector of '{utt}' {what}", where, line) for what, holds in faults.items() if holds]
        kept.setdefault(utt, vector)
    return kept, problems


def _read_rows(file: Path, table: Path) -> Iterator[Named]:
    """The rows of a `.npy`, named by the column `utt` of a tab-separated table."""
    array = read_array(file, "write it with numpy.save", any_float=True)
    lines = Lines.open(table)
    names = lines.header.split("\t")
    if "utt" not in names:
        raise ProblemsError([Problem("the header has no 'utt'; it names the columns, with tabs between", table, 1)])
    utts = read_rows(lines, names, delimiter="\t")["utt"].to_pylist()
    if len(utts) != len(array):
        raise SvtokError(f"{table}: names {len(utts)} utterances, but {file} has {len(array)} rows")
    for row, utt in enumerate(utts):
        yield Named(utt, array[row].astype(np.float32), row + 2)


def read_archive(file: Path) -> Iterator[Named]:
    """The vectors of a Kaldi archive, binary (float or double) or text, in its order.

    Raises SvtokError where an entry is no vector, or the file ends within one.
    """
    with open(file, "rb") as stream:
        while (name := _name(stream, file)) is not None:
            yield Named(normal(name), _vector(stream, file, name))


def read_script(file: Path) -> Iterator[Named]:
    """The vectors that a `.scp` names, `utt FILE:OFFSET` a line; as Kaldi, from the working folder.

    Raises ProblemsError for a line that names no place in a file (a pipe is never run), SvtokError as `read_archive`.
    """
    for number, utt, path, offset in _places(file):
        if not os.path.isfile(path):
            what = "a pipe, which is not run" if "|" in str(path) else f"there is no file {path}"
            raise ProblemsError([Problem(f"'{utt}': {what}; a line is `utt FILE:OFFSET`", file, number)])
        with open(path, "rb") as stream:
            stream.seek(min(offset, path.stat().st_size))
            yield Named(normal(utt), _vector(stream, path, utt), number)


def archives(script: Path) -> list[Path]:
    """The files that a `.scp` names, each once. Raises as `fields_of_lines`."""
    return sorted({path for _, _, path, _ in _places(script)})


def _places(script: Path) -> Iterator[tuple[int, str, Path, int]]:
    """Of each line of a `.scp`: its number, the name, and the file and offset of the vector."""
    for number, (utt, *words) in fields_of_lines(script):
        archive, _, offset = " ".join(words).rpartition(":")
        has_offset = bool(archive) and offset.isdecimal() and len(offset) < 20
        yield number, utt, Path(archive if has_offset else " ".join(words)), int(offset) if has_offset else 0


def _name(stream: BinaryIO, file: Path) -> str | None:
    """The name of the next entry, and the stream behind the blank that ends it; None at the end of the file."""
    name = bytearray()
    while (byte := stream.read(1)) not in (b" ", b"\t"):
        if not byte and not name.strip():
            return None
        name += byte
        if not byte or len(name) > LONGEST_NAME:
            raise SvtokError(f"{file}: is no Kaldi archive, or is damaged at byte {stream.tell() - len(name)}")
    try:
        return name.strip().decode()
    except UnicodeDecodeError:
        raise SvtokError(f"{file}: has a name that is not UTF-8 before byte {stream.tell()}") from None


def _vector(stream: BinaryIO, file: Path, name: str) -> NDArray[np.float32]:
    """The vector (D,) at the place of the stream."""
    start = stream.read(2)
    if start != b"\0B":
        return _text_vector(start + stream.readline(LONGEST_TEXT), file, name)
    kind = stream.read(3)
    if kind not in VECTOR_TYPES:
        raise SvtokError(f"{file}: '{name}' is of the type {kind!r}; a vector (FV or DV) an utterance is needed")
    size = stream.read(5)  # the number of bytes of an integer, 4, and the integer
    length = struct.unpack("<i", size[1:])[0] if len(size) == 5 and size[0] == 4 else -1
    item = np.dtype(VECTOR_TYPES[kind])
    content = stream.read(length * item.itemsize) if 0 < length <= MOST_DIMENSIONS else b""
    if not 0 < length <= MOST_DIMENSIONS or len(content) < length * item.itemsize:
        raise SvtokError(f"{file}: the vector of '{name}' is cut off or damaged; copy the file once more")
    return np.frombuffer(content, item).astype(np.float32)


def _text_vector(line: bytes, file: Path, name: str) -> NDArray[np.float32]:
    """The vector (D,) in a text such as ` [ 0.5 1 ]`."""
    opening, *numbers, closing = line.split() if len(line.split()) > 2 else [b"", b"", b""]
    try:
        if (opening, closing) != (b"[", b"]"):
            raise ValueError
        return np.array([float(number) for number in numbers], dtype=np.float32)
    except ValueError:
        raise SvtokError(f"{file}: '{name}' is no vector, which in text is `[ 0.5 1 ... ]` on one line") from None
