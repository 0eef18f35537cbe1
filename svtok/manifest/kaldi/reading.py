"""Kaldi data directories in: files of one key and its value a line, which together are a prepared set."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from svtok.errors import Problem, ProblemsError, raise_problems, warn
from svtok.manifest.kaldi.lists import read_trial_list
from svtok.manifest.schema import MODELS, UNKNOWN, UTTERANCES, Place, as_numbers, check_cells, normal
from svtok.manifest.sets import PreparedSet, audio_paths
from svtok.manifest.trial_types import UnknownTypesError, derive_types
from svtok.manifest.validate import check_set

UTTERANCE_FILES = {
    "spk": "utt2spk",
    "phrase": "utt2phrase",
    "lang": "utt2lang",
    "session": "utt2session",
    "channel": "utt2channel",
    "num_samples": "utt2num_samples",
    "sample_rate": "utt2sample_rate",
    "text": "text",
}
MODEL_FILES = {"spk": "model2spk", "phrase": "model2phrase", "gender": "model2gender"}
ENROLLMENT_FILE = "enroll_spk2utt"

NOT_A_FILE_NAME = re.compile(r"^\||\|$|^~|:[0-9]+$|^-$")
"""What Kaldi does not read as the name of a file: a pipe, a home folder, a place inside an archive, standard input."""


@dataclass(frozen=True)
class KaldiMap:
    """One file: its values by key, and the line of each key."""

    path: Path
    values: dict[str, str]
    lines: dict[str, int]

    def column(self, keys: Sequence[str], other: Path, problems: list[Problem]) -> list[str]:
        """The value of each key, '' where there is none; keys of only one of this file and `other` are problems.

        Args:
            keys: the keys of `other`, in its order.
            other: the file with which this one must agree.
            problems: where faults are added.
        """
        known = set(keys)
        problems += [
            Problem(f"'{key}' is not there, but in {other.name}", self.path) for key in keys if key not in self.values
        ]
        problems += [
            Problem(f"'{key}' is not in {other.name}", self.path, self.lines[key])
            for key in self.values
            if key not in known
        ]
        return [self.values.get(key, "") for key in keys]


def read_map(path: Path, problems: list[Problem], *, words: int | None = 1, paths: bool = False) -> KaldiMap:
    """Read a file of `key value` lines. A value has `words` words, or any number of them where that is None.

    Keys and values become normal text (`svtok.manifest.schema.normal`), but not values that are `paths`.

    What is wrong is added to `problems`: no such file, not UTF-8, a line without value or with too many words, a key
    that repeats.

    Args:
        path: the file, UTF-8.
        problems: where faults are added.
        words: how many words a value has; None: one or more.
        paths: whether the values are paths.

    Returns:
        The values and line numbers by key; of a key that repeats the first.
    """
    found = KaldiMap(path, {}, {})
    if not path.is_file():
        problems.append(Problem("the file does not exist", path))
        return found
    for number, line in enumerate(path.read_bytes().removesuffix(b"\n").split(b"\n"), start=1):
        try:
            text = line.decode() if paths else normal(line.decode())
            key, *rest = re.split(r"\s+", text.strip(), maxsplit=1)
            key = normal(key)
        except UnicodeDecodeError:
            problems.append(Problem("not UTF-8", path, number))
            continue
        value = rest[0] if rest else ""
        count = len(value.split())
        if not value:
            problems.append(Problem(f"there is no value for '{key}'" if key else "the line is empty", path, number))
        elif key in found.values:
            problems.append(Problem(f"'{key}' is there twice, first in line {found.lines[key]}", path, number))
        elif words is not None and count != words:
            problems.append(Problem(f"'{key}' has {count} values, not {words}", path, number))
        found.values.setdefault(key, value)
        found.lines.setdefault(key, number)
    return found


def read_data_dir(
    folder: Path,
    *,
    enroll: Path | None = None,
    trials: Path | None = None,
    phrase: str | None = None,
    wav_root: Path | None = None,
) -> PreparedSet:
    """The set that a data directory describes; its audio files are not opened.

    Read are wav.scp, utt2spk, utt2phrase and, where they are there, segments, text, spk2gender, utt2lang, utt2session,
    utt2channel, utt2num_samples, utt2sample_rate, and trials. The models are those of `enroll`, or of enroll_spk2utt (a
    model, then its utterances); without both, trials name an utterance first: a model of that one utterance. A model
    has the speaker, phrase and gender of model2spk, model2phrase and model2gender, else of its first utterance. The
    lines need not be sorted. Trial types are derived.

    Args:
        folder: The data directory; where there is an `enroll`, that of the tests. Where each of its utterances is its
            own speaker, their speakers are not known: then trials have the type that their label says.
        enroll: A data directory whose spk2utt (a model, then its utterances) and utterances enroll the models.
        trials: The list of trials; default: `trials` in `folder`, where it is there.
        phrase: The phrase of all utterances, where there is no utt2phrase.
        wav_root: What relative paths in wav.scp are relative to; default: the working folder, as in Kaldi.

    Raises:
        ProblemsError: with everything that is wrong, targets that are none included. A pipe in wav.scp is refused: no
            command is ever run.
    """
    problems: list[Problem] = []
    utterances = _read_utterances(folder, phrase, wav_root or Path(), problems)
    listed = folder / ENROLLMENT_FILE if enroll is None else enroll / "spk2utt"
    models = place = None
    if enroll is not None:
        if (folder / ENROLLMENT_FILE).is_file():
            problems.append(Problem("gives models already, as the enrollment directory does", folder / ENROLLMENT_FILE))
        enrolled = _read_utterances(enroll, phrase, wav_root or Path(), problems)
        models, place = _read_models(listed, enrolled, problems)
        utterances = _joined(_without_speakers(utterances), _of_models(enrolled, models), enroll, problems)
    elif listed.is_file():
        models, place = _read_models(listed, utterances, problems)
    raise_problems(problems)
    if trials is None and not (folder / "trials").is_file():
        raise_problems(list(check_set(PreparedSet(utterances, models), _places(folder, place))))
        return PreparedSet(utterances, models)
    return with_trials(PreparedSet(utterances, models), trials or folder / "trials", _places(folder, place))


def with_trials(prepared: PreparedSet, path: Path, places: Mapping[str, Place] | None = None) -> PreparedSet:
    """The set with a list of trials; where it has no models, each utterance that the list names first is one.

    Args:
        prepared: The set. The list names its utterances, or their recordings by the end of their paths.
        path: The list, as `read_trial_list` reads it.
        places: Where the models and utterances stand, for messages.

    Raises:
        ProblemsError: with names that are no utterances, and labels that are not what speakers and phrases say.
    """
    trials = read_trial_list(path)
    place = Place(path)
    utterances, models, problems = prepared.utterances, prepared.models, list[Problem]()
    paths = audio_paths(prepared)
    for column in ("model", "utt") if models is None else ("utt",):
        trials[column] = _by_path(trials[column], utterances["utt"], paths, place, problems)
    if models is None:
        models = _models_of_one(trials["model"], utterances)
        if models.empty:
            what = "no trial names an utterance first; if models are speakers of an enrollment directory, name it with "
            raise ProblemsError([Problem(f"{what}--enroll", path, 1)])
    raise_problems(problems)
    joined = PreparedSet(utterances, models, trials, prepared.folder)
    known = places or {schema.name: Place(f"table of {schema.name}") for schema in (UTTERANCES, MODELS)}
    raise_problems(list(check_set(joined, {**known, "trials": place})))  # its labels too
    try:
        types = derive_types(trials, models, utterances)
    except UnknownTypesError:
        return joined
    return PreparedSet(utterances, models, trials.assign(type=types), prepared.folder)


def _by_path(
    names: pd.Series, utts: pd.Series, paths: Sequence[Path], place: Place, problems: list[Problem]
) -> pd.Series:
    """Names of utterances where a list names their recordings, `id10270/x6uYqmx31kE/00001.wav`; other names stay, for
    they are found to be unknown later."""
    column = names.astype("category")
    known, found = set(utts), {}
    by_end: dict[int, dict[tuple[str, ...], list[str]]] = {}
    faults: list[str | None] = []
    for name in column.cat.categories:
        parts = Path(name).parts
        if name not in known and len(parts) not in by_end:
            ends = by_end.setdefault(len(parts), {})
            for utt, path in zip(utts, paths, strict=True):
                ends.setdefault(path.parts[-len(parts) :], []).append(utt)
        utterances = [name] if name in known else by_end[len(parts)].get(parts, [name])
        found[name] = utterances[0]
        several = f"'{name}' is the recording of several utterances: {', '.join(utterances[:3])}"
        faults.append(several if len(utterances) > 1 else None)
    problems += place.problems_of_values(column.cat.codes.to_numpy(np.int64), faults)
    return column.map(found).astype("category")


def _places(folder: Path, models: Place | None) -> dict[str, Place]:
    return {UTTERANCES.name: Place(folder / "utt2spk"), MODELS.name: models or Place(folder / "trials")}


def _without_speakers(utterances: pd.DataFrame) -> pd.DataFrame:
    """The tests; where each is its own speaker, as Kaldi's recipes write it, their speakers are not known."""
    unknown = len(utterances) and (utterances["utt"] == utterances["spk"]).all()
    return utterances.assign(spk=UNKNOWN) if unknown else utterances


