"""The evaluation trials of RSR2015 Part II at their full number, of both genders, through the commands of svtok."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import click

from benchmarks.table import Row

SVTOK = (sys.executable, "-m", "svtok")
SMALL = ("--speakers", "4", "--dev-speakers", "4", "--eval-speakers", "8")
MOST_GB, MOST_SECONDS = 1.2, 30
"""What the evaluation may take."""


class Step(NamedTuple):
    """What one process took."""

    name: str
    seconds: float
    peak_gb: float


@click.command("full_size")
@click.option("--full/--quick", default=True, show_default=True, help="quick: a few speakers, to try it out.")
def full_size(full: bool) -> None:
    """Prepare the lists of all sets, and score and evaluate all evaluation trials with random embeddings, each command
    a process: how long it takes, and its most memory.

    \b
    Example:
      python -m benchmarks full_size
    """
    click.echo("| command | s | GB at most |\n|---|---|---|")
    with TemporaryDirectory() as folder:
        for step in run_full_size(Path(folder), full=full):
            click.echo(f"| {step.name} | {step.seconds:.1f} | {step.peak_gb:.2f} |")


def run_full_size(work: Path, *, full: bool) -> list[Step]:
    """Prepare, score and evaluate. Raises CalledProcessError where a process fails."""
    lists, corpus, embeddings = str(work / "lists"), work / "data", str(work / "embeddings")
    test_set, scores = str(corpus / "eval"), str(work / "scores.tsv")
    size = ("--scale", "full") if full else SMALL
    _run([*SVTOK, "synthesize", "rsr2015", "--part", "2", "--lists-only", *size, "--out", lists])
    prepare = ["prepare", "rsr2015", "--part", "2", "--no-audio", "--root", lists, "--out", str(corpus)]
    steps = [_run([*SVTOK, *prepare])]
    _run([*SVTOK, "synthesize", "embeddings", "--data", test_set, "--out", embeddings])
    steps.append(_run([*SVTOK, "score", "--embeddings", embeddings, "--data", test_set, "--out", scores]))
    steps.append(_run([*SVTOK, "evaluate", "--scores", scores, "--data", test_set]))
    return steps


def _run(command: list[str]) -> Step:
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes elsewhere
    return Step(command[len(SVTOK)], time.perf_counter() - started, usage.ru_maxrss * unit / 1e9)


def rows() -> Iterator[Row]:
    """For the table: of the evaluation."""
    with TemporaryDirectory() as folder:
        step = run_full_size(Path(folder), full=True)[-1]
    work = "evaluating RSR2015 Part II, both genders, with intervals"
    yield Row(f"{work}: memory", f"the limit of {MOST_GB} GB", MOST_GB / step.peak_gb, 1, f"{step.peak_gb:.2f} GB")
    yield Row(
        f"{work}: time", f"the limit of {MOST_SECONDS} s", MOST_SECONDS / step.seconds, 1, f"{step.seconds:.0f} s"
    )
