"""What many runs of a system tell together: means, their intervals by resampling speakers, differences of two systems.

Draw b of a fold's speakers is the same for every system and seed, so the mean of a draw over runs is what the mean
would be for other speakers, and of the difference of two systems it is the difference for the same other speakers. The
folds' speakers are drawn independently of each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import fmean, stdev
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from svtok.errors import SvtokError
from svtok.experiments.results import Row
from svtok.metrics import resampled_interval
from svtok.metrics.bootstrap import Interval

Pair = tuple[int, int]
"""Fold and seed."""
Runs = Mapping[Pair, Row]
"""The rows of one system in one condition."""


class Mean(NamedTuple):
    """The mean of a rate, or of a difference of rates, over runs; fractions. None: it has no interval."""

    value: float
    interval: Interval | None
    runs: int


def runs_of(rows: Iterable[Row], system: str, condition: str) -> Runs:
    """The runs of a system that ended well and were evaluated in a condition."""
    return {(row.fold, row.seed): row for row in rows if row.system == system and row.condition == condition}


def mean_eer(runs: Runs) -> Mean | None:
    """The mean EER with its 95 % interval; None without runs. As of any error rate, there is no interval of 0."""
    if not runs:
        return None
    value = fmean(eer_of(row) for row in runs.values())
    interval = resampled_interval(_mean_draws(runs.values()), value) if value else None
    return Mean(value, interval, len(runs))


def mean_difference(runs: Runs, others: Runs) -> Mean | None:
    """The mean EER minus that of another system, over the folds and seeds that both have; None where there are none."""
    both = sorted(runs.keys() & others.keys())
    if not both:
        return None
    mine, theirs = [runs[pair] for pair in both], [others[pair] for pair in both]
    value = fmean(map(eer_of, mine)) - fmean(map(eer_of, theirs))
    return Mean(value, resampled_interval(_mean_draws(mine) - _mean_draws(theirs), value), len(both))


def seed_deviation(runs: Runs) -> float | None:
    """The standard deviation over the seeds of the mean over those folds that all seeds have; None for one seed."""
    folds_of = {seed: {fold for fold, other in runs if other == seed} for _, seed in runs}
    folds = set.intersection(*folds_of.values()) if folds_of else set()
    if len(folds_of) < 2 or not folds:
        return None
    return stdev(fmean(eer_of(runs[fold, seed]) for fold in folds) for seed in folds_of)


def eer_of(row: Row) -> float:
    """The EER of a row that has one."""
    assert row.eer is not None  # as every row with a condition has
    return row.eer


def _mean_draws(rows: Iterable[Row]) -> NDArray[np.float64]:
    """The mean over runs of each draw (R,), NaN where one tells nothing; (0,) where a run has no draws."""
    draws = [row.draws for row in rows]
    lengths = {len(each) for each in draws}
    if 0 in lengths:
        return np.empty(0)
    if len(lengths) > 1:
        raise SvtokError(
            f"the rows hold different numbers of draws ({sorted(lengths)}): no common intervals can be told"
        )
    return np.mean(draws, axis=0)
