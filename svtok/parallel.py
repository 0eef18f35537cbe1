"""The same work on many items, over processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import TypeVar

from svtok.errors import SvtokError
from svtok.ranks import current_ranks

T = TypeVar("T")
R = TypeVar("R")

ITEMS_AHEAD = 16
"""Items that each process is given before the oldest result is asked for: enough that none waits for work."""


def default_jobs() -> int:
    """Processes to use when the user does not say: the processors that this process may run on, or its part of them
    where several work together on this machine (`svtok.ranks`)."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, there // current_ranks().local_world)


def _start_worker() -> None:
    """Let Ctrl-C reach the parent alone, keep each worker to one thread (the workers are the parallelism), and end it
    where the parent is killed: it would wait for work for ever."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ["MKL_NUM_THREADS"] = "1"


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def map_in_processes(function: Callable[[T], R], items: Sequence[T], *, jobs: int) -> Iterator[R]:
    """The same work on many items. With one job, or one item, no process is started.

    Memory holds ITEMS_AHEAD items and results a process, however many items there are.

    Args:
        function: importable by name: a module-level function, or a functools.partial of one.
        items: what it is called with, one after the other.
        jobs: processes at a time.

    Returns:
        The results, in the order of the items.

    Raises:
        SvtokError: a process was ended from outside, as a system without memory does.
        Exception: what `function` raises, and KeyboardInterrupt; work that has not begun is cancelled.
    """
    if jobs <= 1 or len(items) <= 1:
        yield from map(function, items)
        return
    context = multiprocessing.get_context("spawn")  # fork after torch has started threads can hang
    jobs = min(jobs, len(items))
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_start_worker) as pool:
        waiting = iter(items)
        futures = deque(pool.submit(function, item) for item in islice(waiting, ITEMS_AHEAD * jobs))
        try:
            while futures:
                result = futures.popleft().result()
                futures.extend(pool.submit(function, item) for item in islice(waiting, 1))
                yield result
        except BrokenProcessPool:
            raise SvtokError(
                "a working process was ended from outside, as where memory runs out: run again with fewer --jobs"
            ) from None
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
