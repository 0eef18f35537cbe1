"""AudioMNIST: 60 speakers say the ten English digits 50 times each, at 48 kHz. Real speech, in quiet rooms.

Source: S. Becker, J. Vielhaben, M. Ackermann, K.-R. Mueller, S. Lapuschkin, W. Samek, "AudioMNIST: Exploring
Explainable Artificial Intelligence for Audio Analysis on a Simple Benchmark", Journal of the Franklin Institute 361,
2024; the public repository soerenab/AudioMNIST (MIT). The tree is `data/<speaker>/<digit>_<speaker>_<take>.wav`, with
speakers 01 to 60 and takes 0 to 49, and `data/audioMNIST_meta.txt`, JSON: of each speaker the gender, accent and more.
Some speakers' folders also hold a `notes.txt`; that of speaker 36 says that 3_36_20 and 3_36_29 are copies of 3_36_19
and 3_36_28, recorded once.

The folds are the authors' ("digit" in their `audiomnist/train/splits.py`): five groups of 12 speakers, of which one is
eval, the one before it dev. The repository has no trials; those made here are ours.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pandas as pd

from svtok.corpora.common import Published, find_takes, folders_in, prepare_takes
from svtok.errors import Problem, SvtokError
from svtok.manifest.protocol import make_models_and_trials
from svtok.manifest.sets import PreparedSet

PUBLISHED = Published(
    {"speakers": 60, "phrases": 10, "recordings": 30_000}, "the README of soerenab/AudioMNIST, and the article"
)
GROUPS = (
    (26, 52, 60, 18, 32, 42, 5, 13, 22, 33, 45, 51),
    (28, 56, 7, 19, 35, 1, 6, 16, 23, 34, 46, 53),
    (36, 57, 9, 24, 37, 2, 8, 17, 29, 39, 48, 54),
    (43, 58, 14, 25, 38, 3, 10, 20, 30, 40, 49, 55),
    (12, 47, 59, 15, 27, 41, 4, 11, 21, 31, 44, 50),
)
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
GENDERS = {"male": "m", "female": "f"}
META = "audioMNIST_meta.txt"
FILE_NAME = re.compile(r"(?P<digit>[0-9])_(?P<spk>[0-9]{2})_(?P<take>[0-9]+)\.wav")
COLUMNS = ["utt", "path", "spk", "phrase", "text", "lang", "gender"]


def prepare(
    root: Path,
    *,
    fold: int = 1,
    enroll_takes: int = 3,
    cross_session: bool = False,
    seed: int = 0,
    allow_missing: bool = False,
    jobs: int = 1,
) -> dict[str, PreparedSet]:
    """The sets train, dev and eval of one of the authors' five folds, with models and trials for dev and eval.

    Phrases are the digits in letters.

    Args:
        root: The corpus, which holds `data/`.
        fold: Which of the GROUPS is eval, from 1; the one before it is dev.
        enroll_takes: The first takes of each speaker's digit, which enroll it; the others are tests.
        cross_session: Leave out TC and TW trials whose test is of a session that enrolled the model.
        seed: Draws half of the IW trials.
        allow_missing: Prepare a part of the corpus.
        jobs: Processes that decode the recordings.

    Raises:
        SvtokError: where `root` is not the corpus, or not all of it.
        ProblemsError: with every file that cannot be used and every speaker whose gender the meta file does not say.
    """
    parts = split(fold)
    problems: list[Problem] = []
    takes = pd.DataFrame(list(_rows(root / "data", problems)), columns=COLUMNS[:-1])
    genders = _read_genders(root / "data" / META, sorted(takes["spk"].unique()), problems) if len(takes) else {}
    takes["gender"] = takes["spk"].map(genders)
    protocol = partial(make_models_and_trials, enroll_takes=enroll_takes, cross_session=cross_session, seed=seed)
    return prepare_takes(
        root, takes, parts, protocol, problems, published=PUBLISHED, allow_missing=allow_missing, jobs=jobs
    )


def split(fold: int) -> dict[str, list[str]]:
    """The speakers of each set in a fold, 1 to 5. Raises SvtokError for another one."""
    if not 1 <= fold <= len(GROUPS):
        raise SvtokError(f"fold {fold} does not exist: folds are numbered 1 to {len(GROUPS)}")
    groups = [sorted(f"{number:02d}" for number in group) for group in GROUPS]
    evaluation, before = groups[fold - 1], groups[fold - 2]
    others = [speaker for group in groups for speaker in group if group not in (evaluation, before)]
    return {"train": sorted(others), "dev": before, "eval": evaluation}


def _rows(data: Path, problems: list[Problem]) -> Iterator[tuple[str, ...]]:
    """The COLUMNS of each recording but its gender; what has another name than it should goes to `problems`."""
    why = "--root must name a copy of the public repository soerenab/AudioMNIST"
    what = "'<digit>_<speaker>_<take>.wav' in the folder of the speaker"
    for path, match in find_takes(folders_in(data, why), FILE_NAME, what, problems, ignored=["notes.txt"]):
        spk, word = match["spk"], DIGITS[int(match["digit"])]
        if spk == path.parent.name:
            yield f"{spk}-{word}-{match['take']}", str(path), spk, word, word, "en"
        else:
            problems.append(Problem(f"not named as a take: {what}", path))


def _read_genders(path: Path, speakers: list[str], problems: list[Problem]) -> dict[str, str]:
    """The gender, m or f, of each of the speakers; what is not known goes to `problems`."""
    if not path.is_file():
        problems.append(Problem("there is no such file; it comes with the repository", path))
        return {}
    try:
        meta = json.loads(path.read_text(encoding="utf-8"))
        genders = {spk: about["gender"] for spk, about in meta.items() if "gender" in about}
    except (ValueError, AttributeError, TypeError) as error:
        problems.append(Problem(f"not JSON with an object for each speaker ({error})", path))
        return {}
    for spk in speakers:
        if genders.get(spk) not in GENDERS:
            problems.append(Problem(f"speaker {spk} has no gender (known: {', '.join(GENDERS)})", path))
    return {spk: GENDERS[genders[spk]] for spk in speakers if genders.get(spk) in GENDERS}
