"""Kills svtok's commands at random moments, runs them again, and compares what they leave with a run in peace.

A command runs in a fork of this process, in which torch and svtok are loaded: what is killed is its work, not the
start of an interpreter. It leads a group of processes, its workers, of which all are killed (a machine that goes down)
or, every other time, the command alone (a system short of memory).
"""

from __future__ import annotations

import importlib
import json
import math
import os
import shutil
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np
import soundfile

import svtok
from svtok.files import sha256_of_files

CONFIG = """\
features: {bands: 8}
network: {front_end: {channels: 4, blocks: [8]}, layers: 1, attention_heads: 2, memory: {slots: 4, key_dim: 4}}
training: {epochs: 4, batch_size: 4, precision: fp32}
"""
SCORES = ("--scores", "exp/cls-sampled/scores.tsv")
VERIFIER = ("--network", "exp/verifier", "--speaker", "s1", "--phrase", "open")
STAGES: dict[str, tuple[str, ...]] = {
    "prepare": ("prepare", "table", "--csv", "mine.csv", "--enroll-takes", "2", "--jobs", "1"),
    "extract-features": ("extract-features", "--data", "data/mine", "--config", "conf.yaml", "--jobs", "2"),
    "train": ("train", "--config", "conf.yaml", "--head", "cls-sampled", "--device", "cpu"),
    "train-student": (
        *("train-student", "--joint", "--config", "conf.yaml", "--out", "exp/student", "--device", "cpu"),
        *("--set", "training.waveform.speeds=[0.9]", "--set", "training.keep=best"),
    ),
    "train-workers": (
        *("train", "--config", "conf.yaml", "--head", "avg", "--out", "exp/workers", "--device", "cpu"),
        *("--set", "training.workers=1", "--set", "training.epochs=2"),
    ),
    "extract-embeddings": ("extract-embeddings", "--network", "exp/cls-sampled", "--device", "cpu"),
    "score": ("score", "--embeddings", "exp/cls-sampled/embeddings/eval", "--out", "exp/cls-sampled/scores.tsv"),
    "evaluate": (
        *("evaluate", *SCORES, "--resamples", "100"),
        *("--json", "exp/cls-sampled/eval.json", "--det", "exp/cls-sampled/det.png"),
    ),
    "calibrate": ("calibrate", "fit", *SCORES, "--data", "data/mine/eval", "--out", "exp/calibration.yaml"),
    "fuse": ("fuse", "fit", *SCORES, "--scores", "other.tsv", "--data", "data/mine/eval", "--out", "exp/fusion.yaml"),
    "fit-scorer": (
        *("fit-scorer", "--embeddings", "exp/cls-sampled/embeddings/eval", "--data", "data/mine/eval"),
        *("--out", "exp/cls-sampled/scorer"),
    ),
    "enroll": ("enroll", *VERIFIER, "say-0.wav", "say-1.wav", "say-2.wav"),
    "remove": ("voices", "remove", "--speaker", "s1"),
}
"""The commands, in the order in which data walks through them."""
BEFORE = {
    "fuse": ("score", "--embeddings", "exp/cls-sampled/embeddings/eval", "--enroll", "mean-score", "--out", "other.tsv")
}
"""What is called once, in peace, before a stage."""
ONCE = ("enroll", "remove")
"""Those that refuse to do again what is done: the same recording is no second take, and who is removed is unknown."""
SHARES = {"train-workers": 0.25}
"""Of the kills that a stage gets beside another: it starts processes that load torch, and takes long."""
TIMES = ("seconds",)
"""What the log of a training says of the clock, which no two runs share."""


@dataclass
class Counts:
    """By stage: how many kills, how many ends, and what was not as it should be."""

    kills: dict[str, int] = field(default_factory=dict)
    ends: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def warm() -> None:
    """Load what the stages load, once for all forks."""
    from svtok.audio.torchaudio_guard import import_torchaudio

    import_torchaudio()
    for name in ("matplotlib.pyplot", "scipy.stats", "torch._dynamo"):  # the last by the first step of an optimiser
        importlib.import_module(name)
    for room in ("cli", "corpora", "features", "training", "embeddings", "scoring", "report"):
        folder = Path(svtok.__file__).parent / room
        for file in sorted(folder.rglob("*.py")):
            name = ".".join(file.relative_to(folder.parents[1]).with_suffix("").parts)
            importlib.import_module(name.removesuffix(".__init__"))


