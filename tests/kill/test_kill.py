"""A command that is killed and called again leaves what one that ran in peace leaves, byte for byte: a short form of
`python -m tests.kill`; and full disks, folders that cannot be written, two writers, clocks that go backwards."""

from __future__ import annotations

import builtins
import errno
import fcntl
import io
import itertools
import os
import resource
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.kill.harness import STAGES, Counts, contents, kill, run, start, torment, wait, warm, write_recordings

pytestmark = pytest.mark.slow

CHAIN = ["prepare", "extract-features", "train", "extract-embeddings", "score"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work folder in which the stages of `CHAIN` have ended."""
    warm()
    work = tmp_path_factory.mktemp("finished") / "work"
    work.mkdir()
    write_recordings(work)
    for stage in CHAIN:
        run(work, STAGES[stage])
    shutil.copytree(work, work.with_name("kept"), copy_function=shutil.copy2)
    return work.with_name("kept")


@pytest.fixture
def work(finished: Path) -> Path:
    """A copy of it, with the times of its files, where the stages have run: tables hold whole paths."""
    work = finished.with_name("work")
    shutil.rmtree(work)
    shutil.copytree(finished, work, copy_function=shutil.copy2)
    return work


def make_undone(work: Path, stage: str) -> None:
    """Let a stage have work to do, over what it left; of a training, remove that."""
    for note in work.rglob("*.made.json"):
        note.unlink()
    if stage == "extract-features":
        shutil.rmtree(work / "feats")
    if stage == "train":
        shutil.rmtree(work / "exp")


def call(work: Path, stage: str, before: Callable[[], object]) -> tuple[int | None, str]:
    """The exit status of a stage, and what it prints; in its process something is done before."""
    reading, writing = os.pipe()  # not a file, whose size may be limited

    def first() -> None:
        os.dup2(writing, 1)
        os.dup2(writing, 2)
        before()

    child = start(work, STAGES[stage], first)
    os.close(writing)
    with open(reading, encoding="utf-8") as stream:
        printed = stream.read()
    return wait(child), printed


def test_stages_that_are_killed_and_run_again(tmp_path: Path) -> None:
    counts = Counts()
    torment(tmp_path, ["extract-features", "train"], Random(0), counts, 3, print)
    assert not counts.faults
    assert sum(counts.kills.values()) == 6


@pytest.mark.parametrize("stage", CHAIN)
def test_a_full_disk_is_an_error_and_leaves_what_was_there(work: Path, stage: str) -> None:
    make_undone(work, stage)
    before = contents(work)
    status, printed = call(work, stage, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)))
    assert (status, contents(work)) == (1, before), printed
    assert "error: the disk is full while writing" in printed
    assert "Traceback" not in printed


def make_read_only() -> None:
    """Let this process write no file: stands for a file system that is mounted so, which root cannot write either."""

    def refusing(function: Any, writes: Callable[..., bool]) -> Any:
        def call(path: Any, *more: Any, **named: Any) -> Any:
            if writes(*more, **named):
                raise OSError(errno.EROFS, os.strerror(errno.EROFS), os.fspath(path))
            return function(path, *more, **named)

        return call

    def for_writing(mode: str = "r", *more: object, **named: object) -> bool:
        return not {*"wax+"}.isdisjoint(mode)

    builtins.open = io.open = refusing(open, for_writing)
    os.open = refusing(os.open, lambda flags, *more, **named: bool(flags & os.O_CREAT))
    for name in ("mkdir", "replace", "rename", "unlink", "rmdir"):
        setattr(os, name, refusing(getattr(os, name), lambda *more, **named: True))


@pytest.mark.parametrize("stage", CHAIN)
def test_a_folder_that_cannot_be_written_is_an_error_and_leaves_what_was_there(work: Path, stage: str) -> None:
    make_undone(work, stage)
    before = contents(work)
    status, printed = call(work, stage, make_read_only)
    assert (status, contents(work)) == (1, before), printed
    assert "Read-only file system" in printed.splitlines()[-1]
    assert "Traceback" not in printed


@pytest.mark.parametrize("stage", CHAIN)
def test_what_is_up_to_date_needs_no_writing(work: Path, stage: str) -> None:
    status, printed = call(work, stage, make_read_only)
    assert (status, "up to date" in printed) == (0, True), printed


def test_a_second_writer_is_refused_and_the_first_goes_on(finished: Path, work: Path) -> None:
    make_undone(work, "train")
    first = start(work, STAGES["train"])
    end = time.monotonic() + 300
    while not (work / "exp/.cls-sampled.lock").exists():
        assert time.monotonic() < end
        time.sleep(0.001)
    status, printed = call(work, "train", lambda: None)
    assert (status, "another command is writing it" in printed) == (1, True), printed
    assert wait(first) == 0
    assert same_but_notes(work, finished)


def same_but_notes(work: Path, finished: Path) -> bool:
    """Whether all in a work folder is as it was in the finished one, but for notes; `make_undone` has removed some."""
    found, wished = ({k: v for k, v in contents(folder).items() if "made.json" not in k} for folder in (work, finished))
    removed = [name for name in wished.keys() - found.keys() if not name.startswith("exp/cls-sampled/")]
    return not removed and all(wished.get(name) == content for name, content in found.items())


def test_a_lock_is_not_left_by_a_kill(work: Path) -> None:
    make_undone(work, "train")
    assert kill(work, "train", 0.05, alone=True)
    run(work, STAGES["train"])
    assert not list(work.rglob("*.lock"))


def without_locks() -> None:
    """Let the file system have no locks."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    fcntl.flock = refuse


@pytest.mark.parametrize("stage", ["extract-features", "train", "score"])
def test_a_file_system_without_locks_is_warned_of_and_changes_nothing(finished: Path, work: Path, stage: str) -> None:
    make_undone(work, stage)
    status, printed = call(work, stage, without_locks)
    assert (status, "written without a lock" in printed) == (0, True), printed
    assert same_but_notes(work, finished)


def set_back() -> None:
    """Let the clock go backwards, by an hour with each look at it."""
    hours = itertools.count()
    time.time = lambda: 1e9 - 3600 * next(hours)
    time.time_ns = lambda: int(time.time() * 1e9)


@pytest.mark.parametrize("stage", CHAIN)
def test_a_clock_that_goes_backwards_changes_nothing(finished: Path, work: Path, stage: str) -> None:
    make_undone(work, stage)
    status, printed = call(work, stage, set_back)
    assert status == 0, printed
    assert same_but_notes(work, finished)


def outputs(work: Path) -> Iterator[Path]:
    return (path for folder in ("data", "feats", "exp") for path in (work / folder).rglob("*"))


@pytest.mark.parametrize("when", [0, 4e9])
def test_outputs_older_or_younger_than_their_inputs_are_up_to_date(work: Path, when: float) -> None:
    for path in outputs(work):
        os.utime(path, (when, when))
    for stage in CHAIN:
        status, printed = call(work, stage, lambda: None)
        assert (status, "up to date" in printed) == (0, True), (stage, printed)
