"""Google Speech Commands v2: 2,618 people say 35 English words, one second a take. Real speech, crowdsourced.

Source: P. Warden, "Speech Commands: A Dataset for Limited-Vocabulary Speech Recognition", arXiv 1804.03209, 2018 (CC
BY 4.0); the archive speech_commands_v0.02.tar.gz. It unpacks, into the folder it is unpacked in, to
`<word>/<speaker>_nohash_<take>.wav` with a speaker of eight hexadecimal digits, `_background_noise_/` (no words), and
`validation_list.txt` and `testing_list.txt`: the files of the authors' dev and test sets, which share no speaker with
each other or with the rest. Recordings are 16 kHz; some are shorter than a second.

The archive has no trials; those made here are ours. Of the 2,618 speakers only those who say a word more often than
`enroll_takes` times can be enrolled with it; the others are impostors.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from svtok.corpora.common import Published, find_takes, folders_in, prepare_takes
from svtok.errors import Problem, SvtokError
from svtok.manifest.protocol import PAIR, first_takes, make_models_and_trials
from svtok.manifest.sets import PreparedSet
from svtok.manifest.tables import Lines

PUBLISHED = Published({"phrases": 35, "speakers": 2618, "recordings": 105_829}, "Warden, arXiv 1804.03209, 2018")
LISTS = {"dev": "validation_list.txt", "eval": "testing_list.txt"}
FILE_NAME = re.compile(r"(?P<spk>[0-9a-f]{8})_nohash_(?P<take>[0-9]+)\.wav")
NO_WORDS = ("_background_noise_",)
COLUMNS = ["utt", "path", "spk", "phrase", "text", "lang"]


def prepare(
    root: Path,
    *,
    enroll_takes: int = 2,
    impostors: int = 20,
    cross_session: bool = False,
    seed: int = 0,
    allow_missing: bool = False,
    jobs: int = 1,
) -> dict[str, PreparedSet]:
    """The sets train, dev and eval, split as the authors did, with models and trials for dev and eval.

    Args:
        root: The unpacked archive.
        enroll_takes: The first takes of each speaker's word, which enroll it where there are more; others are tests.
        impostors: A test meets all models of its speaker (TC, TW), and of the others' at most so many of its word (IC)
            and as many of other words (IW).
        cross_session: Leave out TC and TW trials whose test is of a session that enrolled the model.
        seed: Draws the impostors.
        allow_missing: Prepare a part of the corpus.
        jobs: Processes that decode the recordings.

    Raises:
        SvtokError: where `root` is not the corpus, or not all of it.
        ProblemsError: with every file that cannot be used.
    """
    problems: list[Problem] = []
    takes = pd.DataFrame(list(_rows(root, problems)), columns=COLUMNS)
    listed = {name: _read_list(root / file, problems) for name, file in LISTS.items()}
    problems += [
        Problem(f"speaker {spk} is also in {LISTS['dev']}", root / LISTS["eval"])
        for spk in sorted(listed["dev"] & listed["eval"])
    ]
    parts = {**listed, "train": set(takes["spk"]) - listed["dev"] - listed["eval"]}

    def protocol(own: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        spare = (own.groupby(PAIR)["utt"].transform("size") > enroll_takes).to_numpy(bool)
        enrolled = first_takes(own, enroll_takes) & spare
        if not enrolled.any():
            raise SvtokError(f"no speaker says a word more than {enroll_takes} times; use fewer takes to enroll")
        return make_models_and_trials(
            own,
            enroll_takes=enroll_takes,
            impostors=impostors,
            cross_session=cross_session,
            seed=seed,
            enrolled=enrolled,
        )

    return prepare_takes(
        root, takes, parts, protocol, problems, published=PUBLISHED, allow_missing=allow_missing, jobs=jobs
    )


def _rows(root: Path, problems: list[Problem]) -> Iterator[tuple[str, ...]]:
    """The COLUMNS of each recording; what has another name than it should goes to `problems`."""
    words = folders_in(root, "--root must name the unpacked speech_commands_v0.02.tar.gz", ignored=NO_WORDS)
    for path, match in find_takes(words, FILE_NAME, "8 hexadecimal digits, '_nohash_', digits, '.wav'", problems):
        word = path.parent.name
        yield f"{match['spk']}-{word}-{match['take']}", str(path), match["spk"], word, word, "en"


def _read_list(path: Path, problems: list[Problem]) -> set[str]:
    """The speakers of a list of files; lines of another form go to `problems`, and so does a list that is not there."""
    if not path.is_file():
        problems.append(Problem("there is no such file; it comes with the archive, and holds the split", path))
        return set()
    speakers = set()
    for number, line in Lines.open(path):
        word, _, name = line.strip().partition("/")
        if word and (match := FILE_NAME.fullmatch(name)):
            speakers.add(match["spk"])
        else:
            problems.append(Problem("must be '<word>/<file>', such as yes/004ae714_nohash_0.wav", path, number))
    return speakers
