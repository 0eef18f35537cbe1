"""How long whole commands take that have little to do: --help, evaluate of a small list, verify of one file."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import click

from benchmarks.sidebyside import rounds_option
from benchmarks.table import Row

LIMITS = {
    "svtok --help": 0.15,
    "svtok evaluate, 19,200 trials": 0.6,
    "svtok verify, one file of 3 s": 1.5,
    "svtok verify, one file of 3 s, exported network": 1.5,
}
"""Seconds that each may take."""
SVTOK = (sys.executable, "-m", "svtok")
SMALL = ("--speakers", "4", "--dev-speakers", "4", "--eval-speakers", "20")


class Started(NamedTuple):
    """What a whole process took, medians over the rounds: seconds on the clock, and of a processor."""

    command: str
    seconds: float
    processor: float


@click.command("startup")
@rounds_option(7)
def startup(rounds: int) -> None:
    """Whole processes from their start to their end, each command once a round; on one thread.

    \b
    Example:
      python -m benchmarks startup --rounds 15
    """
    click.echo("| command | s | s of a processor | limit, s |\n|---|---|---|---|")
    for found in measure(rounds):
        click.echo(f"| {found.command} | {found.seconds:.2f} | {found.processor:.2f} | {LIMITS[found.command]} |")


def measure(rounds: int) -> list[Started]:
    """What the commands of LIMITS take, after a round that does not count."""
    with TemporaryDirectory() as scratch:
        commands = dict(zip(LIMITS, ([*SVTOK, "--help"], *_prepare(Path(scratch))), strict=True))
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for _ in range(rounds + 1):
            for name, command in commands.items():
                times[name].append(_run(command))
    medians = ((name, *map(statistics.median, zip(*found[1:], strict=True))) for name, found in times.items())
    return [Started(*row) for row in medians]


def _prepare(folder: Path) -> list[list[str]]:
    """The commands evaluate and verify, with all that they read; verify by torch, and by onnxruntime."""
    import numpy as np
    import soundfile

    from svtok.verifier import Verifier

    lists, corpus, embeddings, scores = (str(folder / name) for name in ("lists", "data", "embeddings", "scores.tsv"))
    test_set = f"{corpus}/eval"
    for arguments in (
        ["synthesize", "rsr2015", "--part", "2", "--lists-only", *SMALL, "--out", lists],
        ["prepare", "rsr2015", "--part", "2", "--no-audio", "--root", lists, "--out", corpus],
        ["synthesize", "embeddings", "--data", test_set, "--out", embeddings],
        ["score", "--embeddings", embeddings, "--data", test_set, "--out", scores],
    ):
        _run([*SVTOK, *arguments])
    random, times, files = np.random.default_rng(0), np.arange(3 * 16000) / 16000, []
    for number in range(4):
        voice = sum(np.sin(2 * np.pi * 130 * k * times + random.uniform(0, 6)) / k for k in range(1, 20))
        files.append(folder / f"{number}.wav")
        noise = 1e-3 * random.standard_normal(len(times))
        soundfile.write(files[-1], 0.1 * voice * np.sin(4 * times) ** 2 + noise, 16000)
    store = folder / "voices.db"
    Verifier.load(store=store).enroll("speaker", "phrase", files[:3])
    exported = str(folder / "exported")
    _run([*SVTOK, "export", "--network", "pretrained", "--out", exported])
    verify = [*SVTOK, "verify", "--store", str(store), "--speaker", "speaker", str(files[3])]
    evaluate = [*SVTOK, "evaluate", "--scores", scores, "--data", test_set]
    return [evaluate, verify, [*verify, "--network", exported]]


def _run(command: list[str]) -> tuple[float, float]:
    """Seconds that a process takes, on the clock and of a processor. A recording may be rejected, which is 3."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = process.stderr.read() if process.stderr else b""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 3):
        raise subprocess.CalledProcessError(process.returncode, command, stderr=errors)
    return time.perf_counter() - started, usage.ru_utime + usage.ru_stime


def rows() -> Iterator[Row]:
    """For the table."""
    for found in measure(5):
        limit = LIMITS[found.command]
        what = f"{found.seconds:.2f} s ({found.processor:.2f} s of a processor)"
        yield Row(found.command, f"the limit of {limit} s", limit / found.seconds, 1, what)
