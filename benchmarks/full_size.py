"""The male evaluation trials of RSR2015 Part II at their full number, through the commands of svtok, each a process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

SVTOK = (sys.executable, "-m", "svtok")
SMALL = ("--speakers", "4", "--dev-speakers", "4", "--eval-speakers", "8")


class Step(NamedTuple):
    """What one process took."""

    name: str
    seconds: float
    peak_gb: float


def run_full_size(work: Path, *, full: bool) -> list[Step]:
    """Prepare the lists of all sets, and score and evaluate the male evaluation trials with random embeddings.

    Lists of the published size have 9,202,704 such trials. Raises CalledProcessError where a process fails.
    """
    lists, corpus, male = str(work / "lists"), work / "data", str(work / "male/eval")
    embeddings, scores = str(work / "embeddings"), str(work / "scores.tsv")
    size = ("--scale", "full") if full else SMALL
    _run([*SVTOK, "synthesize", "rsr2015", "--part", "2", "--lists-only", *size, "--out", lists])
    prepare = ["prepare", "rsr2015", "--part", "2", "--no-audio", "--root", lists, "--out", str(corpus)]
    steps = [_run([*SVTOK, *prepare])]
    _run([sys.executable, "-m", "benchmarks.full_size", str(corpus / "eval"), male])
    _run([*SVTOK, "synthesize", "embeddings", "--data", male, "--out", embeddings])
    steps.append(_run([*SVTOK, "score", "--embeddings", embeddings, "--data", male, "--out", scores]))
    steps.append(_run([*SVTOK, "evaluate", "--scores", scores, "--data", male]))
    return steps


def _run(command: list[str]) -> Step:
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise subprocess.CalledProcessError(os.waitstatus_to_exitcode(status), command)
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes elsewhere
    return Step(command[len(SVTOK)], time.perf_counter() - started, usage.ru_maxrss * unit / 1e9)


def write_male_part(folder: Path, out: Path) -> None:
    """Write the part of a prepared set that has male models and male tests."""
    from svtok.manifest.sets import read_set, without_utterances, write_set

    prepared = read_set(folder)
    others = prepared.utterances["gender"] != "m"
    write_set(without_utterances(prepared, set(prepared.utterances["utt"][others])), out)


if __name__ == "__main__":
    write_male_part(Path(sys.argv[1]), Path(sys.argv[2]))
