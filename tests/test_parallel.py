"""The same work on many items, over processes."""

import math
import operator
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from svtok.errors import SvtokError
from svtok.parallel import ITEMS_AHEAD, default_jobs, map_in_processes


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_come_in_the_order_of_the_items(jobs: int) -> None:
    assert list(map_in_processes(math.sqrt, [9.0, 4.0, 1.0], jobs=jobs)) == [3.0, 2.0, 1.0]


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_reaches_the_caller(jobs: int) -> None:
    results = map_in_processes(math.sqrt, [1.0, -1.0, 4.0], jobs=jobs)
    assert next(results) == 1
    with pytest.raises(ValueError, match=r"domain|nonnegative"):
        list(results)


def test_nothing_to_do_gives_nothing() -> None:
    assert list(map_in_processes(math.sqrt, [], jobs=4)) == []


def test_there_is_at_least_one_job() -> None:
    assert default_jobs() >= 1


class Counted(Sequence[int]):
    """So many numbers, of which it is known how many were asked for."""

    def __init__(self, length: int) -> None:
        self.length, self.asked = length, 0

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, place: Any) -> Any:
        if place >= self.length:
            raise IndexError
        self.asked += 1
        return place


def test_a_million_items_are_not_submitted_at_once() -> None:
    items = Counted(1_000_000)
    results = map_in_processes(operator.neg, items, jobs=2)
    assert [next(results) for _ in range(50)] == [-number for number in range(50)]
    assert items.asked == 50 + 2 * ITEMS_AHEAD
    del results  # which ends the work


def test_after_an_error_little_more_is_begun(tmp_path: Path) -> None:
    work = partial(touch_or_fail, tmp_path)
    with pytest.raises(ZeroDivisionError):
        list(map_in_processes(work, range(10_000), jobs=2))
    assert len(list(tmp_path.iterdir())) <= 3 + 2 * ITEMS_AHEAD


def touch_or_fail(folder: Path, number: int) -> float:
    (folder / str(number)).touch()
    return 1 / (3 - number)


def test_a_process_that_is_ended_from_outside_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(SvtokError, match=r"ended from outside.*fewer --jobs"):
        list(map_in_processes(os._exit, [1, 2, 3], jobs=2))


@pytest.mark.slow
def test_ctrl_c_ends_the_work_and_its_processes() -> None:
    script = """
import signal, time
from svtok.parallel import map_in_processes
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's background job ignores
    for second in map_in_processes(time.sleep, [0.05] * 100_000, jobs=2):
        print("working", flush=True)
"""
    command = [sys.executable, "-c", script]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "working\n"
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to all processes
        _, errors = process.communicate(timeout=60)  # which ends when no process holds the pipes any more
    assert errors.rstrip().endswith("KeyboardInterrupt")