def _of_models(utterances: pd.DataFrame, models: pd.DataFrame) -> pd.DataFrame:
    """The utterances of an enrollment directory, whose speakers are its models, with the speakers of these."""
    speakers = {utt: spk for utts, spk in zip(models["utts"], models["spk"], strict=True) for utt in utts.split()}
    return utterances.assign(
        spk=[speakers.get(utt, spk) for utt, spk in zip(utterances["utt"], utterances["spk"], strict=True)]
    )


def _joined(tests: pd.DataFrame, enrolled: pd.DataFrame, enroll: Path, problems: list[Problem]) -> pd.DataFrame:
    """The utterances of both directories; one that is in both must be the same, and what is known of those of only one
    directory is left out."""
    for column in sorted(set(tests.columns) ^ set(enrolled.columns)):
        if column in ("start", "end", "channel"):
            problems.append(Problem(f"'{column}' of the utterances is in only one of the two directories", enroll))
        elif column not in ("num_samples", "sample_rate"):
            warn(f"{enroll}: '{column}' of the utterances is in only one of the two directories, and left out")
    columns = [column for column in tests if column in enrolled]
    both = pd.concat([tests[columns], enrolled[columns]], ignore_index=True).drop_duplicates(ignore_index=True)
    for row in np.flatnonzero(both["utt"].duplicated()):
        problems.append(Problem(f"'{both['utt'][row]}' is another utterance in the directory of the tests", enroll))
    return both


