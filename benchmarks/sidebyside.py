"""Timing two implementations in turn in one process, so that both see the same state of the machine."""

from __future__ import annotations

import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import click


class Comparison(NamedTuple):
    """Median times of the same work, in seconds, and how many times faster ours is: the ratio of the medians."""

    what: str
    peer: str
    peer_seconds: float
    our_seconds: float

    @property
    def ratio(self) -> float:
        return self.peer_seconds / self.our_seconds


def compare(
    what: str, peer: str, *, theirs: Callable[[], object], ours: Callable[[], object], rounds: int
) -> Comparison:
    """Time both, one after the other, in each of `rounds` rounds, after a round that does not count."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds + 1):
        for function, seconds in zip((theirs, ours), times, strict=True):
            started = time.perf_counter()
            function()
            seconds.append(time.perf_counter() - started)
    medians = [statistics.median(seconds[1:]) for seconds in times]
    return Comparison(what, peer, *medians)


def show(comparisons: list[Comparison], *, unit: str, per: float, json_file: Path | None) -> None:
    """Print the table, times divided by `per` in microseconds a `unit`; write it as JSON too where a file is named."""
    click.echo(f"| what | peer | peer, us/{unit} | svtok, us/{unit} | times faster |\n|---|---|---|---|---|")
    for row in comparisons:
        theirs, ours = (seconds / per * 1e6 for seconds in (row.peer_seconds, row.our_seconds))
        click.echo(f"| {row.what} | {row.peer} | {theirs:.2f} | {ours:.2f} | {row.ratio:.2f} |")
    if json_file:
        from svtok.files import write_text

        rows = [{**row._asdict(), "ratio": row.ratio} for row in comparisons]
        content = {"machine": platform.processor() or platform.machine(), "comparisons": rows}
        write_text(json_file, json.dumps(content, indent=1) + "\n")
