"""The same work on many items, over processes."""

import math

import pytest

from svtok.parallel import default_jobs, map_in_processes


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