def _read_utterances(folder: Path, phrase: str | None, wav_root: Path, problems: list[Problem]) -> pd.DataFrame:
    """The table of utterances in the order of utt2spk."""
    speakers = read_map(folder / "utt2spk", problems)
    utts = list(speakers.values)
    columns = {"utt": utts, **_read_recordings(folder, speakers, wav_root, problems)}
    for name, file in UTTERANCE_FILES.items():
        if name == "phrase" and phrase is not None:
            columns[name] = [normal(phrase)] * len(utts)
        elif name == "phrase" and not (folder / file).is_file():
            what = "the file does not exist; write it (utterance, phrase), or name the one phrase of all with --phrase"
            problems.append(Problem(what, folder / file))
        elif (folder / file).is_file():
            found = read_map(folder / file, problems, words=None if name == "text" else 1)
            columns[name] = found.column(utts, speakers.path, problems)
    if (folder / "spk2gender").is_file():
        genders = read_map(folder / "spk2gender", problems)
        genders.column(list(dict.fromkeys(columns["spk"])), speakers.path, problems)
        columns["gender"] = [genders.values.get(speaker, "") for speaker in columns["spk"]]
    utterances = pd.DataFrame(columns, dtype=object)
    if not problems:
        problems += check_cells(utterances, UTTERANCES, Place(speakers.path, lines=list(speakers.lines.values())))
    return _with_numbers(utterances)


