"""Many runs at once, each a few commands one after the other; all are stopped together."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from threading import Lock
from typing import TypeVar

import svtok
from svtok.errors import SvtokError

PACKAGE_ROOT = Path(svtok.__file__).resolve().parents[1]
"""Where svtok is imported from: here, and so in the processes begun in other folders."""
Item = TypeVar("Item")


class Children:
    """Calls of svtok as processes of their own, `threads` threads each, which can be stopped together."""

    def __init__(self, work: Path, threads: int) -> None:
        self.work = work
        path = os.pathsep.join(filter(None, [str(PACKAGE_ROOT), os.environ.get("PYTHONPATH")]))
        of_threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
        self.environment: Mapping[str, str] = {**os.environ, **of_threads, "PYTHONPATH": path}
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
    """Work on the items in their order, `jobs` at once; yields each as it ends, with its error.

    An item begins when those of the items that it needs have ended, well or not. `stop` is called, and must end what
    runs, where the caller goes away or an error other than SvtokError comes up.
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
