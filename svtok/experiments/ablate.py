"""Many runs at once, each a few commands one after the other; all are stopped together."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Lock
from types import FrameType, MappingProxyType
from typing import NoReturn, TypeVar

import torch

from svtok.errors import SvtokError
from svtok.experiments.commands import Command, check_inputs, commands, training_command
from svtok.experiments.measure import PACKAGE_ROOT, about_run, commit_of_checkout, hardware_name, rows_of
from svtok.experiments.plan import Plan, Run, run_key
from svtok.experiments.results import Row, put_results, read_results
from svtok.files import write_text
from svtok.parallel import default_jobs
from svtok.ranks import ALONE, Ranks

Item = TypeVar("Item")

OF_RANKS = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
"""The environment by which svtok knows that several processes do one command."""


class Children:
    """Calls of svtok as processes of their own, `threads` threads each, which can be stopped together.

    Args:
        work: the folder where they run.
        threads: of each.
        gpu: more of their environment: which GPU they see.
    """

    def __init__(self, work: Path, threads: int, gpu: Mapping[str, str] = MappingProxyType({})) -> None:
        self.work = work
        path = os.pathsep.join(filter(None, [str(PACKAGE_ROOT), os.environ.get("PYTHONPATH")]))
        of_threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
        own = {name: value for name, value in os.environ.items() if name not in OF_RANKS}  # a run is of one process
        self.environment: Mapping[str, str] = {**own, **of_threads, **gpu, "PYTHONPATH": path}
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped = False
        self._lock = Lock()

    def call(self, arguments: Sequence[str], log: Path) -> None:
        """Run `svtok ARGUMENTS` in the work folder, its output appended to `log`.

        Raises SvtokError with its error where it does not end well or was stopped.
        """
        command = [sys.executable, "-m", "svtok", *arguments]
        with open(log, "ab") as stream:
            stream.write(f"$ svtok {' '.join(arguments)}\n".encode())
            stream.flush()
            begin = stream.tell()
            with self._lock:
                if self._stopped:
                    raise SvtokError("stopped")
                child = subprocess.Popen(
                    command, cwd=self.work, env=self.environment, stdout=stream, stderr=stream, stdin=subprocess.DEVNULL
                )
                self._running.add(child)
            code = child.wait()
        with self._lock:
            self._running.discard(child)
        if code != 0:
            raise SvtokError(f"svtok {arguments[0]}: {_error_in(log, begin)} (exit code {code})")

    def stop(self) -> None:
        """End all processes that run, and begin no more."""
        with self._lock:
            self._stopped = True
            for child in self._running:
                child.terminate()


def _error_in(log: Path, begin: int) -> str:
    """What a command said last: from its error on, or its last line."""
    with open(log, "rb") as stream:
        stream.seek(begin)
        lines = [line.strip() for line in stream.read().decode(errors="replace").splitlines() if line.strip()]
    errors = [place for place, line in enumerate(lines) if line.lower().startswith("error:")]
    if errors:
        return " | ".join(lines[errors[-1] :]).removeprefix("error: ").removeprefix("Error: ")
    return lines[-1] if lines else "said nothing"


def in_pool(
    items: Sequence[Item],
    work: Callable[[Item], None],
    *,
    jobs: int,
    needs: Callable[[Item], Sequence[Item]],
    stop: Callable[[], None],
) -> Generator[tuple[Item, SvtokError | None], None, None]:
    """Work on the items in their order, several at once; yields each as it ends, with its error.

    Args:
        items: what is to be worked on; one begins when those of them that it needs have ended, well or not.
        work: is called with each; may raise SvtokError.
        jobs: how many at once.
        needs: the items that one needs.
        stop: must end what runs; is called where the caller goes away, or an error other than SvtokError comes up.
    """
    waiting, running = list(items), dict[Future[None], Item]()
    with ThreadPoolExecutor(jobs) as pool:
        try:
            while waiting or running:
                unfinished = {*waiting, *running.values()}
                ready = [item for item in waiting if not unfinished.intersection(needs(item))]
                for item in ready[: jobs - len(running)]:
                    waiting.remove(item)
                    running[pool.submit(work, item)] = item
                ended, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in ended:
                    yield running.pop(future), _error_of(future)
        except BaseException:
            stop()
            raise


def _error_of(future: Future[None]) -> SvtokError | None:
    try:
        future.result()
    except SvtokError as error:
        return error
    return None


LONGEST_ERROR = 500


@dataclass
class Ablation:
    """A plan that is run in a work folder, its results in a file.

    Args:
        plan: what is to be run.
        work: the folder that holds data/ and feats/, and gets exp/.
        results: the file of results, which may be there.
        device: where networks are trained and read.
        is_up_to_date: whether a call of svtok in the work folder would find its output up to date.
        jobs: how many runs at once; None: as many as the machine bears.
        ranks: the processes that do this plan together, each some of the runs, on one file system.
        say: prints a line on how it goes.
    """

    plan: Plan
    work: Path
    results: Path
    device: torch.device
    is_up_to_date: Callable[[Command], bool]
    jobs: int | None = None
    say: Callable[[str], None] = print
    ranks: Ranks = ALONE
    begun: dict[Run, float] = field(default_factory=dict)
    commits: dict[Run, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.jobs is None:
            self.jobs = self.plan.gpu_jobs if self.device.type == "cuda" else default_jobs()
        threads = max(1, default_jobs() // self.jobs)
        self.hardware = hardware_name(self.device, threads)
        gpu = {"CUDA_VISIBLE_DEVICES": _visible_gpu(self.device.index)} if self.device.index is not None else {}
        self.children = Children(self.work.absolute(), threads, gpu)

    def run(self, asked: Sequence[Run]) -> None:
        """Run what is left of the runs asked for, and of those whose networks they need; of several processes, each
        does its part.

        Raises:
            ProblemsError: sets or features are missing; before anything runs.
            SvtokError: some runs failed, which it names; at the end.
        """
        with self.ranks.locked(self.work / "exp" / "ablation"):
            self._run_left(asked)

    def _run_left(self, asked: Sequence[Run]) -> None:
        everything = self.ranks.first(lambda: self.left(asked))
        check_inputs(self.plan, everything, self.work)
        left = [run for group in self.ranks.share(self.apart(everything)) for run in group]
        of = "" if self.ranks.world == 1 else f" of {len(everything)}, by {self.ranks}"
        self.say(f"{len(asked)} runs asked for, {len(left)} left{of}, {self.jobs} at once on {self.hardware}")
        failed = []
        with _ended_by_sigterm():
            pool = in_pool(left, self._work, jobs=self.jobs or 1, needs=self.needs, stop=self.children.stop)
            with closing(pool):
                for ended, (run, error) in enumerate(pool, start=1):
                    rows = self._keep(run, error)
                    failed += [run] if rows[0].error else []
                    self.say(f"ended {run}: {_in_words(rows)}; {self._outlook(ended, len(left))}")
        self.ranks.first(partial(_refuse_failed, self.ranks.gather(failed), len(everything)))

    def apart(self, runs: Sequence[Run]) -> list[list[Run]]:
        """Runs in groups, in their order, none of which needs a network of another group."""
        groups: list[list[Run]] = []
        for run in runs:
            linked = [
                group
                for group in groups
                if any(other in self.needs(run) or run in self.needs(other) for other in group)
            ]
            groups = [group for group in groups if group not in linked]
            groups.append(sorted([run, *(other for group in linked for other in group)]))
        return sorted(groups)

    def left(self, asked: Sequence[Run]) -> list[Run]:
        """The runs without results of the present plan, and those whose networks these need and that are missing.

        Results whose run has left no folder here are taken as they are; else all that it wrote must be up to date.
        """
        done = {(*row.run, row.settings) for row in read_results(self.results) if row.error is None}
        keys = {name: run_key(self.plan, name) for name in self.plan.systems}
        left = {
            run
            for run in asked
            if (run.system, run.fold, run.seed, keys[run.system]) not in done
            or ((self.work / run.folder).exists() and not all(map(self.is_up_to_date, self._commands(run))))
        }
        waiting = list(left)
        while waiting:
            for needed in self.needs(waiting.pop()):
                if needed not in left and not self.has_network(needed):
                    left.add(needed)
                    waiting.append(needed)
        return sorted(left)

    def needs(self, run: Run) -> list[Run]:
        """The runs whose networks a run needs."""
        owners = [owner for other in self.plan.systems[run.system].used for owner in self.plan.networks_of(other)]
        return [run.of(self.plan, owner) for owner in dict.fromkeys(owners)]

    def has_network(self, run: Run) -> bool:
        """Whether the network that the plan asks for is there, trained on the present sets and features."""
        return self.is_up_to_date(training_command(self.plan, run, self.device.type))

    def _commands(self, run: Run) -> list[Command]:
        return commands(self.plan, run, self.device.type)

    def _work(self, run: Run) -> None:
        """All commands of a run. Raises SvtokError with the first error."""
        self.begun[run], self.commits[run] = time.monotonic(), commit_of_checkout()
        for needed in self.needs(run):
            if not self.has_network(needed):
                raise SvtokError(f"needs the network of {needed}, which has failed")
        self.say(f"begun {run}")
        log = self.work / run.folder / "log.txt"
        write_text(log, "")
        for command in self._commands(run):
            self.children.call(command, log)

    def _keep(self, run: Run, error: SvtokError | None) -> list[Row]:
        """Write the rows of a run that ended; returns them."""
        made_by = {"hardware": self.hardware, "commit": self.commits[run]}
        try:
            if error:
                raise error
            rows = rows_of(self.plan, run, self.work, **made_by)
        except SvtokError as problem:
            text = self._without_places(str(problem))[:LONGEST_ERROR]
            rows = [Row(**about_run(self.plan, run), condition=None, error=text, **made_by)]
        with _one_at_a_time(self.work):
            put_results(self.results, rows)
        return rows

    def _without_places(self, text: str) -> str:
        """One line of text, without the places of things on this machine."""
        for folder in (self.work.absolute(), PACKAGE_ROOT):
            text = text.replace(f"{folder}/", "")
        return text.replace("\n", " | ")

    def _outlook(self, ended: int, total: int) -> str:
        """What is left, and about how long it takes if runs go on to end as they did so far."""
        if ended == total:
            return "none left"
        hours = (time.monotonic() - min(self.begun.values())) / ended * (total - ended) / 3600
        return f"{total - ended} left, about {hours:.1f} h"


def _in_words(rows: Sequence[Row]) -> str:
    if rows[0].error:
        return f"FAILED, {rows[0].error}"
    return ", ".join(f"{row.condition} {100 * row.eer:.2f} %" for row in rows if row.eer is not None)


def _refuse_failed(failed: Sequence[Sequence[Run]], runs: int) -> None:
    """Raise SvtokError where runs of any process have failed."""
    if names := [str(run) for each in failed for run in each]:
        raise SvtokError(f"{len(names)} of {runs} runs failed: {', '.join(names)}; the same command tries them again")


def _visible_gpu(index: int) -> str:
    """What CUDA_VISIBLE_DEVICES must be for a child to see one GPU alone, which has that number here."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    return given.split(",")[index].strip() if given else str(index)


@contextmanager
def _one_at_a_time(work: Path) -> Iterator[None]:
    """Wait for other processes of this ablation that write the results."""
    path = work / "exp" / ".results.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8") as stream:
        with suppress(OSError):  # no locks on this file system: then one process is what works
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """End as by Ctrl-C on SIGTERM, so that no process is left behind."""

    def interrupt(number: int, frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
