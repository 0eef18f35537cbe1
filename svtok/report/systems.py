"""The systems of a report: what a folder of exp/ holds of a system, as far as it is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pandas as pd

from svtok.config import load_yaml
from svtok.errors import SvtokError
from svtok.fresh import NOTE, command_of
from svtok.manifest.sets import PreparedSet
from svtok.report.findings import HardTrial, Measured, Trials, Worst, hardest, measure, worst
from svtok.trained.folder import CONFIG, LOG, read_training_log

MOST_WORST = 10
"""Speakers, and phrases, that are listed of a system."""


@dataclass(frozen=True)
class System:
    """A system by its name, and what there is of it."""

    name: str
    folder: Path
    measured: Measured | None
    speakers: list[Worst]
    phrases: list[Worst]
    hard: list[HardTrial]
    log: pd.DataFrame | None
    config: Mapping[str, str]
    """The fields of config.yaml, each with the sections around it before it, and their values as text."""
    commands: list[str]
    """What was called to make it, as far as it is stored."""

    @property
    def has_tokens(self) -> bool:
        """Whether it is a network, trained to its end, with tokens that attend."""
        from svtok.nets.config import TOKEN_HEADS
        from svtok.trained.folder import WEIGHTS

        return self.config.get("network.head") in TOKEN_HEADS and (self.folder / WEIGHTS).is_file()


def read_system(
    name: str,
    folder: Path,
    trials: Trials | None,
    columns: Sequence[str],
    *,
    scores: str,
    false_accept_rate: float | None,
    resamples: int,
    seed: int,
    hard: int,
) -> System:
    """What a folder holds of a system.

    Args:
        name: what the report calls it.
        folder: with any of a table of scores, a training log and a configuration.
        trials: of the set whose trials were scored.
        columns: groups of these trials.
        scores: the name of the table of scores in the folder.
        false_accept_rate: see `findings.measure`; so are the next two.
        resamples: for intervals.
        seed: of these.
        hard: how many false accepts, and false rejects, are shown.

    Raises:
        SvtokError: there is nothing of a system in the folder, or what is there is damaged or of other trials.
    """
    table, config = folder / scores, folder / CONFIG
    there = [path.is_file() for path in (table, config, folder / LOG)]
    if not any(there):
        raise SvtokError(
            f"{folder}: holds nothing to report on (no {scores}, {LOG} or {CONFIG}); --scores names another table of "
            "scores"
        )
    measured, speakers, phrases, hardest_ones = None, [], [], []
    if there[0] and trials is not None:
        measured = measure(
            table,
            trials.prepared,
            columns,
            false_accept_rate=false_accept_rate,
            resamples=resamples,
            seed=seed,
        )
        speakers = worst(measured, trials, "spk", MOST_WORST)
        phrases = worst(measured, trials, "phrase", MOST_WORST)
        hardest_ones = hardest(measured, trials, hard)
    return System(
        name=name,
        folder=folder,
        measured=measured,
        speakers=speakers,
        phrases=phrases,
        hard=hardest_ones,
        log=read_training_log(folder) if there[2] else None,
        config=dict(_fields(load_yaml(config))) if there[1] else {},
        commands=list(dict.fromkeys(_commands(folder, trials.prepared if trials else None))),
    )


def _fields(tree: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(tree, Mapping) and tree:
        for name, value in tree.items():
            yield from _fields(value, f"{prefix}.{name}" if prefix else str(name))
    else:
        yield prefix, "-" if tree is None else str(tree)


def _commands(folder: Path, prepared: PreparedSet | None) -> Iterator[str]:
    """The commands whose notes lie with the corpus of a set and with what a folder holds, in the order of the notes."""
    corpus = [prepared.folder.absolute().parent / NOTE] if prepared and prepared.folder else []
    notes = [path for pattern in (f"*{NOTE}", f"*/{NOTE}", f"*/*/{NOTE}") for path in folder.glob(pattern)]
    for note in [*corpus, *sorted(notes, key=lambda path: path.stat().st_mtime_ns)]:
        command = command_of(note)
        if command:
            yield command


def recordings_of(systems: Sequence[System]) -> list[str]:
    """The utterances of the hardest trials, each once: those of every system's hardest first."""
    rounds = zip_longest(*(_farthest_first(system.hard) for system in systems))
    trials = [trial for trials in rounds for trial in trials if trial is not None]
    return list(dict.fromkeys(utt for trial in trials for utt in (trial.test, trial.enrolled)))


def _farthest_first(hard: Sequence[HardTrial]) -> list[HardTrial]:
    """False accepts and false rejects in turn."""
    kinds = [[trial for trial in hard if trial.kind == kind] for kind in ("false accept", "false reject")]
    return [trial for pair in zip_longest(*kinds) for trial in pair if trial is not None]
