"""A prepared corpus: a folder with `corpus.yaml` and a prepared set for each of train, dev and eval; and its sets."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from svtok.config import Section, read_yaml, write_yaml
from svtok.errors import SvtokError, first_few
from svtok.files import writing_folder
from svtok.fresh import NOTE
from svtok.manifest.schema import codes_of
from svtok.manifest.tables import (
    enrollments,
    read_models,
    read_trials,
    read_utterances,
    write_models,
    write_trials,
    write_utterances,
)

if TYPE_CHECKING:
    import pandas as pd

FILE_NAME = "corpus.yaml"


class CorpusInfo(Section):
    """A corpus's name, whether its speech is synthetic (every table must say so), and a line on what it is."""

    name: str = Field(min_length=1, description="Of the corpus.")
    synthetic: bool = Field(False, strict=True, description="Whether its speech is synthetic.")
    description: str = Field("", description="A line on what it is.")

    @property
    def caption(self) -> str:
        """The corpus's name for the head of a table: synthetic speech is always called that."""
        return f"{self.name} (SYNTHETIC speech)" if self.synthetic else self.name


def write_corpus_info(folder: Path, info: CorpusInfo) -> None:
    """Write `corpus.yaml` into the folder of a prepared corpus (the parent of its sets)."""
    write_yaml(folder / FILE_NAME, info)


def read_corpus_info(folder: Path) -> CorpusInfo | None:
    """Read the `corpus.yaml` of a prepared corpus; None where there is none.

    Raises ProblemsError if the file is not YAML, lacks `name`, or has a key or a value that does not belong there.
    """
    path = folder / FILE_NAME
    if not path.exists():
        return None
    return read_yaml(CorpusInfo, path)


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

    def protocol(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Its models and its trials. Raises SvtokError where it has not both."""
        if self.models is None or self.trials is None:
            lacking = MODELS_FILE if self.models is None else TRIALS_FILES[0]
            raise SvtokError(
                f"{self.folder or 'the set'} has no models and trials ({lacking} is missing), which it takes to score "
                "and to evaluate"
            )
        return self.models, self.trials


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
        write_tables(replace(prepared, utterances=utterances), temporary)


def write_tables(prepared: PreparedSet, folder: Path) -> None:
    """Write the tables into a folder that is there, among other files of the set; paths as they stand.

    Raises ProblemsError for a table that breaks a rule.
    """
    write_utterances(prepared.utterances, folder / UTTERANCES_FILE)
    if prepared.models is not None:
        write_models(prepared.models, folder / MODELS_FILE)
    if prepared.trials is not None:
        many = len(prepared.trials) > MOST_TRIALS_IN_TSV
        write_trials(prepared.trials, folder / TRIALS_FILES[many])


def audio_paths(prepared: PreparedSet) -> list[Path]:
    """The audio file of each utterance, in the order of the table."""
    folder = prepared.folder or Path()
    return [folder / path for path in prepared.utterances["path"]]


def is_set(folder: Path) -> bool:
    """Whether a prepared set is there, by its table of utterances."""
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
    others = sorted({path.name for path in folder.iterdir() if not path.name.endswith(NOTE)} - set(expected))
    if others:
        raise SvtokError(f"{folder}: holds other files ({first_few(others)}); name a new or an empty folder")


def _sets_inside(folder: Path) -> str:
    inside = [name for name in SETS if is_set(folder / name)]
    return f"; did you mean {' or '.join(str(folder / name) for name in inside)}?" if inside else ""


def write_corpus(info: CorpusInfo, sets: Mapping[str, PreparedSet], folder: Path) -> None:
    """Write all sets of a corpus, in place of those that were there. The whole corpus is written, or nothing is.

    Args:
        info: what corpus.yaml is to say.
        sets: the sets by name, of `SETS`.
        folder: the prepared corpus.

    Raises:
        SvtokError: where `folder` holds anything but a prepared corpus.
        ProblemsError: for a table that breaks a rule.
    """
    refuse_other_files(folder, (*SETS, FILE_NAME))
    for name in SETS:
        refuse_other_files(folder / name, TABLE_FILES)
    with writing_folder(folder) as temporary:
        for name, prepared in sets.items():
            write_set(prepared, temporary / name)
        write_corpus_info(temporary, info)


def set_folders(folder: Path) -> list[Path]:
    """The sets that a folder holds, or the folder itself where it is a set. Raises SvtokError where there is none."""
    if is_set(folder):
        return [folder]
    inside = [folder / name for name in SETS if is_set(folder / name)]
    if not inside:
        raise SvtokError(
            f"{folder}: holds no prepared set (a folder with utterances.tsv, or {', '.join(SETS)} with it)"
        )
    return inside


def without_utterances(prepared: PreparedSet, absent: Collection[str]) -> PreparedSet:
    """The set without these utterances: models are enrolled with those of their utterances that are left, models
    without any are gone, and so are the trials of models and tests that are gone."""
    if not absent:
        return prepared
    utterances, models, trials = prepared.utterances, prepared.models, prepared.trials
    utterances = utterances[~utterances["utt"].isin(absent)].reset_index(drop=True)
    if models is not None:
        pairs = enrollments(models)
        left = pairs[~pairs["utt"].isin(absent)].groupby("model", sort=False)["utt"].agg(" ".join)
        models = models[models["model"].isin(left.index)].reset_index(drop=True)
        models["utts"] = models["model"].map(left)
    if models is not None and trials is not None:
        keep = np.ones(len(trials), bool)
        for name, known in (("model", models["model"]), ("utt", utterances["utt"])):
            codes, values = codes_of(trials[name])
            keep &= np.isin(values, known)[codes]
        trials = trials[keep].reset_index(drop=True)
    return PreparedSet(utterances, models, trials, prepared.folder)
