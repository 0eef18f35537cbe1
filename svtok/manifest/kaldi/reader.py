"""A Kaldi data directory in, a prepared set out."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd

from svtok.errors import Problem, raise_problems
from svtok.manifest.crosscheck import check_set
from svtok.manifest.kaldi.lists import read_trial_list
from svtok.manifest.kaldi.maps import (
    ENROLLMENT_FILE,
    MODEL_FILES,
    NOT_A_FILE_NAME,
    UTTERANCE_FILES,
    KaldiMap,
    read_map,
)
from svtok.manifest.schema import MODELS, UTTERANCES, Place, as_numbers, check_cells
from svtok.manifest.sets import PreparedSet
from svtok.manifest.trial_types import derive_types


def read_data_dir(folder: Path, *, phrase: str | None = None, wav_root: Path | None = None) -> PreparedSet:
    """The set that a data directory describes; its audio files are not opened.

    Read are wav.scp, utt2spk, utt2phrase (or one `phrase` for all) and, where they are there, segments, text,
    spk2gender, utt2lang, utt2session, utt2num_samples, utt2sample_rate, enroll_spk2utt (a model, then its utterances),
    model2spk, model2phrase, model2gender (else a model has those of its first utterance) and trials. Without
    enroll_spk2utt, trials name an utterance first: a model of that one utterance. The lines need not be sorted.
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
            models[column] = first[column].fillna("unknown").to_numpy(object)  # an unknown utterance: told later
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
