"""Timing two implementations in turn in one process, so that both see the same state of the machine."""

from __future__ import annotations

import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import click

COUNT = click.IntRange(min=1)
"""The type of an option that counts something."""
F = TypeVar("F", bound=Callable[..., Any])


def rounds_option(default: int) -> Callable[[F], F]:
    """--rounds, of every benchmark that compares."""
    text = "Rounds; the medians over them are printed."
    return click.option("--rounds", default=default, show_default=True, type=COUNT, help=text)


class Comparison(NamedTuple):
    """Median times of the same work, in seconds, and how many times faster ours is: the median over the rounds."""

    what: str
    peer: str
    peer_seconds: float
    our_seconds: float
    ratio: float


def compare(
    what: str,
    peer: str,
    *,
    theirs: Callable[[], object],
    ours: Callable[[], object],
    rounds: int,
    items: tuple[int, int] = (1, 1),
) -> Comparison:
    """Time both, one after the other, in each of `rounds` rounds, after a round that does not count.

    Times are divided by `items`: how many items theirs and ours work on in one call, where these differ.
    """
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds + 1):
        for function, count, seconds in zip((theirs, ours), items, times, strict=True):
            started = time.perf_counter()
            function()
            seconds.append((time.perf_counter() - started) / count)
    their_times, our_times = times[0][1:], times[1][1:]
    ratios = [slow / fast for slow, fast in zip(their_times, our_times, strict=True)]
    return Comparison(what, peer, *map(statistics.median, (their_times, our_times, ratios)))


def show(comparisons: list[Comparison], *, unit: str, per: float, json_file: Path | None) -> None:
    """Print the table, times divided by `per` in microseconds a `unit`; write it as JSON too where a file is named."""
    click.echo(f"| what | peer | peer, us/{unit} | svtok, us/{unit} | times faster |\n|---|---|---|---|---|")
    for row in comparisons:
        theirs, ours = (seconds / per * 1e6 for seconds in (row.peer_seconds, row.our_seconds))
        click.echo(f"| {row.what} | {row.peer} | {theirs:.2f} | {ours:.2f} | {row.ratio:.2f} |")
    if json_file:
        from svtok.files import write_text

        rows = [row._asdict() for row in comparisons]
        content = {"machine": platform.processor() or platform.machine(), "comparisons": rows}
        write_text(json_file, json.dumps(content, indent=1) + "\n")
