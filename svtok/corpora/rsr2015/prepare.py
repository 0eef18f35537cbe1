"""RSR2015 as prepared sets: its recordings, those that lists name and that are not there, and the tables."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Literal

import pandas as pd
from pandas.api.types import union_categoricals

from svtok.corpora.common import by_name, check_counts, leave_out, look_at_takes, warn_of_unused
from svtok.corpora.rsr2015.keys import Absent, Key, find_key_files, read_key
from svtok.corpora.rsr2015.layout import (
    DIGITS_PART,
    ENROLL_SESSIONS,
    FLAGS,
    GENDERS,
    PARTS,
    SUBSETS,
    UtteranceName,
    part_of,
    published,
    speakers_name,
    trials_name,
)
from svtok.corpora.synthetic.marker import is_synthetic
from svtok.corpora.synthetic.phrases import PHRASES
from svtok.errors import Problem, ProblemsError, SvtokError, raise_problems, warn
from svtok.manifest.schema import MOST_OF_A_KIND, UNKNOWN
from svtok.manifest.sets import PreparedSet
from svtok.manifest.tables import enrollments

SUFFIXES = (".sph", ".wav", ".flac")
FIRST_NAMES = 5


def audio_folder(root: Path, audio_root: Path | None) -> Path:
    """The folder that holds `male/` and `female/`, or the speakers: `wav/` or `sph/` in `audio_root` (by default
    `root`), or `audio_root` itself. Raises SvtokError where there is none."""
    candidates = [(audio_root or root) / name for name in ("wav", "sph")] + ([audio_root] if audio_root else [])
    folder = next((path for path in candidates if path.is_dir()), None)
    if folder is None:
        what = "there is no such folder" if audio_root else "not RSR2015: neither a folder 'sph' nor a folder 'wav' is"
        there = "" if audio_root else " there (--audio-root names one elsewhere, --no-audio prepares the lists alone)"
        raise SvtokError(f"{audio_root or root}: {what}{there}")
    return folder


def find_audio(folder: Path, part: int) -> dict[str, Path]:
    """The recording of each utterance of a part; of two, as .sph and as .wav, the latter.

    Raises SvtokError where there is none.
    """
    patterns = [*(f"{gender}/*/*" for gender in GENDERS.values()), "*/*"]
    paths = sorted(path for pattern in patterns for path in folder.glob(pattern) if path.suffix.lower() in SUFFIXES)
    parts = {path: _part(path) for path in paths}
    warn_of_unused(folder, [path.name for path in paths if parts[path] is None], "are not named as those of RSR2015")
    audio = {utt: path.resolve() for utt, path in by_name(path for path in paths if parts[path] == part).items()}
    if not audio:
        example = f"male/m001/m001_01_{PARTS[part][0]}.sph"
        raise SvtokError(f"{folder}: no recordings of part {part} are there, such as {example}")
    return audio


def _part(path: Path) -> int | None:
    """The part that a recording belongs to; None for a file that is none."""
    try:
        return part_of(UtteranceName.parse(path.stem).sentence)
    except ValueError:
        return None


def taken_to_be_there(root: Path, listed: Collection[str]) -> dict[str, Path]:
    """Where the recordings should be: those that are listed, and of the speakers numbered before them, who train, the
    same sessions and sentences."""
    names = [UtteranceName.parse(utt) for utt in listed]
    sessions = sorted({*ENROLL_SESSIONS, *(name.session for name in names)})
    sentences = sorted({name.sentence for name in names})
    for gender in GENDERS:
        first = min((int(name.spk[1:]) for name in names if name.gender == gender), default=1)
        names += [
            UtteranceName(f"{gender}{number:03d}", gender, session, sentence)
            for number in range(1, first)
            for session in sessions
            for sentence in sentences
        ]
    folder = root.resolve() / "sph"
    return {name.utt: folder / name.file_with_gender for name in names}


def absent_recordings(root: Path, absent: Absent, *, allow_missing: bool) -> list[Problem]:
    """What is to be said of the utterances that lists name and that have no recording: with `allow_missing` nothing, as
    they are then warned of.

    Args:
        root: the corpus, which the warning or the problem names.
        absent: the first line that names each such utterance.
        allow_missing: warn only.

    Returns:
        One problem for all of them, then the first few of them, each with its line.
    """
    if not absent:
        return []
    names = ", ".join(sorted(absent)[:FIRST_NAMES] + ["..."] * (len(absent) > FIRST_NAMES))
    what = f"{len(absent)} recordings that the lists name are not there: {names}"
    if allow_missing:
        warn(f"{root}: {what}; what needs them is left out")
        return []
    problems = [Problem(f"{what}. Fetch the rest, or prepare what is there with --allow-missing", root)]
    problems += list(absent.values())[:MOST_OF_A_KIND]
    if len(absent) > MOST_OF_A_KIND:
        problems.append(Problem(f"{len(absent) - MOST_OF_A_KIND} more recordings are not there", root))
    return problems


def unnamed_recordings(audio: Collection[str], listed: Collection[str]) -> list[str]:
    """Recordings of the speakers of lists that no list names."""
    speakers = {UtteranceName.parse(utt).spk for utt in listed}
    return sorted(utt for utt in audio if utt not in listed and UtteranceName.parse(utt).spk in speakers)


TrainOn = Literal["bkg", "bkg+dev"]
Keys = Mapping[str, Mapping[str, Key]]  # by subset and gender


def prepare(
    root: Path,
    *,
    part: int = 2,
    train_on: TrainOn = "bkg",
    audio_root: Path | None = None,
    audio: bool = True,
    allow_missing: bool = False,
    jobs: int = 1,
) -> dict[str, PreparedSet]:
    """The sets train (all recordings of the speakers who train), dev and eval (what their lists name, both genders).

    Trial types come from the flags of the lists and are checked against the ids. The counts are compared with the
    published ones, but for a synthetic corpus.

    Args:
        root: The corpus, which holds `key/` and the recordings.
        part: One of PARTS.
        train_on: Whose recordings train: the background speakers', or the dev speakers' too.
        audio_root: Where the recordings are, if not in `root`.
        audio: Look for the recordings and listen to them; else they are taken to be there, and the background speakers
            are those numbered before the listed ones.
        allow_missing: Warn of other counts and of recordings that are not there, and leave out what needs these.
        jobs: Processes that listen.

    Raises:
        SvtokError: where `root` is not the corpus, or not all of it.
        ProblemsError: with everything that is wrong with its lists, or with its recordings.
    """
    if part not in PARTS:
        raise SvtokError(f"part {part} of RSR2015 is not supported (known: {', '.join(map(str, PARTS))})")
    found = find_audio(audio_folder(root, audio_root), part) if audio else None
    absent: Absent = {}
    keys, problems = _read_keys(root / "key" / f"part{part}", part, found, absent)
    listed = {subset: _listed(keys[subset].values()) for subset in SUBSETS}
    both = set().union(*listed.values())
    recordings = taken_to_be_there(audio_root or root, both) if found is None else found
    missing = absent_recordings(root, absent, allow_missing=allow_missing)
    unnamed = [] if problems else unnamed_recordings(recordings, both)  # else it is not known what the lists name
    if unnamed and missing:
        what = f"{len(unnamed)} recordings of speakers of the lists are there that no list names, such as {unnamed[0]}"
        missing.append(Problem(f"{what}: are the lists and the audio of one release?", root))
    raise_problems([*problems, *missing])
    warn_of_unused(root, unnamed, "are of speakers of the lists and named by no list")
    of_all = [key for genders in keys.values() for key in genders.values()]
    train = _training(root, recordings, listed, train_on)
    if part == DIGITS_PART:
        _warn_of_digits(root, of_all, both)
    if not is_synthetic(root):
        _check_counts(root, part, keys, {UtteranceName.parse(utt).spk for utt in recordings}, allow_missing)
    by_sentence = all(key.by_sentence for key in of_all)
    utterances = _utterances(sorted((both | train).difference(absent)), recordings, by_sentence)
    if by_sentence and is_synthetic(root):
        utterances["text"] = utterances["phrase"].map(PHRASES)
    if audio:
        utterances = look_at_takes(utterances, [], jobs)
    sets = {"train": PreparedSet(_rows(utterances, train))}
    for subset, genders in keys.items():
        models = pd.concat([key.models for key in genders.values()], ignore_index=True)
        models = models if by_sentence else models.assign(phrase=UNKNOWN)
        trials = _joined([key.trials for key in genders.values()])
        whole = PreparedSet(_rows(utterances, listed[subset]), models, trials)
        sets[subset] = leave_out(whole, absent, f"{root}: {subset}")
        left = sets[subset].trials
        if left is None or left.empty:
            raise SvtokError(f"{root}: no trial of {subset} of which the recordings are there")
    return sets


def _read_keys(folder: Path, part: int, audio: Collection[str] | None, absent: Absent) -> tuple[Keys, list[Problem]]:
    """The lists of each subset, male and female, that can be read, and what is wrong with the others. Utterances
    without a recording go to `absent`."""
    keys: dict[str, dict[str, Key]] = {subset: {} for subset in SUBSETS}
    problems: list[Problem] = []
    for (subset, gender), (trn, ndx) in find_key_files(folder).items():
        try:
            keys[subset][gender] = read_key(trn, ndx, part, audio, absent)
        except ProblemsError as error:
            problems += error.problems
    return keys, problems


def _listed(keys: Collection[Key]) -> set[str]:
    """The utterances that the lists name, for enrollment or as tests."""
    enrolled = (utt for key in keys for utt in enrollments(key.models)["utt"])
    tests = (utt for key in keys for utt in key.trials["utt"].cat.categories)
    return {*enrolled, *tests}


def _training(root: Path, audio: Collection[str], listed: Mapping[str, set[str]], train_on: TrainOn) -> set[str]:
    """The utterances to train on. Raises where a speaker is in both dev and eval, or nobody is left."""
    dev, eval_ = ({UtteranceName.parse(utt).spk for utt in listed[subset]} for subset in SUBSETS)
    raise_problems(
        [Problem(f"speaker {spk} is in lists of both dev and eval", root / "key") for spk in sorted(dev & eval_)]
    )
    others = eval_ if train_on == "bkg+dev" else dev | eval_
    train = {utt for utt in audio if UtteranceName.parse(utt).spk not in others}
    if not train:
        raise SvtokError(f"{root}: every speaker is in a list of dev or eval, so there is nobody to train on")
    return train


def _check_counts(root: Path, part: int, keys: Keys, speakers: set[str], allow_missing: bool) -> None:
    """Compare the speakers and the trials of each type with the published numbers."""
    found: dict[str, int] = {}
    for subset, genders in keys.items():
        for gender, key in genders.items():
            of_list = set(key.models["spk"])
            speakers = speakers - of_list
            found[speakers_name(subset, gender)] = len(of_list)
            counts = key.trials["type"].value_counts()
            found.update({trials_name(subset, gender, flag): int(counts[flag]) for flag in FLAGS})
            found[trials_name(subset, gender)] = len(key.trials)
    found.update({speakers_name("bkg", gender): sum(spk[0] == gender for spk in speakers) for gender in GENDERS})
    check_counts(root, found, published(part), allow_missing=allow_missing)


def _warn_of_digits(root: Path, keys: Collection[Key], listed: set[str]) -> None:
    """Say what was found of a part of which little is known."""
    sentences = sorted({UtteranceName.parse(utt).sentence for utt in listed})
    files = sorted({len(utts.split()) for key in keys for utts in key.models["utts"]})
    phrases = (
        "sentences are phrases" if all(key.by_sentence for key in keys) else "phrases are known by the flags alone"
    )
    warn(
        f"{root}: part {DIGITS_PART}, of which no counts are published: sentences {', '.join(sentences)}; "
        f"{sum(len(key.models) for key in keys)} models, each of {' or '.join(map(str, files))} files; {phrases}"
    )


def _rows(utterances: pd.DataFrame, utts: set[str]) -> pd.DataFrame:
    return utterances[utterances["utt"].isin(utts)].reset_index(drop=True)


def _utterances(utts: list[str], recordings: Mapping[str, Path], by_sentence: bool) -> pd.DataFrame:
    """The table of these utterances, as their names say."""
    names = [UtteranceName.parse(utt) for utt in utts]
    return pd.DataFrame(
        {
            "utt": utts,
            "path": [str(recordings[utt]) for utt in utts],
            "spk": [name.spk for name in names],
            "phrase": [name.sentence if by_sentence else UNKNOWN for name in names],
            "gender": [name.gender for name in names],
            "session": [name.session for name in names],
        }
    )


def _joined(lists: list[pd.DataFrame]) -> pd.DataFrame:
    """The trials of both genders as one table of categories."""
    return pd.DataFrame({name: union_categoricals([trials[name] for trials in lists]) for name in lists[0].columns})
