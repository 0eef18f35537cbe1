"""Arabic Speech Commands: 30 speakers say 40 command words, each several times. Real speech, one second a take.

Source: A. Ghandoura, F. Hjabo, O. Al Dakkak, "Building and Benchmarking an Arabic Speech Commands Dataset for
Small-Footprint Keyword Spotting", Engineering Applications of Artificial Intelligence, 2021; the public repository
abdulkaderghandoura/arabic-speech-commands-dataset (CC BY 4.0). The tree is `dataset/<word>/<speaker>_NO_<take>.wav`,
with the English name of the Arabic word and a speaker of eight digits; FLAC will do as well, and any number of takes.
A file `EXCLUDE.tsv` beside `dataset/` lists takes to leave out: their path from there, a tab, and the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import pandas as pd

from svtok.corpora.common import find_takes, folders_in, prepare_takes, warn_of_unused
from svtok.corpora.new_phrases import hold_out_phrases
from svtok.errors import Problem, SvtokError, raise_problems
from svtok.manifest.protocol import make_models_and_trials
from svtok.manifest.schema import normal
from svtok.manifest.sets import SETS, PreparedSet
from svtok.manifest.tables import Lines

AUTHORS_SPLIT: Mapping[str, tuple[int, ...]] = {
    "train": (1, 5, 6, 9, 11, 13, 15, 16, 17, 18, 19, 20, 22, 23, 24, 27, 29, 30),
    "dev": (2, 7, 8, 12, 21, 25),
    "eval": (3, 4, 10, 14, 26, 28),
}
FILE_NAME = re.compile(r"(?P<spk>[0-9]{8})_NO_(?P<take>[0-9]+)\.(wav|flac)")
COLUMNS = ["utt", "path", "spk", "phrase"]
NO_WORDS = ("background_noise", "_background_noise_")


def prepare(
    root: Path,
    *,
    folds: int | None = None,
    fold: int | None = None,
    enroll_takes: int = 3,
    cross_session: bool = False,
    new_phrases: int | Path | None = None,
    seed: int = 0,
    jobs: int = 1,
) -> dict[str, PreparedSet]:
    """The sets train, dev and eval, with models and trials for dev and eval.

    Speakers are split as the authors did, or into folds.

    Args:
        root: The corpus, which holds `dataset/`.
        folds: Into how many folds the speakers are split. Over all folds, each speaker is in eval once.
        fold: Whose speakers are eval, 1 to `folds`; those of the next fold are dev, the rest train.
        enroll_takes: The first takes of each speaker's word, which enroll it; the others are tests.
        cross_session: Leave out TC and TW trials whose test is of a session that enrolled the model.
        new_phrases: As `new` of `hold_out_phrases`; None: all sets say the same words.
        seed: Draws half of the IW trials, and the new words.
        jobs: Processes that decode the recordings.

    Raises:
        SvtokError: where `root` is not the corpus, or the folds or the new words cannot be.
        ProblemsError: with every file that cannot be used.
    """
    problems: list[Problem] = []
    excluded = _read_excluded(root / "EXCLUDE.tsv", problems)
    takes = pd.DataFrame(list(_rows(root / "dataset", problems)), columns=COLUMNS)
    warn_of_unused(root, set(takes["utt"]) & excluded, "are in EXCLUDE.tsv")
    takes = takes[~takes["utt"].isin(excluded)].reset_index(drop=True)
    speakers = sorted(takes["spk"].unique())
    if (folds is None) != (fold is None):
        raise SvtokError("folds and fold come together: the number of folds, and which of them is eval")
    if folds is None or fold is None or not speakers:
        parts = _authors_split(root, speakers)
    else:
        parts = split_in_folds(speakers, folds, fold)
    protocol = partial(make_models_and_trials, enroll_takes=enroll_takes, cross_session=cross_session, seed=seed)
    sets = prepare_takes(root, takes, parts, protocol, problems, jobs=jobs)
    return sets if new_phrases is None else hold_out_phrases(root, sets, new_phrases, seed)


def split_in_folds(speakers: list[str], folds: int, fold: int) -> dict[str, list[str]]:
    """The speakers of each set: every `folds`-th speaker, from number `fold` on, is eval, the next one each is dev.

    Args:
        speakers: names, in the order in which they are dealt out.
        folds: how many folds there are.
        fold: which of them is eval, from 1.

    Returns:
        The speakers of each of train, dev and eval.

    Raises:
        SvtokError: unless there are 3 folds at least, a speaker for each, and `fold` is one of them.
    """
    if not 3 <= folds <= len(speakers):
        raise SvtokError(f"{folds} folds are not possible: 3 are needed, and at most one a speaker ({len(speakers)})")
    if not 1 <= fold <= folds:
        raise SvtokError(f"fold {fold} does not exist: folds are numbered 1 to {folds}")
    names = {fold - 1: "eval", fold % folds: "dev"}
    parts: dict[str, list[str]] = {name: [] for name in SETS}
    for number, speaker in enumerate(speakers):
        parts[names.get(number % folds, "train")].append(speaker)
    return parts


def _authors_split(root: Path, speakers: list[str]) -> dict[str, list[str]]:
    parts = {name: [f"{number:08d}" for number in numbers] for name, numbers in AUTHORS_SPLIT.items()}
    known = {speaker for part in parts.values() for speaker in part}
    raise_problems(
        [
            Problem(f"speaker {speaker} is not in the authors' split; use --folds", root)
            for speaker in speakers
            if speaker not in known
        ]
    )
    return parts


def _rows(dataset: Path, problems: list[Problem]) -> Iterator[tuple[str, ...]]:
    """The COLUMNS of each recording; what has another name than it should goes to `problems`."""
    why = "--root must name a copy of the public repository abdulkaderghandoura/arabic-speech-commands-dataset"
    words = folders_in(dataset, why, ignored=NO_WORDS)
    files = [path for path in sorted(dataset.iterdir()) if path.is_file() and not path.name.startswith(".")]
    problems += [Problem("a file where only the folders of words should be", path) for path in files]
    for path, match in find_takes(words, FILE_NAME, "8 digits, '_NO_', digits, '.wav' or '.flac'", problems):
        word = path.parent.name
        yield _utt(word, match), str(path), match["spk"], _phrase(word)


def _phrase(word: str) -> str:
    """The folder of a word as an id: 'zoom in' is 'zoom-in'."""
    return "-".join(normal(word).split())


def _utt(word: str, name: re.Match[str]) -> str:
    return f"{name['spk']}-{_phrase(word)}-{name['take']}"


def _read_excluded(table: Path, problems: list[Problem]) -> set[str]:
    """The ids of the takes to leave out, be they WAV or FLAC, there or not; lines of another form go to `problems`."""
    excluded = set()
    if table.is_file() and table.stat().st_size:
        for number, line in Lines.open(table):
            path, _, reason = line.partition("\t")
            folder, *names = path.split("/")
            match = FILE_NAME.fullmatch(names[-1]) if folder == "dataset" and len(names) == 2 else None
            if match and reason.strip():
                excluded.add(_utt(names[0], match))
            else:
                problems.append(Problem("must be 'dataset/<word>/<file>', a tab, and the reason", table, number))
    return excluded