def _read_recordings(folder: Path, speakers: KaldiMap, wav_root: Path, problems: list[Problem]) -> dict[str, list[str]]:
    """The columns path and, where there are segments, start and end."""
    scp = read_map(folder / "wav.scp", problems, words=None, paths=True)
    for recording, name in scp.values.items():
        if NOT_A_FILE_NAME.search(name):
            what = (
                f"'{name}' is not a plain file (a pipe, '~', or a place in an archive); svtok runs no command out of "
                "a list: write the audio to a file, and name that"
            )
            problems.append(Problem(what, scp.path, scp.lines[recording]))
    files = {recording: os.path.abspath(wav_root / name) for recording, name in scp.values.items()}
    utts = list(speakers.values)
    if not (folder / "segments").is_file():
        scp.column(utts, speakers.path, problems)
        return {"path": [files.get(utt, "") for utt in utts]}
    segments = read_map(folder / "segments", problems, words=3)
    parts = [(*cells.split(), "", "", "")[:3] for cells in segments.column(utts, speakers.path, problems)]
    for utt, (recording, _, _) in zip(utts, parts, strict=True):
        if recording not in files and utt in segments.lines:
            problems.append(Problem(f"recording '{recording}' is not in wav.scp", segments.path, segments.lines[utt]))
    unused = sorted(set(files).difference(recording for recording, _, _ in parts))
    if unused:
        warn(f"{scp.path}: {len(unused)} of {len(files)} recordings have no segment, such as '{unused[0]}'")
    recordings, start, end = (list(column) for column in zip(*parts, strict=True)) if parts else ([], [], [])
    return {"path": [files.get(recording, "") for recording in recordings], "start": start, "end": end}


def _read_models(path: Path, utterances: pd.DataFrame, problems: list[Problem]) -> tuple[pd.DataFrame, Place]:
    """The models of a file of their utterances, and where they stand."""
    enrolled = read_map(path, problems, words=None)
    place = Place(path, lines=list(enrolled.lines.values()))
    names = list(enrolled.values)
    utts = [" ".join(value.split()) for value in enrolled.values.values()]
    models = pd.DataFrame({"model": names, "utts": utts}, dtype=object)
    first = utterances.drop_duplicates("utt").set_index("utt").reindex([value.split(" ")[0] for value in utts])
    for column, file in MODEL_FILES.items():
        if (path.parent / file).is_file():
            models[column] = read_map(path.parent / file, problems).column(names, path, problems)
        elif column in first:
            models[column] = first[column].fillna("unknown").to_numpy(object)  # an unknown utterance: a problem later
    if not problems:
        problems += check_cells(models, MODELS, place)
    return models, place


def _models_of_one(names: pd.Series, utterances: pd.DataFrame) -> pd.DataFrame:
    """A model of one utterance, and of its name, for each utterance that trials name first."""
    wanted = np.sort(names.unique().astype(object))
    known = utterances[utterances["utt"].isin(wanted)]
    columns = [name for name in ("spk", "phrase", "gender") if name in known]
    return known[columns].assign(model=known["utt"], utts=known["utt"]).reset_index(drop=True)


def _with_numbers(utterances: pd.DataFrame) -> pd.DataFrame:
    for name in {"start", "end", "num_samples", "sample_rate"} & set(utterances):
        utterances[name] = as_numbers(utterances[name])
    whole = [name for name in ("num_samples", "sample_rate") if name in utterances]
    return utterances if utterances[whole].isna().any(axis=None) else utterances.astype(dict.fromkeys(whole, "int64"))