def write_recordings(work: Path, *, takes: int = 3) -> None:
    """A list of recordings of noisy tones, six speakers by two phrases, and a configuration."""
    random, seconds = np.random.default_rng(0), np.arange(4000) / 16000
    lines = ["path,spk,phrase,set"]
    for number, name in enumerate(("train", "train", "dev", "dev", "eval", "eval")):
        for pitch, phrase in ((200, "no"), (400, "yes")):
            for take in range(takes):
                wave = np.sin(2 * np.pi * (pitch + 60 * number) * seconds) + 0.05 * random.standard_normal(4000)
                soundfile.write(work / f"{number}-{phrase}-{take}.wav", 0.3 * wave, 16000)
                lines.append(f"{number}-{phrase}-{take}.wav,s{number},{phrase},{name}")
    (work / "mine.csv").write_text("\n".join(lines) + "\n")
    (work / "conf.yaml").write_text(CONFIG)


def write_verifier(work: Path) -> None:
    """A network that nobody trained, with its scorer, and recordings to enroll."""
    from tests.verifier.conftest import RATE, fit, spoken, write_dev, write_network

    write_network(work / "exp/verifier")
    write_dev(work / "voices/dev")
    fit(work / "exp/verifier", work / "voices/dev")
    for take in range(3):
        soundfile.write(work / f"say-{take}.wav", spoken("s1", "open", take), RATE)


def voices_in(store: Path) -> str:
    """All that a store of voices holds but for the times, and whether it is whole."""
    with closing(sqlite3.connect(store)) as connection:
        whole = connection.execute("PRAGMA integrity_check").fetchall()
        about = connection.execute("SELECT * FROM about").fetchall()
        takes = connection.execute("SELECT speaker, phrase, embedding, states FROM takes ORDER BY id").fetchall()
    return str((whole, about, takes))


def contents(work: Path) -> dict[str, str]:
    """The SHA-256 of each file below a folder, hidden ones included.

    A training's log is compared without its seconds, a store of voices by what it holds. The curves for TensorBoard are
    left out: they hold times.
    """
    found = {}
    for file in sorted(path for path in work.rglob("*") if path.is_file() and "tensorboard" not in path.parts):
        name = str(file.relative_to(work))
        if file.name == "training.jsonl":
            rows = [json.loads(line) for line in file.read_text().splitlines()]
            found[name] = json.dumps([{key: row[key] for key in row if key not in TIMES} for row in rows])
        elif file.suffix == ".db":
            found[name] = voices_in(file)
        else:
            found[name] = sha256_of_files([file])
    return found


