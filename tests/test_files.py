"""A name always holds a whole file or folder."""

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from svtok.errors import SvtokError
from svtok.files import (
    clear_lock,
    locked,
    read_array,
    sha256_of_files,
    write_array,
    write_text,
    writing_file,
    writing_folder,
)


def test_a_file_appears_when_its_block_ends_well(tmp_path: Path) -> None:
    path = tmp_path / "new" / "table.tsv"
    with writing_file(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


def fail_in(writing: Any, path: Path, name: str, error: Any) -> None:
    """Write `name` into what a block gives, then fail."""
    with writing(path) as temporary:
        (temporary / name if temporary.is_dir() else temporary).touch()
        raise error


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_file_that_was_there_stays_when_the_block_fails(tmp_path: Path, error: Any) -> None:
    path = tmp_path / "table.tsv"
    write_text(path, "old")
    with pytest.raises(error):
        fail_in(writing_file, path, "", error)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_takes_the_place_of_the_old_one_whole(tmp_path: Path) -> None:
    path = tmp_path / "set"
    for content in ("old", "new"):
        with writing_folder(path) as temporary:
            (temporary / content).touch()
    assert [entry.name for entry in path.iterdir()] == ["new"]
    with pytest.raises(KeyboardInterrupt):
        fail_in(writing_folder, path, "half", KeyboardInterrupt)
    assert [entry.name for entry in path.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("writing", [writing_file, writing_folder])
def test_a_full_disk_is_named_with_the_name_of_what_was_being_written(tmp_path: Path, writing: Any) -> None:
    with pytest.raises(OSError, match="No space left") as caught:
        fail_in(writing, tmp_path / "big", "part", OSError(errno.ENOSPC, "No space left on device"))
    assert caught.value.filename == str(tmp_path / "big")
    assert not list(tmp_path.iterdir())


def test_the_hash_is_of_the_contents_in_order(tmp_path: Path) -> None:
    one, two = tmp_path / "1", tmp_path / "2"
    one.write_text("ab")
    two.write_text("c")
    assert sha256_of_files([one, two]) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # of "abc"
    assert sha256_of_files([one, two]) != sha256_of_files([two, one])


def lock_in(path: Path) -> None:
    with locked(path):
        raise AssertionError("two hold the lock")


def left(path: Path, ending: str, process: int) -> Path:
    """The hidden name that a process gave what it was writing."""
    return path.with_name(f".{path.name}.{os.uname().nodename}-{process}.{ending}")


@pytest.fixture
def dead() -> int:
    """The number of a process that is no more."""
    with subprocess.Popen([sys.executable, "-S", "-c", ""]) as process:
        return process.pid


def test_one_process_at_a_time_writes_a_name(tmp_path: Path) -> None:
    path = tmp_path / "exp" / "scores.tsv"
    with locked(path):
        with pytest.raises(SvtokError, match=rf"another command is writing it \(process {os.getpid()} on "):
            lock_in(path)
        with locked(tmp_path / "exp" / "other.tsv"):
            pass
    with locked(path):
        path.touch()
    assert list(path.parent.iterdir()) == [path]


def test_a_lock_leaves_no_folder_where_nothing_came_of_it(tmp_path: Path) -> None:
    with locked(tmp_path / "a" / "b" / "c"):
        pass
    assert not list(tmp_path.iterdir())


def test_the_working_folder_itself_can_be_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    with locked(Path()), pytest.raises(SvtokError, match="another command"):
        lock_in(tmp_path / "work")


def test_a_lock_ends_with_a_process_that_is_killed(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from svtok.files import locked\n"
        "with locked(Path(sys.argv[1])): os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", script, str(tmp_path / "a")]).returncode == -9
    assert (tmp_path / ".a.lock").exists()
    with locked(tmp_path / "a"):
        pass
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("error", [errno.ENOLCK, errno.ENOTSUP])
def test_without_locks_in_the_file_system_work_goes_on_after_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with locked(tmp_path / "a"):
        (tmp_path / "a").touch()
    assert "written without a lock against other commands" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_writes_is_not(tmp_path: Path, dead: int) -> None:
    path = tmp_path / "exp"
    path.mkdir()
    for process in (dead, os.getpid()):
        left(path, "tmp", process).mkdir()
        left(path / "checkpoint.pt", "tmp", process).touch()
    others = tmp_path / f".exp.elsewhere-{dead}.tmp"
    others.touch()
    with locked(path):
        pass
    mine = left(path, "tmp", os.getpid())
    assert sorted(tmp_path.iterdir()) == sorted([path, mine, others])
    assert list(path.iterdir()) == [left(path / "checkpoint.pt", "tmp", os.getpid())]


def test_half_a_note_on_a_file_is_removed(tmp_path: Path, dead: int) -> None:
    left(tmp_path / ".scores.tsv.made.json", "tmp", dead).touch()
    with locked(tmp_path / "scores.tsv"):
        pass
    assert not list(tmp_path.iterdir())


def test_a_lock_that_nobody_holds_is_cleared_and_another_stays(tmp_path: Path) -> None:
    path = tmp_path / "scores.tsv"
    path.with_name(".scores.tsv.lock").touch()
    clear_lock(path)
    assert not list(tmp_path.iterdir())
    with locked(path):
        clear_lock(path)
        assert list(tmp_path.iterdir()) == [path.with_name(".scores.tsv.lock")]


def test_a_folder_that_was_moved_aside_by_a_killed_process_is_put_back(tmp_path: Path, dead: int) -> None:
    path = tmp_path / "set"
    left(path, "old", dead).mkdir()
    (left(path, "old", dead) / "utterances.tsv").touch()
    left(path, "tmp", dead).mkdir()
    with locked(path):
        assert [file.name for file in path.iterdir()] == ["utterances.tsv"]
    left(path, "old", dead).mkdir()  # killed after the new one was in place
    with locked(path):
        pass
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_put_in_place_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, replace = tmp_path / "set", os.replace
    path.mkdir()
    (path / "old").touch()

    def refuse(source: Path, target: Path) -> None:
        if str(source).endswith(".tmp"):
            raise OSError(errno.EIO, "Input/output error")
        replace(source, target)

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="Input/output error"), writing_folder(path):
        pass
    assert [file.name for file in path.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [path]


def test_an_array_is_written_as_numpy_writes_it(tmp_path: Path) -> None:
    array = np.arange(6, dtype=np.float32).reshape(3, 2)[::-1]
    write_array(tmp_path / "ours.npy", array)
    np.save(tmp_path / "numpys.npy", np.ascontiguousarray(array))
    assert (tmp_path / "ours.npy").read_bytes() == (tmp_path / "numpys.npy").read_bytes()
    np.testing.assert_array_equal(read_array(tmp_path / "ours.npy", "again"), array)
