"""A prepared set: the folder of one part (train, dev, eval) of a corpus, and its tables in memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from svtok.errors import SvtokError
from svtok.files import writing_folder
from svtok.manifest.tables import (
    read_models,
    read_trials,
    read_utterances,
    write_models,
    write_trials,
    write_utterances,
)

SETS = ("train", "dev", "eval")
UTTERANCES_FILE = "utterances.tsv"
MODELS_FILE = "models.tsv"
TRIALS_FILES = ("trials.tsv", "trials.parquet")
TABLE_FILES = (UTTERANCES_FILE, MODELS_FILE, *TRIALS_FILES)
MOST_TRIALS_IN_TSV = 2_000_000


@dataclass(frozen=True)
class PreparedSet:
    """The tables of one set. A relative path of an utterance is relative to `folder`."""

    utterances: pd.DataFrame
    models: pd.DataFrame | None = None
    trials: pd.DataFrame | None = None
    folder: Path | None = None


def read_set(folder: Path) -> PreparedSet:
    """Read a prepared set. Raises SvtokError where it is none, ProblemsError where a table breaks a rule."""
    if not is_set(folder):
        raise SvtokError(f"{folder}: not a prepared set (there is no {UTTERANCES_FILE}){_sets_inside(folder)}")
    models, trials = folder / MODELS_FILE, trials_file(folder)
    return PreparedSet(
        utterances=read_utterances(folder / UTTERANCES_FILE),
        models=read_models(models) if models.is_file() else None,
        trials=read_trials(trials) if trials else None,
        folder=folder,
    )


def write_set(prepared: PreparedSet, folder: Path) -> None:
    """Write the tables as a set, in place of the set that was there. The whole set is written, or nothing is.

    Relative paths of a set that was read from another folder become absolute. Raises SvtokError where `folder` holds
    anything but a prepared set, and ProblemsError for a table that breaks a rule.
    """
    refuse_other_files(folder, TABLE_FILES)
    utterances = prepared.utterances
    if prepared.folder is not None and prepared.folder.resolve() != folder.resolve():
        utterances = utterances.assign(path=[str(path.resolve()) for path in audio_paths(prepared)])
    with writing_folder(folder) as temporary:
        write_utterances(utterances, temporary / UTTERANCES_FILE)
        if prepared.models is not None:
            write_models(prepared.models, temporary / MODELS_FILE)
        if prepared.trials is not None:
            many = len(prepared.trials) > MOST_TRIALS_IN_TSV
            write_trials(prepared.trials, temporary / TRIALS_FILES[many])


def audio_paths(prepared: PreparedSet) -> list[Path]:
    """The audio file of each utterance, in the order of the table."""
    folder = prepared.folder or Path()
    return [folder / path for path in prepared.utterances["path"]]


def is_set(folder: Path) -> bool:
    return (folder / UTTERANCES_FILE).is_file()


def trials_file(folder: Path) -> Path | None:
    """The trial list of a set, if it has one. Raises SvtokError where it has two."""
    found = [folder / name for name in TRIALS_FILES if (folder / name).is_file()]
    if len(found) > 1:
        raise SvtokError(f"{folder}: both {' and '.join(TRIALS_FILES)} are there; remove one of them")
    return found[0] if found else None


def refuse_other_files(folder: Path, expected: Iterable[str]) -> None:
    """Raise SvtokError where a folder that is to be replaced holds anything that is not ours to remove."""
    if not folder.exists():
        return
    others = sorted(path.name for path in folder.iterdir() if path.name not in expected)
    if others:
        raise SvtokError(f"{folder}: holds other files ({', '.join(others[:5])}); name a new or an empty folder")


def _sets_inside(folder: Path) -> str:
    inside = [name for name in SETS if is_set(folder / name)]
    return f"; did you mean {' or '.join(str(folder / name) for name in inside)}?" if inside else ""
