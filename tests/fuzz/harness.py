"""Runs readers on changed files in a child process, with a bound on its memory and on the time of each case.

The outcome of a case is `ok` (the file was read), `refused` (one of svtok's own errors), or a fault: `crash` (another
exception), `died` (the process ended), `hang` (over the time limit). Nothing but the first two is right.
"""

from __future__ import annotations

import json
import math
import os
import resource
import select
import shutil
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from svtok.errors import SvtokError
from tests.fuzz.mutate import mutated
from tests.fuzz.targets import TARGETS, Target

MEMORY = 2 << 30
"""Bytes that a reader may take beyond what the process had when it began (address space)."""
SECONDS = 10
"""Time of the processor that a case may take."""
MOST_SECONDS = 300
"""Time by the clock, on a machine with other work, after which a case is ended."""


@dataclass
class Counts:
    """Outcomes, the cases that are at fault, and the growth of the process's memory."""

    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    most_memory: tuple[int, str] = (0, "none")
    longest: tuple[float, str] = (0.0, "none")

    def of(self, outcome: str) -> int:
        """How many cases of all targets ended so."""
        return sum(number for (name, number) in self.outcomes.items() if name.endswith(f" {outcome}"))


class Corpus:
    """A valid folder of each target, and changed copies of it.

    Args:
        root: an empty folder.
        names: of the targets.
    """

    def __init__(self, root: Path, names: Sequence[str]) -> None:
        self.root, self.names = root, names
        self.contents: dict[tuple[str, str], bytes] = {}
        for name in names:
            folder = root / name
            folder.mkdir(parents=True)
            TARGETS[name].write(folder)
            TARGETS[name].read(folder)
            for file in TARGETS[name].files:
                self.contents[name, file] = (folder / file).read_bytes()

    def case(self, seed: str) -> tuple[str, str, bytes]:
        """The target, the file and the content of a case; the same for the same seed and targets."""
        random = Random(seed)
        name = random.choice(self.names)
        file = random.choice(TARGETS[name].files)
        return name, file, mutated(self.contents[name, file], list(self.contents.values()), random)

    def folder(self, name: str, file: str, content: bytes, place: Path) -> Path:
        """A copy of a target's folder in which one file has another content."""
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(self.root / name, place, symlinks=True)
        (place / file).write_bytes(content)
        return place


def outcome_of(target: Target, folder: Path) -> tuple[str, str]:
    """`ok`, `refused` or `crash`, and the error."""
    try:
        target.read(folder)
    except SvtokError as error:
        return "refused", str(error)
    except BaseException:
        return "crash", traceback.format_exc()
    return "ok", ""


def run(corpus: Corpus, seeds: Iterator[str], kept: Path, counts: Counts) -> None:
    """Run a case for each seed, and count; contents that are at fault are written to the folder `kept`."""
    waiting: str | None = next(seeds, None)
    while waiting is not None:
        waiting = _run_child(corpus, waiting, seeds, kept, counts)


def _run_child(corpus: Corpus, first: str, seeds: Iterator[str], kept: Path, counts: Counts) -> str | None:
    """Cases in one child, until there are no more or one of them ends it; the seed to go on with."""
    (ask_read, ask_write), (answer_read, answer_write) = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ask_write)
        os.close(answer_read)
        _child(corpus, ask_read, answer_write)
    os.close(ask_read)
    os.close(answer_write)
    asks, answers = os.fdopen(ask_write, "w"), os.fdopen(answer_read, "r")
    seed: str | None = first
    try:
        while seed is not None:
            name, file, content = corpus.case(seed)
            print(seed, file=asks, flush=True)
            ready, _, _ = select.select([answers], [], [], MOST_SECONDS)
            line = answers.readline() if ready else ""
            if not line:
                ended = "died" if ready else "hang"
                _fault(counts, ended, name, file, seed, content, kept, f"of {name}, {file}")
                return next(seeds, None)
            outcome, grown, seconds, text = json.loads(line)
            counts.most_memory = max(counts.most_memory, (grown, f"{name}/{file}, case {seed}"))
            counts.longest = max(counts.longest, (seconds, f"{name}/{file}, case {seed}"))
            if seconds > SECONDS:
                outcome, text = "hang", f"{seconds:.0f} s of the processor\n{text}"
            if outcome in ("crash", "hang"):
                _fault(counts, outcome, name, file, seed, content, kept, text)
            else:
                counts.outcomes[f"{name} {outcome}"] += 1
            seed = next(seeds, None)
        return None
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        asks.close()
        answers.close()


def _child(corpus: Corpus, asks: int, answers: int) -> None:
    """Read a seed a line, and answer with the outcome of its case. Never returns."""
    try:
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1), os.dup2(silent, 2)
        limit_memory()
        place = corpus.root / f"case-{os.getpid()}"
        with os.fdopen(asks) as lines, os.fdopen(answers, "w") as stream:
            for line in lines:
                name, file, content = corpus.case(line.rstrip("\n"))
                folder = corpus.folder(name, file, content, place)
                before, started = _resident(), time.process_time()
                outcome, text = outcome_of(TARGETS[name], folder)
                grown, seconds = max(0, _resident() - before), time.process_time() - started
                print(json.dumps([outcome, grown, seconds, text]), file=stream, flush=True)
    finally:
        os._exit(1)


def limit_memory(more: int = MEMORY) -> None:
    """Let this process have no more than so many bytes beyond those that it has."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + more
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _resident() -> int:
    """The most memory that this process ever held, bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _fault(
    counts: Counts, outcome: str, name: str, file: str, seed: str, content: bytes, kept: Path, text: str
) -> None:
    counts.outcomes[f"{name} {outcome}"] += 1
    counts.faults.append(f"{outcome}: {name}, {file}, case {seed}: {text.strip().splitlines()[-1]}")
    kept.mkdir(parents=True, exist_ok=True)
    stem = kept / f"{name}--{Path(file).name}--{seed}"
    stem.with_name(stem.name + ".bin").write_bytes(content)
    stem.with_name(stem.name + ".txt").write_text(text)


def in_child(work: Callable[[], None], *, memory: int = MEMORY, seconds: int = SECONDS) -> int:
    """The exit status of a child that does some work: 0, or -N where the signal N ended it.

    Args:
        work: raises where something is wrong.
        memory: bytes that it may take.
        seconds: time of the processor that it may take (SIGXCPU), or thirty times that by the clock (SIGALRM).
    """
    child = os.fork()
    if child == 0:
        try:
            limit_memory(memory)
            used = math.ceil(time.process_time())
            resource.setrlimit(resource.RLIMIT_CPU, (used + seconds, used + seconds))
            signal.alarm(30 * seconds)
            work()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
