"""Kills svtok's commands at random moments, runs them again, and compares what they leave with a run in peace.

A command runs in a fork of this process, in which torch and svtok are loaded: what is killed is its work, not the
start of an interpreter. It leads a group of processes, its workers, of which all are killed (a machine that goes down)
or, every other time, the command alone (a system short of memory).
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import numpy as np
import soundfile

import svtok
from svtok.files import sha256_of_files

CONFIG = """\
features: {bands: 8}
network: {front_end: {channels: 4, blocks: [8]}, layers: 1, attention_heads: 2, memory: {slots: 4, key_dim: 4}}
training: {epochs: 4, batch_size: 4, precision: fp32}
"""
STAGES: dict[str, tuple[str, ...]] = {
    "prepare": ("prepare", "table", "--csv", "mine.csv", "--enroll-takes", "2", "--jobs", "1"),
    "extract-features": ("extract-features", "--data", "data/mine", "--config", "conf.yaml", "--jobs", "2"),
    "train": ("train", "--config", "conf.yaml", "--head", "cls-sampled", "--device", "cpu"),
    "train-student": (
        *("train-student", "--joint", "--config", "conf.yaml", "--out", "exp/student", "--device", "cpu"),
        *("--set", "training.waveform.speeds=[0.9]", "--set", "training.keep=best"),
    ),
    "extract-embeddings": ("extract-embeddings", "--network", "exp/cls-sampled", "--device", "cpu"),
    "score": ("score", "--embeddings", "exp/cls-sampled/embeddings/eval", "--out", "exp/cls-sampled/scores.tsv"),
    "evaluate": (
        *("evaluate", "--scores", "exp/cls-sampled/scores.tsv", "--resamples", "100"),
        *("--json", "exp/cls-sampled/eval.json", "--det", "exp/cls-sampled/det.png"),
    ),
}
"""The commands, in the order in which data walks through them."""
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


def contents(work: Path) -> dict[str, str]:
    """The SHA-256 of each file below a folder, hidden ones included.

    A training's log is compared without its seconds. The curves for TensorBoard are left out: they hold times.
    """
    found = {}
    for file in sorted(path for path in work.rglob("*") if path.is_file() and "tensorboard" not in path.parts):
        name = str(file.relative_to(work))
        if file.name == "training.jsonl":
            rows = [json.loads(line) for line in file.read_text().splitlines()]
            found[name] = json.dumps([{key: row[key] for key in row if key not in TIMES} for row in rows])
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
    os.setsid()
    log = os.open(work.parent / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
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


def run(work: Path, stage: str) -> float:
    """Run a stage to its end; how long that took, s. RuntimeError where it fails."""
    started = time.monotonic()
    if (status := wait(start(work, STAGES[stage]))) != 0:
        raise RuntimeError(f"{stage}: exit status {status}; {(work.parent / 'log.txt').read_text()[-2000:]}")
    return time.monotonic() - started


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
        if alone:
            os.kill(child, signal.SIGKILL)
        else:
            os.killpg(child, signal.SIGKILL)
        status = wait(child)
        if status == -signal.SIGKILL:
            return True
    if status != 0:
        raise RuntimeError(f"{stage}: exit status {status}; {(work.parent / 'log.txt').read_text()[-2000:]}")
    return False


def prepared(root: Path, say: Callable[[str], None]) -> dict[str, tuple[Path, float]]:
    """By stage: a copy of the work folder as it is after that stage in peace, and how long the stage took."""
    warm()
    work = root / "peace" / "work"
    work.mkdir(parents=True)
    write_recordings(work)
    after = {"": (_kept(work, root / "after" / "start"), 0.0)}
    for stage in STAGES:
        seconds = run(work, stage)
        say(f"{stage}: {seconds:.2f} s in peace")
        after[stage] = _kept(work, root / "after" / stage), seconds
    return after


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
        wanted: kills of each stage.
        say: gets a line on each stage.
    """
    after = prepared(root, say)
    before = dict(zip(STAGES, ["", *STAGES], strict=False))
    work = root / "torment" / "work"
    for stage in stages:
        wished, seconds = contents(after[stage][0]), after[stage][1]
        counts.kills[stage] = counts.ends[stage] = 0
        while counts.kills[stage] < wanted:
            shutil.rmtree(work, ignore_errors=True)
            shutil.copytree(after[before[stage]][0], work, copy_function=shutil.copy2)
            counts.kills[stage] += sum(_kills(work, stage, seconds, random, wanted - counts.kills[stage]))
            run(work, stage)
            counts.ends[stage] += 1
            found = contents(work)
            for name in sorted(wished.keys() | found.keys()):
                if wished.get(name) != found.get(name):
                    what = "is missing" if name not in found else "is left" if name not in wished else "differs"
                    counts.faults.append(f"{stage}: {name} {what}")
        say(f"{stage}: {counts.kills[stage]} kills, {counts.ends[stage]} ends, {len(counts.faults)} faults so far")


def _kills(work: Path, stage: str, seconds: float, random: Random, most: int) -> Iterator[bool]:
    """Some kills in a row, one to five, of which each goes on with what the one before left."""
    for _ in range(min(most, random.randint(1, 5))):
        killed = kill(work, stage, random.uniform(0, 1.1 * seconds), alone=random.random() < 0.5)
        yield killed
        if not killed:  # it had ended
            return
