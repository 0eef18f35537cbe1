"""A release of SdSV or TdSV as prepared sets: its recordings, those that are not there, and the tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd

from svtok.corpora.common import by_name, leave_out, look_at_takes, warn_of_unused
from svtok.corpora.sdsv.layout import FREE_TEXT, GENDER_NAMES, KEY_NAMES, PHRASES, Layout
from svtok.corpora.sdsv.lists import (
    FIRST_ROW,
    label,
    read_enrollment,
    read_genders,
    read_keys,
    read_train_labels,
    read_trials,
    shared_by_models,
)
from svtok.errors import Problem, ProblemsError, first_few, raise_problems, warn
from svtok.manifest.schema import UNKNOWN, UTTERANCES, Place, codes_of
from svtok.manifest.sets import PreparedSet
from svtok.manifest.tables import enrollments
from svtok.manifest.trial_types import rows_in

FOLDERS = ("train", "enrollment", "evaluation")
SUFFIXES = (".wav", ".flac")


@dataclass(frozen=True)
class Named:
    """The files that a list names, each once, in a folder of `wav/`; `place` knows the line of each."""

    folder: str
    files: list[str]
    place: Place


@dataclass(frozen=True)
class Audio:
    """The files below `wav/`, by folder and name; None where nobody looked, and every file is taken to be there."""

    root: Path
    found: Mapping[str, Mapping[str, Path]] | None

    @classmethod
    def of(cls, root: Path, problems: list[Problem], *, look: bool) -> Audio:
        """The recordings of a release. Folders that are not there go to `problems`.

        Args:
            root: the release, in which `wav` is.
            problems: where faults are added.
            look: whether to look for recordings; else none is asked for.
        """
        wav = root.resolve() / "wav"
        absent = [name for name in FOLDERS if not (wav / name).is_dir()] if look else []
        problems += [
            Problem("there is no such folder; without it --no-audio can prepare the lists", wav / name)
            for name in absent
        ]
        return cls(wav, {name: _files(wav / name) for name in FOLDERS} if look and not absent else None)

    def path(self, folder: str, file: str) -> str:
        """The path of a file, or, where it is not there, the one that it should have."""
        known = self.found[folder].get(file) if self.found else None
        return str(known or self.root / folder / f"{file}.wav")

    def missing(self, named: Sequence[Named], problems: list[Problem], *, allowed: bool) -> dict[str, set[str]]:
        """The files, by folder, that lists name and that are not there.

        Each goes to `problems` with file and line, unless they are `allowed` to be missing: then there is a
        warning. A list none of whose files is there is a problem in any case.

        Args:
            named: the files of each list.
            problems: where faults are added.
            allowed: whether files may be missing.
        """
        missing: dict[str, set[str]] = {folder: set() for folder in FOLDERS}
        if self.found is None:
            return missing
        faults: list[Problem] = []
        for one in named:
            rows = [row for row, file in enumerate(one.files) if file not in self.found[one.folder]]
            missing[one.folder].update(one.files[row] for row in rows)
            if not allowed or len(rows) == len(one.files):
                faults += _each(one, rows, self.root / one.folder)
            elif rows:
                names = first_few([one.files[row] for row in rows], 3)
                warn(f"{one.place.path}: {len(rows)} of {len(one.files)} recordings are not there: {names}")
        problems += [*faults, *self._unnamed(named, missing)] if faults else []
        for folder in FOLDERS if not problems else ():
            warn_of_unused(self.root / folder, self._others(named, folder), "are named by no list")
        return missing

    def _others(self, named: Sequence[Named], folder: str) -> set[str]:
        """The files of a folder that no list names."""
        found = (self.found or {}).get(folder, {})
        return set(found).difference(*(one.files for one in named if one.folder == folder))

    def _unnamed(self, named: Sequence[Named], missing: Mapping[str, set[str]]) -> Iterator[Problem]:
        """Folders that lack files and have others instead."""
        for folder in self.found or ():
            others = self._others(named, folder)
            if missing[folder] and others:
                yield Problem(
                    f"{len(missing[folder])} files that the lists name are not there, and {len(others)} are there that "
                    f"no list names, such as {min(others)}: are the lists and the audio of one release?",
                    self.root / folder,
                )


def _each(one: Named, rows: list[int], folder: Path) -> Iterator[Problem]:
    yield from one.place.problems(
        np.array(rows, np.int64), lambda row: f"'{one.files[row]}': there is no such recording in {folder}"
    )


def _files(folder: Path) -> dict[str, Path]:
    return by_name(sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES))


T = TypeVar("T")
Genders = Mapping[str, str]
LANGUAGES = {**{phrase: PHRASES[phrase].lang for phrase in PHRASES}, FREE_TEXT: UNKNOWN}


@dataclass(frozen=True)
class Lists:
    """The models and trials of dev or eval, and where their lines are."""

    models: pd.DataFrame
    trials: pd.DataFrame
    models_place: Place
    trials_place: Place


def prepare_release(
    root: Path,
    layout: Layout,
    *,
    genders: Path | None = None,
    keys: Path | None = None,
    audio: bool = True,
    allow_missing: bool = False,
    jobs: int = 1,
) -> dict[str, PreparedSet]:
    """The sets train and, as the release has their lists, dev and eval.

    Args:
        root: The release, with `docs/` and `wav/`.
        layout: Which release it is. Training utterances of free text, which TdSV 2024 has, have the phrase FT.
        genders: List of the gender of each training speaker (and perhaps of each model); default: a file of a usual
            name in the release, or unknown.
        keys: List of the type of each trial of eval; default: as for `genders`.
        audio: Listen to the recordings.
        allow_missing: Leave out the recordings that are not there, and warn of them.
        jobs: Processes that listen.

    Raises:
        ProblemsError: with everything that is wrong with the lists, or with the recordings.
    """
    problems: list[Problem] = []
    of_names = _read_genders(root, genders, problems)
    train_path = root / "docs" / "train_labels.txt"
    train = _try(partial(read_train_labels, train_path, layout, problems), problems)
    lists = {name: _read_lists(root, layout, name, keys, problems) for name in layout.prefixes}
    there = {name: found for name, found in lists.items() if found is not None}
    if not there and not problems:
        names = " and ".join(_names(layout, "eval")[0])
        problems.append(Problem(f"there is no {names}", root / "docs"))
    recordings = Audio.of(root, problems, look=audio)
    named = [] if train is None else [Named("train", train["utt"].tolist(), Place(train_path, FIRST_ROW))]
    named += [one for found in there.values() for one in _named(found)]
    missing = recordings.missing(named, problems, allowed=allow_missing)
    if train is None or problems:
        raise ProblemsError(problems)

    sets = {"train": PreparedSet(_training(train, recordings, of_names, train_path, problems))}
    for name, found in there.items():
        sets[name] = _evaluation(found, recordings, of_names, problems)
    raise_problems(problems)
    absent = {"train": missing["train"]}
    sets = {
        name: leave_out(prepared, absent.get(name, missing["enrollment"] | missing["evaluation"]), f"{root}: {name}")
        for name, prepared in sets.items()
    }
    return _with_lengths(sets, jobs) if audio else sets


def _read_genders(root: Path, path: Path | None, problems: list[Problem]) -> Genders:
    path = path or next((root / name for name in GENDER_NAMES if (root / name).is_file()), None)
    return (_try(partial(read_genders, path, problems), problems) or {}) if path else {}


def _names(layout: Layout, name: str) -> list[tuple[str, str]]:
    return [(f"{prefix}model_enrollment.txt", f"{prefix}trials.txt") for prefix in layout.prefixes[name]]


def _read_lists(root: Path, layout: Layout, name: str, keys: Path | None, problems: list[Problem]) -> Lists | None:
    """The lists of a set; None where there are none, or they cannot be read, which goes to `problems`."""
    pairs = [(root / "docs" / enrollment, root / "docs" / trials) for enrollment, trials in _names(layout, name)]
    found = next((pair for pair in pairs if any(path.is_file() for path in pair)), None)
    if found is None:
        return None
    enrollment_path, trials_path = found
    models = _try(partial(read_enrollment, enrollment_path, layout, problems), problems)
    known = None if models is None else models["model"].tolist()
    trials = _try(partial(read_trials, trials_path, known, problems), problems)
    if models is None or trials is None:
        return None
    types = _read_types(root, name, keys, trials, trials_path, problems)
    trials = trials if types is None else trials.assign(type=types)
    return Lists(models, trials, Place(enrollment_path, FIRST_ROW), Place(trials_path, FIRST_ROW))


def _read_types(
    root: Path, name: str, keys: Path | None, trials: pd.DataFrame, trials_path: Path, problems: list[Problem]
) -> pd.Series | None:
    """The types from the file of keys, which only eval has; None where there is none."""
    if name != "eval":
        return None
    path = keys or next((root / key for key in KEY_NAMES if (root / key).is_file()), None)
    if path is None:
        return None
    if "type" in trials:
        problems.append(Problem(f"has types already, so {path} cannot give them", trials_path))
        return None
    return _try(partial(read_keys, path, len(trials), problems), problems)


def _named(lists: Lists) -> Iterator[Named]:
    pairs = enrollments(lists.models).drop_duplicates("utt")
    rows = rows_in(pairs["model"], lists.models["model"])
    yield Named("enrollment", pairs["utt"].tolist(), _lines(lists.models_place, rows))
    codes, names = codes_of(lists.trials["utt"])
    used, first = np.unique(codes, return_index=True)
    yield Named("evaluation", [names[code] for code in used], _lines(lists.trials_place, first))


def _lines(place: Place, rows: np.ndarray) -> Place:
    return Place(place.path, lines=[place.line(row) for row in rows.tolist()])


def _training(
    train: pd.DataFrame, recordings: Audio, genders: Genders, path: Path, problems: list[Problem]
) -> pd.DataFrame:
    """The utterances of the training set; a speaker without a gender, where others have one, is a problem."""
    table = train.assign(path=[recordings.path("train", utt) for utt in train["utt"]])
    table["lang"] = table["phrase"].map(LANGUAGES)
    of_speakers = table["spk"].map(genders)
    if of_speakers.notna().any():
        without = sorted(set(table["spk"][of_speakers.isna()]))
        problems += [Problem(f"speaker '{spk}' is not in the list of genders", path) for spk in without]
        table["gender"] = of_speakers
    return _with_text(table)


def _evaluation(lists: Lists, recordings: Audio, genders: Genders, problems: list[Problem]) -> PreparedSet:
    """The set of a list of models and one of trials. Types that contradict each other go to `problems`.

    The challenges have no trials across genders or languages: those of a test are those of the models it meets. Where
    these differ, or are not known, the column is left out.
    """
    models, tests = label(lists.models, lists.trials, lists.trials_place, problems)
    of_models = models["model"].map(genders)
    if "gender" not in models and of_models.notna().all():
        models = models.assign(gender=of_models)
    tests["path"] = [recordings.path("evaluation", utt) for utt in tests["utt"]]
    enrolled = enrollments(models).drop_duplicates("utt").merge(models.drop(columns="utts"), on="model")
    enrolled["path"] = [recordings.path("enrollment", utt) for utt in enrolled["utt"]]
    known = {"lang": models["phrase"].map(LANGUAGES), **({"gender": models["gender"]} if "gender" in models else {})}
    for column, values in known.items():
        shared = shared_by_models(values, models, lists.trials)
        if shared is not None:
            tests[column] = shared
            enrolled[column] = values.to_numpy(object)[rows_in(enrolled["model"], models["model"])]
    columns = [column for column in UTTERANCES.names if column in tests]
    utterances = pd.concat([enrolled[columns], tests[columns]], ignore_index=True)
    return PreparedSet(_with_text(utterances), models, lists.trials)


def _with_text(utterances: pd.DataFrame) -> pd.DataFrame:
    """The utterances with the text of their phrases, where all of these are known."""
    texts = utterances["phrase"].map({phrase: known.text for phrase, known in PHRASES.items()})
    return utterances.assign(text=texts) if texts.notna().all() else utterances


def _with_lengths(sets: Mapping[str, PreparedSet], jobs: int) -> dict[str, PreparedSet]:
    problems: list[Problem] = []
    tables = {
        name: _try(partial(look_at_takes, prepared.utterances, [], jobs), problems) for name, prepared in sets.items()
    }
    raise_problems(problems)
    return {
        name: PreparedSet(table, sets[name].models, sets[name].trials)
        for name, table in tables.items()
        if table is not None
    }


def _try(read: Callable[[], T], problems: list[Problem]) -> T | None:
    """What `read` returns; None where it raises, and its problems go to `problems`."""
    try:
        return read()
    except ProblemsError as error:
        problems += error.problems
    return None
