"""The male evaluation trials of RSR2015 Part II at their full number, through the commands of svtok, each a process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from svtok.manifest.sets import PreparedSet, write_set

SPEAKERS, PHRASES, TESTS = 57, 30, 10_248
"""Of the published protocol: 9,202,704 trials (A. Larcher et al., "Text-dependent speaker verification: classifiers,
databases and RSR2015", Speech Communication 60, 2014; the sum of all types is that of the lists)."""


class Step(NamedTuple):
    """What one process took."""

    name: str
    seconds: float
    peak_gb: float


def run_full_size(work: Path, speakers: int) -> list[Step]:
    """Make the set and random embeddings, score its trials and evaluate the scores; raises where a process fails."""
    svtok, data = [sys.executable, "-m", "svtok"], str(work / "data/eval")
    embeddings, scores = str(work / "embeddings"), str(work / "scores.tsv")
    return [
        _measured("prepare", [sys.executable, "-m", "benchmarks.full_size", data, str(speakers)]),
        _measured("embeddings", [*svtok, "synthesize", "embeddings", "--data", data, "--out", embeddings]),
        _measured("score", [*svtok, "score", "--embeddings", embeddings, "--data", data, "--out", scores]),
        _measured("evaluate", [*svtok, "evaluate", "--scores", scores, "--data", data]),
    ]


def _measured(name: str, command: list[str]) -> Step:
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"{' '.join(command)} ended with status {os.waitstatus_to_exitcode(status)}")
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes elsewhere
    return Step(name, time.perf_counter() - started, usage.ru_maxrss * unit / 1e9)


def write_eval_set(folder: Path, speakers: int) -> int:
    """Write the models, tests and trials of so many speakers; returns the number of trials.

    Each test is tried on its own model, the 29 others of its speaker, the models of its phrase of all other speakers,
    and by turns 14 and 15 of the other phrases of each of these.
    """
    names = [f"m{101 + speaker}" for speaker in range(speakers)]
    phrases = [f"{31 + phrase:03d}" for phrase in range(PHRASES)]
    models = pd.DataFrame([(f"{spk}_{phrase}", spk, phrase) for spk in names for phrase in phrases])
    models.columns = pd.Index(["model", "spk", "phrase"])
    takes = {s: models.assign(utt=models["spk"] + f"_{s:02d}_" + models["phrase"]) for s in range(1, 10)}
    models["utts"] = takes[1]["utt"] + " " + takes[4]["utt"] + " " + takes[7]["utt"]
    tests = pd.concat([takes[session] for session in (2, 3, 5, 6, 8, 9)])[:TESTS]
    enrolled = pd.concat([takes[session] for session in (1, 4, 7)])
    utterances = pd.concat([tests, enrolled])[["utt", "spk", "phrase"]].assign(path="none.wav")
    impostor = np.subtract.outer(_codes(tests["spk"], names), np.arange(speakers)) % speakers  # (T, S), 0: the speaker
    wrong = np.subtract.outer(_codes(tests["phrase"], phrases), np.arange(PHRASES)) % PHRASES  # (T, P), 0: the phrase
    tried = (
        (impostor == 0)[:, :, None] | (wrong <= 14)[:, None] | ((wrong == 15)[:, None] & (impostor % 2 == 0)[..., None])
    )
    test, model = np.nonzero(tried.reshape(len(tests), -1))  # (T, S, P) -> (T, M)
    columns = {"model": (model, models["model"]), "utt": (test, tests["utt"])}
    trials = {name: pd.Categorical.from_codes(codes, pd.Index(values)) for name, (codes, values) in columns.items()}
    write_set(PreparedSet(utterances, models, pd.DataFrame(trials)), folder)
    return len(test)


def _codes(column: pd.Series, values: list[str]) -> NDArray[np.int64]:
    return column.map({value: code for code, value in enumerate(values)}).to_numpy()


if __name__ == "__main__":
    print(write_eval_set(Path(sys.argv[1]), int(sys.argv[2])))
