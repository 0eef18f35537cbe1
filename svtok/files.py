"""Writing files so that a name always holds a whole file, reading arrays, and noticing that inputs changed."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from svtok.errors import SvtokError


@contextmanager
def writing_file(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it to `path` when the block ends well, else remove it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with open(temporary, "rb+") as stream:
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except OSError as error:
        error.filename = error.filename or str(path)  # a full disk names no file by itself
        raise
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def writing_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder beside `path`; it takes the place of `path` when the block ends well, else it goes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        yield temporary
        if path.exists():
            old = path.with_name(f".{path.name}.{os.getpid()}.old")
            os.replace(path, old)
            os.replace(temporary, path)
            shutil.rmtree(old)
        else:
            os.replace(temporary, path)
    except OSError as error:
        error.filename = error.filename or str(path)
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write a whole UTF-8 text file, or nothing."""
    with writing_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_array(path: Path, remedy: str, *, mapped: bool = False, any_float: bool = False) -> NDArray[np.float32]:
    """The float32 matrix in a `.npy` file.

    Args:
        path: the file, written by numpy.
        remedy: what to do where the file is missing or damaged; it ends the message.
        mapped: read from disk as it is used, and not writeable.
        any_float: of any precision, and converted.

    Raises:
        SvtokError: there is no such file, or it is cut, no array, or one of another kind.
    """
    try:
        array = np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    except Exception as error:  # of damaged bytes numpy raises nearly anything: MemoryError, TypeError, BadZipFile ...
        raise SvtokError(f"{path}: missing or damaged ({type(error).__name__}: {error}); {remedy}") from error
    if any_float and isinstance(array, np.ndarray) and array.dtype.kind == "f":
        array = array.astype(np.float32)
    if not isinstance(array, np.ndarray) or array.dtype != np.float32 or array.ndim != 2:
        kind = f"{array.dtype} of shape {array.shape}" if isinstance(array, np.ndarray) else "an archive"
        raise SvtokError(f"{path}: holds {kind} where there should be a float32 matrix; {remedy}")
    return array


def sha256_of_files(paths: Iterable[Path]) -> str:
    """SHA-256 (hex) over the contents of the files, in the order given."""
    digest = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