def start(work: Path, arguments: Sequence[str], before: Callable[[], object] = lambda: None) -> int:
    """The process of a command in a folder; it leads a group of its own, and prints to `work/../log.txt`.

    Args:
        work: the folder.
        arguments: of `svtok`.
        before: is called first, in the process of the command.
    """
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    os.setpgrp()
    log = os.open(work.parent / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")  # pytest has put others there
    os.chdir(work)
    sys.argv = ["svtok", *arguments]
    from svtok.cli.main import main

    try:
        before()
        main()
    except SystemExit as stop:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(stop.code if isinstance(stop.code, int) else 1)
    except BaseException:
        import traceback

        traceback.print_exc()
        os._exit(1)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def wait(child: int, seconds: float | None = None) -> int | None:
    """The exit status of a child; None where it has not ended after some seconds."""
    end = None if seconds is None else time.monotonic() + seconds
    while end is None or time.monotonic() < end:
        ended, status = os.waitpid(child, 0 if end is None else os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.001)
    return None


def run(work: Path, arguments: Sequence[str], allowed: Sequence[int] = (0,)) -> float:
    """Call svtok and wait for its end; how long that took, s. RuntimeError where it ends with a status not allowed."""
    started = time.monotonic()
    if (status := wait(start(work, arguments))) not in allowed:
        raise RuntimeError(f"{' '.join(arguments)}: exit status {status}; {log_of(work)}")
    return time.monotonic() - started


def log_of(work: Path) -> str:
    """The end of what the commands in a folder have printed."""
    return (work.parent / "log.txt").read_text()[-2000:]


def kill(work: Path, stage: str, after: float, *, alone: bool) -> bool:
    """Start a stage, and kill it after some seconds; False where it had ended before.

    Args:
        work: the work folder.
        stage: one of `STAGES`.
        after: seconds.
        alone: kill the command and not its workers, which must end by themselves.
    """
    child = start(work, STAGES[stage])
    status = wait(child, after)
    if status is None:
        if not alone:
            with suppress(ProcessLookupError):  # it leads no group yet
                os.killpg(child, signal.SIGKILL)
        os.kill(child, signal.SIGKILL)
        status = wait(child)
        if status == -signal.SIGKILL:
            return True
    if status not in statuses(stage):
        raise RuntimeError(f"{stage}: exit status {status}; {log_of(work)}")
    return False


def statuses(stage: str) -> tuple[int, ...]:
    """How a stage may end that is called again."""
    return (0, 1) if stage in ONCE else (0,)


class Peace(NamedTuple):
    """A stage in peace: copies of the work folder before and after it, and how long it took, s."""

    before: Path
    after: Path
    seconds: float


def prepared(root: Path, stages: Sequence[str], say: Callable[[str], None]) -> dict[str, Peace]:
    """Each stage in peace, of all that come before the last one asked for."""
    warm()
    work, peace = root / "work", {}
    work.mkdir()
    write_recordings(work)
    names = list(STAGES)
    if not {"enroll", "remove"}.isdisjoint(stages):
        write_verifier(work)
    for stage in names[: 1 + max(map(names.index, stages))]:
        if stage in BEFORE:
            run(work, BEFORE[stage])
        before = _kept(work, root / "before" / stage)
        seconds = run(work, STAGES[stage])
        peace[stage] = Peace(before, _kept(work, root / "after" / stage), seconds)
        say(f"{stage}: {seconds:.2f} s in peace")
    return peace


def _kept(work: Path, to: Path) -> Path:
    shutil.copytree(work, to, copy_function=shutil.copy2)
    return to


def torment(
    root: Path, stages: Sequence[str], random: Random, counts: Counts, wanted: int, say: Callable[[str], None]
) -> None:
    """Kill each stage so many times, and compare each end with that in peace.

    Args:
        root: an empty folder.
        stages: some of `STAGES`.
        random: draws the moments, evenly over the time that the stage takes in peace.
        counts: is added to.
        wanted: kills of each stage, but for `SHARES`.
        say: gets a line on each stage.
    """
    peace, work = prepared(root, stages, say), root / "work"  # the same place: tables hold whole paths
    for stage in stages:
        wished, most = contents(peace[stage].after), math.ceil(SHARES.get(stage, 1) * wanted)
        counts.kills[stage] = counts.ends[stage] = 0
        seconds = peace[stage].seconds
        while counts.kills[stage] < most:
            shutil.rmtree(work)
            shutil.copytree(peace[stage].before, work, copy_function=shutil.copy2)
            left = most - counts.kills[stage]
            killed, seconds = _kills(work, stage, seconds, random, left)
            counts.kills[stage] += killed
            run(work, STAGES[stage], statuses(stage))
            counts.ends[stage] += 1
            found = contents(work)
            for name in sorted(wished.keys() | found.keys()):
                if wished.get(name) != found.get(name):
                    what = "is missing" if name not in found else "is left" if name not in wished else "differs"
                    counts.faults.append(f"{stage}: {name} {what}")
                    say(counts.faults[-1])
        say(f"{stage}: {counts.kills[stage]} kills, {counts.ends[stage]} ends, {len(counts.faults)} faults so far")


def _kills(work: Path, stage: str, seconds: float, random: Random, most: int) -> tuple[int, float]:
    """Some kills in a row, one to five, of which each goes on with what the one before left.

    Returns how many there were, and about how long the stage takes: less than before, where it had ended too early.
    """
    for number in range(min(most, random.randint(1, 5))):
        began = time.monotonic()
        if not kill(work, stage, random.uniform(0, 1.1 * seconds), alone=random.random() < 0.5):
            return number, seconds if number else min(seconds, time.monotonic() - began)
    return number + 1, seconds
