"""Kaldi data directories in and out: files of one key and its value a line, which together are a prepared set."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from svtok.errors import Problem, raise_problems
from svtok.files import writing_folder
from svtok.manifest.kaldi.lists import read_trial_list, write_trial_list, write_trial_types
from svtok.manifest.schema import MODELS, UTTERANCES, Place, as_numbers, check_cells
from svtok.manifest.sets import PreparedSet, audio_paths, refuse_other_files
from svtok.manifest.trial_types import derive_types, types_of
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
OTHER_FILES = ("wav.scp", "segments", "spk2utt", "spk2gender", "utt2dur", "trials", "trial_types")
ALL_FILES = (*UTTERANCE_FILES.values(), *MODEL_FILES.values(), ENROLLMENT_FILE, *OTHER_FILES)

NOT_A_FILE_NAME = re.compile(r"^\||\|$|^~|:[0-9]+$|^-$")
"""What Kaldi does not read as the name of a file: a pipe, a home folder, a place inside an archive, standard input."""


@dataclass(frozen=True)
class KaldiMap:
    """One file: its values by key, and the line of each key."""

    path: Path
    values: dict[str, str]
    lines: dict[str, int]

    def column(self, keys: Sequence[str], other: Path, problems: list[Problem]) -> list[str]:
        """The value of each key, '' where there is none; keys of only one of this file and `other` are problems."""
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


def read_map(path: Path, problems: list[Problem], *, words: int | None = 1) -> KaldiMap:
    """Read a file of `key value` lines. A value has `words` words, or any number of them where that is None.

    What is wrong is added to `problems`: no such file, not UTF-8, a line without value or with too many words, a key
    that repeats.
    """
    found = KaldiMap(path, {}, {})
    if not path.is_file():
        problems.append(Problem("the file does not exist", path))
        return found
    for number, line in enumerate(path.read_bytes().removesuffix(b"\n").split(b"\n"), start=1):
        try:
            key, *rest = re.split(r"[ \t]+", line.decode().strip(" \t\r"), maxsplit=1)
        except UnicodeDecodeError:
            problems.append(Problem("not UTF-8", path, number))
            continue
        value = rest[0] if rest else ""
        count = len(re.split(r"[ \t]+", value))
        if not value:
            problems.append(Problem(f"there is no value for '{key}'" if key else "the line is empty", path, number))
        elif key in found.values:
            problems.append(Problem(f"'{key}' is there twice, first in line {found.lines[key]}", path, number))
        elif words is not None and count != words:
            problems.append(Problem(f"'{key}' has {count} values, not {words}", path, number))
        found.values.setdefault(key, value)
        found.lines.setdefault(key, number)
    return found


def write_map(pairs: Mapping[Any, object], path: Path) -> None:
    """Write `key value` lines, sorted bytewise by key, as LC_ALL=C sort does."""
    path.write_text("".join(f"{key} {pairs[key]}\n" for key in sorted(pairs)), encoding="utf-8", newline="\n")


def read_data_dir(folder: Path, *, phrase: str | None = None, wav_root: Path | None = None) -> PreparedSet:
    """The set that a data directory describes; its audio files are not opened.

    Read are wav.scp, utt2spk, utt2phrase (or one `phrase` for all) and, where they are there, segments, text,
    spk2gender, utt2lang, utt2session, utt2channel, utt2num_samples, utt2sample_rate, enroll_spk2utt (a model, then its
    utterances), model2spk, model2phrase, model2gender (else a model has those of its first utterance) and trials.
    Without enroll_spk2utt, trials name an utterance first: a model of that one utterance. The lines need not be sorted.
    Relative paths in wav.scp are relative to `wav_root` (default: the working folder, as in Kaldi).

    Trial types are derived. Raises ProblemsError with everything that is wrong, targets that are none included.
    A pipe in wav.scp is refused: no command is ever run.
    """
    problems: list[Problem] = []
    utterances = _read_utterances(folder, phrase, wav_root or Path(), problems)
    models = _read_models(folder, utterances, problems) if (folder / ENROLLMENT_FILE).is_file() else None
    raise_problems(problems)
    if not (folder / "trials").is_file():
        raise_problems(list(check_set(PreparedSet(utterances, models))))
        return PreparedSet(utterances, models)
    trials = read_trial_list(folder / "trials")
    if models is None:
        models = _models_of_one(trials["model"], utterances)
    raise_problems(list(check_set(PreparedSet(utterances, models, trials))))  # its labels too
    return PreparedSet(utterances, models, trials.assign(type=derive_types(trials, models, utterances)))


def _read_utterances(folder: Path, phrase: str | None, wav_root: Path, problems: list[Problem]) -> pd.DataFrame:
    """The table of utterances in the order of utt2spk."""
    speakers = read_map(folder / "utt2spk", problems)
    utts = list(speakers.values)
    columns = {"utt": utts, **_read_recordings(folder, speakers, wav_root, problems)}
    for name, file in UTTERANCE_FILES.items():
        if name == "phrase" and phrase is not None:
            columns[name] = [phrase] * len(utts)
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
    scp = read_map(folder / "wav.scp", problems, words=None)
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
    recordings, start, end = (list(column) for column in zip(*parts, strict=True)) if parts else ([], [], [])
    return {"path": [files.get(recording, "") for recording in recordings], "start": start, "end": end}


def _read_models(folder: Path, utterances: pd.DataFrame, problems: list[Problem]) -> pd.DataFrame:
    enrolled = read_map(folder / ENROLLMENT_FILE, problems, words=None)
    names = list(enrolled.values)
    utts = [" ".join(value.split()) for value in enrolled.values.values()]
    models = pd.DataFrame({"model": names, "utts": utts}, dtype=object)
    first = utterances.drop_duplicates("utt").set_index("utt").reindex([value.split(" ")[0] for value in utts])
    for column, file in MODEL_FILES.items():
        if (folder / file).is_file():
            models[column] = read_map(folder / file, problems).column(names, enrolled.path, problems)
        elif column in first:
            models[column] = (
                first[column].fillna("unknown").to_numpy(object)
            )  # an unknown utterance: a problem of later
    if not problems:
        problems += check_cells(models, MODELS, Place(enrolled.path, lines=list(enrolled.lines.values())))
    return models


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


NOT_IN_TEXT = re.compile(r"(?a:(?<!\w)(<s>|</s>|#0)(?!\w))|[^\S ]")  # Kaldi's own words; blanks of other kinds


def write_data_dir(prepared: PreparedSet, folder: Path, *, prefix_speaker: bool = False) -> None:
    """Write a data directory that Kaldi's validate_data_dir.sh --no-feats accepts, whole or not at all.

    Beside Kaldi's own files stand those that svtok's reader takes (`read_data_dir`), and `trials` with `target`
    and `nontarget`, `trial_types` with TC, TW, IC and IW. With `prefix_speaker`, utterance ids become
    speaker-utterance: Kaldi wants utt2spk sorted by utterance and by speaker at once.

    Raises ProblemsError for what Kaldi does not take: ids not sorted so, genders other than m and f, names of files
    that it reads as pipes, words of its own in texts. Raises SvtokError where `folder` holds other files.
    """
    refuse_other_files(folder, ALL_FILES)
    if prefix_speaker:
        prepared = _with_prefixes(prepared)
    utterances = prepared.utterances.assign(path=[str(path.absolute()) for path in audio_paths(prepared)])
    utterances = utterances.sort_values("utt", ignore_index=True)
    raise_problems([*check_set(prepared), *_check_for_kaldi(utterances)])
    with writing_folder(folder) as temporary:
        _write_utterances(utterances, temporary)
        if prepared.models is not None:
            models = prepared.models.set_index("model")
            write_map(models["utts"].to_dict(), temporary / ENROLLMENT_FILE)
            for column, file in MODEL_FILES.items():
                if column in models:
                    write_map(models[column].to_dict(), temporary / file)
        if prepared.models is not None and prepared.trials is not None:
            types = types_of(prepared.trials, prepared.models, utterances)
            write_trial_list(prepared.trials.assign(type=types), temporary / "trials")
            write_trial_types(prepared.trials.assign(type=types), temporary / "trial_types")


def _with_prefixes(prepared: PreparedSet) -> PreparedSet:
    """The set with the speaker and '-' before every utterance id."""
    names = dict(
        zip(prepared.utterances["utt"], prepared.utterances["spk"] + "-" + prepared.utterances["utt"], strict=True)
    )
    models, trials = prepared.models, prepared.trials
    if models is not None:
        models = models.assign(utts=[" ".join(names[utt] for utt in utts.split(" ")) for utts in models["utts"]])
    if trials is not None:
        trials = trials.assign(utt=trials["utt"].astype("category").cat.rename_categories(names))
    return PreparedSet(
        prepared.utterances.assign(utt=prepared.utterances["utt"].map(names)), models, trials, prepared.folder
    )


def _check_for_kaldi(utterances: pd.DataFrame) -> Iterator[Problem]:
    """What validate_data_dir.sh would not accept, of utterances that are sorted by their ids."""
    order = list(zip(utterances["spk"], utterances["utt"], strict=True))
    for (spk, utt), (next_spk, next_utt) in pairwise(order):
        if next_spk < spk:
            yield Problem(
                f"'{next_utt}' of speaker '{next_spk}' comes after '{utt}' of '{spk}': Kaldi wants the order of ids to "
                "be that of speakers; use --prefix-speaker and, if that is not enough, speaker ids of equal length"
            )
            break
    for name in utterances["path"].unique():
        if NOT_A_FILE_NAME.search(name):
            yield Problem(f"Kaldi does not read '{name}' as the name of a file; rename it")
    for channel in sorted(set(utterances.get("channel", ())) - {"1"}):
        yield Problem(f"Kaldi reads the first channel of a file, not '{channel}': write that to files of one channel")
    if "gender" in utterances:
        for gender in sorted(set(utterances["gender"]) - {"m", "f"}):
            yield Problem(f"Kaldi knows the genders m and f, not '{gender}'")
    for utt, text in zip(utterances["utt"], utterances.get("text", []), strict=False):
        if NOT_IN_TEXT.search(f"{utt} {text}"):
            yield Problem(f"Kaldi does not take <s>, </s>, #0 or unusual blanks in a text: '{utt} {text}'")


def _write_utterances(utterances: pd.DataFrame, folder: Path) -> None:
    by_utt = utterances.set_index("utt")
    for column, file in UTTERANCE_FILES.items():
        if column in by_utt:
            write_map(by_utt[column].to_dict(), folder / file)
    write_map(utterances.groupby("spk")["utt"].agg(" ".join).to_dict(), folder / "spk2utt")
    if "gender" in by_utt:
        write_map(dict(zip(by_utt["spk"], by_utt["gender"], strict=True)), folder / "spk2gender")
    if "num_samples" in by_utt and "sample_rate" in by_utt:
        write_map((by_utt["num_samples"] / by_utt["sample_rate"]).to_dict(), folder / "utt2dur")
    if "start" not in by_utt:
        write_map(by_utt["path"].to_dict(), folder / "wav.scp")
        return
    recordings = utterances.groupby("path")["utt"].transform("first")  # a recording is called by its first utterance
    write_map(dict(zip(recordings, utterances["path"], strict=True)), folder / "wav.scp")
    parts = recordings + " " + utterances["start"].map(repr) + " " + utterances["end"].map(repr)
    write_map(dict(zip(utterances["utt"], parts, strict=True)), folder / "segments")
