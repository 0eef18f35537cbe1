"""Writing files so that a name always holds a whole file, one writer at a time; reading arrays; contents' hashes."""

from __future__ import annotations

import fcntl
import glob
import hashlib
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svtok.errors import SvtokError, warn


def _beside(path: Path, ending: str) -> Path:
    """A hidden name beside `path`, of this process on this machine."""
    return path.with_name(f".{path.name}.{os.uname().nodename}-{os.getpid()}.{ending}")


@contextmanager
def writing_file(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it to `path` when the block ends well, else remove it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(path, "tmp")
    try:
        yield temporary
        _flush(temporary)
        os.replace(temporary, path)
    except OSError as error:
        error.filename = error.filename or str(path)  # a full disk names no file by itself
        raise
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def writing_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder beside `path`; it takes the place of `path` when the block ends well, else it goes.

    A folder cannot be renamed over another: one that is there is moved aside first. Where a process is killed between
    the two steps, `locked` puts it back.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary, old = _beside(path, "tmp"), _beside(path, "old")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        yield temporary
        for file in temporary.rglob("*"):
            if file.is_file():
                _flush(file)
        if path.exists():
            os.replace(path, old)
        try:
            os.replace(temporary, path)
        except OSError:
            if old.exists():
                os.replace(old, path)
            raise
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        error.filename = error.filename or str(path)
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _flush(file: Path) -> None:
    """Wait until the content of a file is on the disk."""
    with open(file, "rb") as stream:
        os.fsync(stream.fileno())


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other processes from writing `path`, a file or folder, while the block runs.

    The lock is the system's, on a hidden file beside `path`, and ends with the process, however that ends; the file is
    removed by who holds it. What a process that was killed left half-written there is removed, and a folder that it had
    moved aside is put back. Where no lock can be had, as on some network file systems, the block runs without one,
    after a warning.

    Raises:
        SvtokError: another process is writing there.
    """
    path = Path(os.path.abspath(path))
    parents = [folder for folder in path.parents if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    name = path.with_name(f".{path.name}.lock")
    lock = _lock(name, path)
    try:
        _clear(path)
        yield
    finally:
        if lock is not None:
            name.unlink(missing_ok=True)
            os.close(lock)
        for folder in parents:  # where nothing came of it
            with suppress(OSError):
                folder.rmdir()


def clear_lock(path: Path) -> None:
    """Remove the lock of a process that was killed when `path` was whole. Raises nothing."""
    if path.with_name(f".{path.name}.lock").exists():
        with suppress(SvtokError, OSError), locked(path):
            pass


def _lock(name: Path, path: Path) -> int | None:
    """The open lock file; None where there can be none."""
    while True:
        try:
            lock = os.open(name, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            warn(f"{path}: written without a lock against other commands ({name.name}: {error.strerror})")
            return None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(lock, 200).decode(errors="replace").strip()
            os.close(lock)
            raise SvtokError(f"{path}: another command is writing it ({holder}); wait until it has ended") from None
        except OSError as error:
            warn(f"{path}: written without a lock against other commands ({error.strerror})")
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(lock), os.stat(name)):
                with suppress(OSError):  # a full disk
                    os.pwrite(lock, f"process {os.getpid()} on {os.uname().nodename}".ljust(200).encode(), 0)
                return lock
        os.close(lock)  # who held it has just removed it


def _clear(path: Path) -> None:
    """Undo what processes of this machine that are no more left unfinished: of `path`, and of files in it."""
    name = glob.escape(path.name)
    beside = [*path.parent.glob(f".{name}.*"), *path.parent.glob(f"..{name}.*")]  # the latter of a note on a file
    for left in [*beside, *path.rglob(".*.tmp"), *path.rglob(".*.old")]:
        match = re.fullmatch(r"\.(.+)\.(.+)-(\d+)\.(tmp|old)", left.name)
        if not match or match[2] != os.uname().nodename or _is_running(int(match[3])):
            continue
        if match[4] == "old" and not left.with_name(match[1]).exists():
            os.replace(left, left.with_name(match[1]))
        elif left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def write_text(path: Path, text: str) -> None:
    """Write a whole UTF-8 text file, or nothing."""
    with writing_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_array(path: Path, array: NDArray[Any]) -> None:
    """Write a `.npy` file as numpy.save does, which of a full disk raises an error that does not say so."""
    array = np.ascontiguousarray(array)
    with open(path, "wb") as stream:
        np.lib.format.write_array_header_1_0(stream, np.lib.format.header_data_from_array_1_0(array))
        stream.write(array.data)


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
