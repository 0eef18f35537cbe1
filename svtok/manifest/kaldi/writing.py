"""Prepared sets out as Kaldi data directories, which its validate_data_dir.sh accepts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd

from svtok.audio.packed import is_packed
from svtok.errors import Problem, raise_problems
from svtok.files import writing_folder
from svtok.manifest.kaldi.lists import write_trial_list, write_trial_types
from svtok.manifest.kaldi.reading import (
    ENROLLMENT_FILE,
    MODEL_FILES,
    NOT_A_FILE_NAME,
    UTTERANCE_FILES,
)
from svtok.manifest.sets import PreparedSet, audio_paths, refuse_other_files
from svtok.manifest.trial_types import types_of
from svtok.manifest.validate import check_set

OTHER_FILES = ("wav.scp", "segments", "spk2utt", "spk2gender", "utt2dur", "trials", "trial_types")
ALL_FILES = (*UTTERANCE_FILES.values(), *MODEL_FILES.values(), ENROLLMENT_FILE, *OTHER_FILES)
NOT_IN_TEXT = re.compile(r"(?a:(?<!\w)(<s>|</s>|#0)(?!\w))|[^\S ]")  # Kaldi's own words; blanks of other kinds


def write_data_dir(prepared: PreparedSet, folder: Path, *, prefix_speaker: bool = False) -> None:
    """Write a data directory that Kaldi's validate_data_dir.sh --no-feats accepts, whole or not at all.

    Beside Kaldi's own files stand those that svtok's reader takes (`read_data_dir`), and `trials` with `target`
    and `nontarget`, `trial_types` with TC, TW, IC and IW. With `prefix_speaker`, utterance ids become
    speaker-utterance: Kaldi wants utt2spk sorted by utterance and by speaker at once.

    Args:
        prepared: the set; models and trials are written where it has them.
        folder: the data directory, which is replaced if it is one already.
        prefix_speaker: put the speaker before each utterance id.

    Raises:
        ProblemsError: for what Kaldi does not take: ids not sorted so, genders other than m and f, names of files
            that it reads as pipes, words of its own in texts.
        SvtokError: where `folder` holds other files.
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


def by_recordings(prepared: PreparedSet) -> pd.DataFrame:
    """The trials of a set with the paths of two recordings for `model` and `utt`, as VoxCeleb's lists name them.

    Raises:
        SvtokError: the set has no trials.
        ProblemsError: names the models of several utterances, and the paths that hold blanks.
    """
    models, trials = prepared.protocol()
    paths = dict(zip(prepared.utterances["utt"], map(str, audio_paths(prepared)), strict=True))
    several = models[models["utts"].str.contains(" ")]
    problems = [
        Problem(f"model '{model}' has {len(utts.split())} utterances; a list of recordings compares one with one")
        for model, utts in zip(several["model"], several["utts"], strict=True)
    ]
    problems += [Problem(f"'{path}' holds blanks, which part the fields") for path in paths.values() if " " in path]
    repeated = sorted(path for path, number in Counter(paths.values()).items() if number > 1)
    problems += [Problem(f"'{path}' is the recording of several utterances") for path in repeated]
    raise_problems(problems)
    enrolled = {model: paths[utt] for model, utt in zip(models["model"], models["utts"], strict=True)}
    return trials.assign(model=trials["model"].map(enrolled), utt=trials["utt"].map(paths))


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
        if is_packed(Path(name)):
            yield Problem(f"Kaldi does not read a packed set ({name}); export the set that was packed")
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


def write_map(pairs: Mapping[Any, object], path: Path) -> None:
    """Write `key value` lines, sorted bytewise by key, as LC_ALL=C sort does."""
    path.write_text("".join(f"{key} {pairs[key]}\n" for key in sorted(pairs)), encoding="utf-8", newline="\n")
