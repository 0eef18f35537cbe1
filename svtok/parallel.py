"""The same work on many items, over processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def default_jobs() -> int:
    """Processes to use when the user does not say: the processors that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _start_worker() -> None:
    """Let Ctrl-C reach the parent alone, and keep each worker to one thread: the workers are the parallelism."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ["MKL_NUM_THREADS"] = "1"


def map_in_processes(function: Callable[[T], R], items: Sequence[T], *, jobs: int) -> Iterator[R]:
    """Results of `function` on each item, in the order of the items. With one job, no process is started.

    `function` must be importable by name (a module-level function or a functools.partial of one). On an error
    or Ctrl-C the work that has not begun is cancelled, and the exception goes to the caller.
    """
    if jobs <= 1 or len(items) <= 1:
        yield from map(function, items)
        return
    context = multiprocessing.get_context("spawn")  # fork after torch has started threads can hang
    with ProcessPoolExecutor(min(jobs, len(items)), mp_context=context, initializer=_start_worker) as pool:
        futures = [pool.submit(function, item) for item in items]
        try:
            for future in futures:
                yield future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
