"""The results of an ablation: a JSON list, one row for each condition of each run; and what many runs say together."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_serializer, field_validator

from svtok.config import Section, load_json, validated
from svtok.errors import SvtokError
from svtok.files import write_text
from svtok.metrics import resampled_interval
from svtok.metrics.bootstrap import Interval

CONDITIONS = ("TC-vs-IC", "TC-vs-TW", "TC-vs-IW", "pooled")
RESAMPLED = ("TC-vs-IC", "TC-vs-TW")
"""The conditions whose rows hold the EER of each draw of the speakers."""


UNIT = 10_000
"""A draw's EER of 0.0843 stands in the file as 843, in 16 bits."""
NO_EER = 0xFFFF
"""What stands in the file for a draw without an EER."""


class Row(Section):
    """The error rates of one run in one condition; or, without a condition, that the run failed. Fractions, seconds."""

    system: str
    fold: int
    seed: int
    condition: str | None
    """None: the run failed, `error` says why, and there are no numbers."""
    targets: int | None = None
    nontargets: int | None = None
    eer: float | None = None
    dcf08: float | None = None
    parameters: int | None = None
    """Of the network; of a fusion, of all its networks together."""
    seconds: float | None = None
    """Of training, all epochs together; 0 for a system that trains no network."""
    hardware: str
    """The processor and the number of threads, or the GPU."""
    precision: str | None = None
    """The arithmetic that its networks were trained in: fp32 or bf16, as `auto` was settled by the processor or GPU.
    None without networks, and of older rows."""
    commit: str
    settings: str
    """Hash of what the plan asks of the system, see `svtok.experiments.plan.run_key`."""
    test_set: str = "eval"
    """The set whose trials were evaluated."""
    corpus: str | None = None
    """Its caption, which says whether the speech is synthetic."""
    error: str | None = None
    speakers: int | None = None
    """How many evaluation speakers of the fold are drawn again in `eer_resampled`; not known of older rows."""
    eer_resampled: list[Annotated[float, Field(ge=0, le=1)] | None] | None = None
    """The EER in each draw of the fold's evaluation speakers, the same draws for all systems and seeds of the fold;
    None for a draw without one. They are most of the file, and so stand there packed: base64 of whole
    ten-thousandths, as unsigned 16-bit integers with the lower byte first."""

    @field_validator("eer_resampled", mode="before")
    @classmethod
    def _unpack(cls, draws: object) -> object:
        return _unpacked(draws) if isinstance(draws, str) else draws

    @field_serializer("eer_resampled")
    def _pack(self, draws: list[float | None] | None) -> str | None:
        return None if draws is None else _packed(draws)

    @property
    def run(self) -> tuple[str, int, int]:
        return self.system, self.fold, self.seed

    @property
    def draws(self) -> np.ndarray:
        """The EER in each draw (R,), NaN where it has none; (0,) where there are none."""
        return np.array(self.eer_resampled or [], dtype=np.float64)


def read_results(path: Path) -> list[Row]:
    """The rows of a results file; none where there is no file. Raises SvtokError where it is no such file."""
    if not path.exists():
        return []
    content = load_json(path)
    if not isinstance(content, list) or not all(isinstance(row, dict) for row in content):
        raise SvtokError(f"{path}: must be a list of rows, as `svtok ablate` writes it")
    return [validated(Row, row, f"{path}, row {number}") for number, row in enumerate(content, start=1)]


def write_results(path: Path, rows: Iterable[Row]) -> None:
    """Write the file, whole or not at all: one row a line, by system, fold, seed and condition."""
    ordered = sorted(rows, key=lambda row: (*row.run, _place(row.condition)))
    lines = ",\n".join(json.dumps(_fields(row), ensure_ascii=False, separators=(",", ":")) for row in ordered)
    write_text(path, f"[\n{lines}\n]\n")


def _place(condition: str | None) -> int:
    return CONDITIONS.index(condition) if condition in CONDITIONS else -1


def _fields(row: Row) -> dict[str, object]:
    """The row without the fields of few rows, where it has none."""
    few = ("error", "eer_resampled", "speakers", "precision")
    return {k: v for k, v in row.model_dump().items() if v is not None or k not in few}


def _packed(draws: Sequence[float | None]) -> str:
    units = [NO_EER if eer is None else round(UNIT * eer) for eer in draws]
    return b64encode(np.array(units, dtype="<u2").tobytes()).decode("ascii")


def _unpacked(text: str) -> list[float | None]:
    """Raises ValueError for what `_packed` has not written."""
    try:
        units = np.frombuffer(b64decode(text, validate=True), dtype="<u2")
    except ValueError as error:
        raise ValueError(f"is no base64 of 16-bit integers: {error}") from error
    return [None if unit == NO_EER else unit / UNIT for unit in units.tolist()]


def put_results(path: Path, rows: Sequence[Row]) -> None:
    """Put the rows of one run in the place of those that the file had of it."""
    write_results(path, [*(row for row in read_results(path) if row.run != rows[0].run), *rows])


Pair = tuple[int, int]
"""Fold and seed."""
Runs = Mapping[Pair, Row]
"""The rows of one system in one condition."""


class Mean(NamedTuple):
    """The mean of a rate, or of a difference of rates, over runs; fractions. None: it has no interval."""

    value: float
    interval: Interval | None
    runs: int
    speakers: int | None
    """How many are drawn again for the interval, those of all folds together; None where that is not known."""


def runs_of(rows: Iterable[Row], system: str, condition: str) -> Runs:
    """The runs of a system that ended well and were evaluated in a condition.

    Args:
        rows: those of any systems and conditions.
        system: its name in the plan.
        condition: the name of the condition.

    Returns:
        The row of each (fold, seed).
    """
    return {(row.fold, row.seed): row for row in rows if row.system == system and row.condition == condition}


def mean_eer(runs: Runs) -> Mean | None:
    """The mean EER with its 95 % interval; None without runs. As of any error rate, there is no interval of 0."""
    if not runs:
        return None
    value = fmean(eer_of(row) for row in runs.values())
    interval = resampled_interval(_mean_draws(runs.values()), value) if value else None
    return Mean(value, interval, len(runs), _speakers(runs))


def mean_difference(runs: Runs, others: Runs) -> Mean | None:
    """The mean EER minus that of another system, over the folds and seeds that both have; None where there are none."""
    both = sorted(runs.keys() & others.keys())
    if not both:
        return None
    mine, theirs = [runs[pair] for pair in both], [others[pair] for pair in both]
    value = fmean(map(eer_of, mine)) - fmean(map(eer_of, theirs))
    interval = resampled_interval(_mean_draws(mine) - _mean_draws(theirs), value)
    return Mean(value, interval, len(both), _speakers({pair: runs[pair] for pair in both}))


def _speakers(runs: Runs) -> int | None:
    """The evaluation speakers of all folds together; None where one fold does not say how many it has."""
    of_folds = {fold: row.speakers for (fold, _), row in runs.items()}
    known = [speakers for speakers in of_folds.values() if speakers is not None]
    return sum(known) if len(known) == len(of_folds) else None


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
    """The mean over runs of each draw (R,), NaN where one has none; (0,) where a run has no draws."""
    draws = [row.draws for row in rows]
    lengths = {len(each) for each in draws}
    if 0 in lengths:
        return np.empty(0)
    if len(lengths) > 1:
        raise SvtokError(f"the rows hold different numbers of draws ({sorted(lengths)}): there are no common intervals")
    return np.mean(draws, axis=0)
