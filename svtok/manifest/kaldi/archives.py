"""Kaldi's archives of vectors and matrices (`.ark`), and lists of places in them (`.scp`), in and out.

They are read here, and by no package: what comes from elsewhere is not to be trusted. kaldiio unpickles what an archive
says is a pickle, and both kaldiio and kaldi_native_io run the commands that stand in a list; the latter (1.23.0) also
dies of a header that says of a few bytes that they are 4 GB. The tests compare with what it reads and writes.
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from svtok.errors import Problem, ProblemsError, SvtokError
from svtok.files import writing_file
from svtok.manifest.schema import normal
from svtok.manifest.tables import fields_of_lines

Values = NDArray[np.float32]
KINDS = {1: "a vector (FV or DV)", 2: "a matrix (FM, DM, CM, CM2 or CM3)"}
FLOATS = {b"FV ": "<f4", b"DV ": "<f8", b"FM ": "<f4", b"DM ": "<f8"}
COMPRESSED = (b"CM ", b"CM2 ", b"CM3 ")
LONGEST_NAME = 4096
MOST_DIMENSIONS = 1 << 16
LONGEST_TEXT = 32 * MOST_DIMENSIONS
"""Bytes of the line of a vector, or of a row of a matrix, in text."""


class Named(NamedTuple):
    """Values, a vector (D,) or a matrix (T, D), and the name of their utterance; the line of the list, if there is
    one."""

    utt: str
    values: Values
    line: int | None = None


def read_named(file: Path, dims: int) -> Iterable[Named]:
    """What an archive (`.ark`) holds, or a list (`.scp`) names; see `read_archive` and `read_script`."""
    readers: dict[str, Callable[[Path, int], Iterable[Named]]] = {".ark": read_archive, ".scp": read_script}
    if file.suffix not in readers:
        raise SvtokError(f"{file}: a Kaldi archive is known by the end of its name, .ark, and a list of places by .scp")
    return readers[file.suffix](file, dims)


def read_archive(file: Path, dims: int = 1) -> Iterator[Named]:
    """The vectors or matrices of a Kaldi archive in its order: binary (float, double, compressed) or text.

    Args:
        file: the archive.
        dims: 1 for vectors, 2 for matrices.

    Raises:
        SvtokError: an entry is of another kind, or the file ends within one.
    """
    with open(file, "rb") as stream:
        while (name := _name(stream, file)) is not None:
            yield Named(normal(name), _values(stream, file, name, dims))


def read_script(file: Path, dims: int = 1) -> Iterator[Named]:
    """What a `.scp` names, `utt FILE:OFFSET` a line; as Kaldi, from the working folder.

    Args:
        file: the list.
        dims: 1 for vectors, 2 for matrices.

    Raises:
        ProblemsError: for a line that names no place in a file (a pipe is never run).
        SvtokError: as `read_archive`.
    """
    for number, utt, path, offset in _places(file):
        if not os.path.isfile(path):
            what = "a pipe, which is not run" if "|" in str(path) else f"there is no file {path}"
            raise ProblemsError([Problem(f"'{utt}': {what}; a line is `utt FILE:OFFSET`", file, number)])
        with open(path, "rb") as stream:
            stream.seek(min(offset, path.stat().st_size))
            yield Named(normal(utt), _values(stream, path, utt, dims), number)


def archives(script: Path) -> list[Path]:
    """The files that a `.scp` names, each once. Raises as `fields_of_lines`."""
    return sorted({path for _, _, path, _ in _places(script)})


def _places(script: Path) -> Iterator[tuple[int, str, Path, int]]:
    """Of each line of a `.scp`: its number, the name, and the file and offset of the values."""
    for number, (utt, *words) in fields_of_lines(script):
        archive, _, offset = " ".join(words).rpartition(":")
        has_offset = bool(archive) and offset.isdecimal() and len(offset) < 20
        yield number, utt, Path(archive if has_offset else " ".join(words)), int(offset) if has_offset else 0


def write_archive(file: Path, named: Iterable[tuple[str, Values]]) -> int:
    """Write vectors (D,) or matrices (T, D) as a binary archive of floats, and the list of their places beside it.

    Args:
        file: the archive, `.ark`; the list has its name with `.scp`.
        named: names and values, in the order of the names' bytes, as Kaldi wants a list to be sorted.

    Returns:
        How many there are.

    Raises:
        SvtokError: the name of the file has another end.
    """
    if file.suffix != ".ark":
        raise SvtokError(f"{file}: name the archive .ark; its list will be {file.with_suffix('.scp').name}")
    places = []
    with writing_file(file) as temporary, open(temporary, "wb") as stream:
        for name, values in named:
            stream.write(f"{name} ".encode())
            places.append(f"{name} {os.path.abspath(file)}:{stream.tell()}\n")
            stream.write(b"\0BFV " if values.ndim == 1 else b"\0BFM ")
            for size in values.shape:
                stream.write(b"\4" + struct.pack("<i", size))
            stream.write(np.ascontiguousarray(values, dtype="<f4").data)
    with writing_file(file.with_suffix(".scp")) as temporary:
        temporary.write_text("".join(places), encoding="utf-8", newline="\n")
    return len(places)


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


def _values(stream: BinaryIO, file: Path, name: str, dims: int) -> Values:
    """The vector (D,) or the matrix (T, D) at the place of the stream."""
    start = stream.read(2)
    if start != b"\0B":
        rows = _text_rows(start, stream, file, name, dims)
        return rows[0] if dims == 1 else np.stack(rows)
    kind = stream.read(3)
    kind += stream.read(1) if kind[:2] == b"CM" and kind != b"CM " else b""
    if kind in COMPRESSED and dims == 2:
        return _compressed(kind, stream, file, name)
    if kind not in FLOATS or kind[1:2] != b"_VM"[dims : dims + 1]:
        raise SvtokError(f"{file}: '{name}' is of the type {kind!r}; {KINDS[dims]} an utterance is needed")
    shape = []
    for _ in range(dims):
        size = stream.read(5)  # the number of bytes of an integer, 4, and the integer
        shape.append(struct.unpack("<i", size[1:])[0] if len(size) == 5 and size[0] == 4 else -1)
    if shape[-1] > MOST_DIMENSIONS:
        raise _damaged(file, name, dims)
    return _array(stream, shape, FLOATS[kind], file, name).astype(np.float32)


def _array(stream: BinaryIO, shape: list[int], kind: str, file: Path, name: str) -> NDArray[np.generic]:
    """An array that the file holds from here on: of a size that cannot be, nothing is read."""
    size = math.prod(shape) * np.dtype(kind).itemsize
    if min(shape) < 1 or size > os.fstat(stream.fileno()).st_size - stream.tell():
        raise _damaged(file, name, len(shape))
    return np.frombuffer(stream.read(size), kind).reshape(shape)


def _damaged(file: Path, name: str, dims: int) -> SvtokError:
    what = "matrix" if dims > 1 else "vector"
    return SvtokError(f"{file}: the {what} of '{name}' is cut off or damaged; copy the file once more")


@np.errstate(all="ignore")  # whoever asked for the values sees those that are not finite
def _compressed(kind: bytes, stream: BinaryIO, file: Path, name: str) -> Values:
    """A compressed matrix (T, D): whole numbers of 8 or 16 bits between the least value and the highest one.

    As in Kaldi's compressed-matrix.h; of `CM`, each column has four 16-bit numbers, its least and highest value and its
    quartiles, between which its bytes lie in three pieces.
    """
    header = stream.read(16)
    least, span, rows, columns = struct.unpack("<ffii", header) if len(header) == 16 else (0.0, 0.0, -1, -1)
    if rows < 1 or not 0 < columns <= MOST_DIMENSIONS:
        raise _damaged(file, name, 2)
    if kind != b"CM ":
        code, most = ("<u2", 65535) if kind == b"CM2 " else ("u1", 255)
        numbers = _array(stream, [rows, columns], code, file, name).astype(np.float32)
        return (np.float32(least) + np.float32(span) / np.float32(most) * numbers).astype(np.float32)
    ends = _array(stream, [columns, 4], "<u2", file, name).astype(np.float32)
    low, first, third, high = (np.float32(least) + np.float32(span) / np.float32(65535) * ends).T[:, :, None]  # (D, 1)
    codes = _array(stream, [columns, rows], "u1", file, name).astype(np.float32)  # (D, T)
    lower = low + (first - low) * codes / 64
    middle = first + (third - first) * (codes - 64) / 128
    upper = third + (high - third) * (codes - 192) / 63
    return np.ascontiguousarray(np.where(codes <= 64, lower, np.where(codes <= 192, middle, upper)).T, np.float32)


def _text_rows(start: bytes, stream: BinaryIO, file: Path, name: str, dims: int) -> list[Values]:
    """The rows of a text such as ` [ 0.5 1 ]`, of a matrix a row a line."""
    line = (start if start.endswith(b"\n") else start + stream.readline(LONGEST_TEXT)).split()
    rows: list[Values] = []
    try:
        if line[:1] != [b"["]:
            raise ValueError
        line = line[1:]
        while True:
            closed = line[-1:] == [b"]"]
            if numbers := [float(number) for number in (line[:-1] if closed else line)]:
                rows.append(np.array(numbers, dtype=np.float32))
            if closed:
                break
            if dims == 1 or not (text := stream.readline(LONGEST_TEXT)):
                raise ValueError
            line = text.split()
        if not rows or len({len(row) for row in rows}) > 1 or (dims == 1 and len(rows) > 1):
            raise ValueError
    except ValueError:
        what = "no vector, which in text is `[ 0.5 1 ... ]` on one line" if dims == 1 else "no matrix of numbers"
        raise SvtokError(f"{file}: '{name}' is {what}") from None
    return rows
