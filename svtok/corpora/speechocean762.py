"""speechocean762: 250 speakers, half of them children, read 20 English sentences each. Free text: no fixed phrases.

Source: J. Zhang and others, "speechocean762: An Open-Source Non-native English Speech Corpus For Pronunciation
Assessment", Interspeech 2021; OpenSLR's SLR101 and the public repository jimbozhang/speechocean762. All speakers have
Mandarin as their mother tongue. The archive holds `WAVE/SPEAKER<id>/<utterance>.WAV` (16 kHz) and two Kaldi data
directories, `train` and `test`, of 125 speakers each. A copy that lists its recordings in `recordings.csv` (columns
path, spk, phrase, gender, text) beside them will do as well.

Hardly a sentence is said by two speakers, and each speaker has one session, so the corpus makes no text-dependent
trials: it is there to train on speakers (`training.classes: speaker`), as a cohort, and for teachers that need no
labels.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from svtok.corpora.common import Published, check_counts, look_at_takes
from svtok.corpora.kaldi import import_set
from svtok.corpora.table import read_listing, utterance_columns
from svtok.errors import SvtokError
from svtok.manifest.sets import PreparedSet

PUBLISHED = Published({"speakers": 250, "recordings": 5000}, "the article, and the repository's README")
HALVES = ("train", "test")
LISTING = "recordings.csv"
FREE = "free"
"""The phrase of all utterances: none."""


def prepare(root: Path, *, allow_missing: bool = False, jobs: int = 1) -> dict[str, PreparedSet]:
    """The one set, train, of all speakers of both halves of the authors' split.

    Args:
        root: The unpacked archive, or a folder with `recordings.csv`.
        allow_missing: Whether a part of the corpus will do.
        jobs: Processes that decode the recordings.

    Returns:
        The set by its name.

    Raises:
        SvtokError: where `root` is not the corpus, or (without `allow_missing`) not all of it.
        ProblemsError: with everything that is wrong with the lists, and every recording that cannot be used.
    """
    if (root / LISTING).is_file():
        utterances = _listed(root / LISTING, jobs)
    elif all((root / half / "utt2spk").is_file() for half in HALVES):
        halves = [import_set(root / half, phrase=FREE, wav_root=root, jobs=jobs).utterances for half in HALVES]
        utterances = pd.concat(halves).sort_values("utt", ignore_index=True).assign(lang="en")
    else:
        raise SvtokError(f"{root}: holds neither {LISTING} nor the data directories train and test of the archive")
    found = {"speakers": utterances["spk"].nunique(), "recordings": len(utterances)}
    check_counts(root, found, PUBLISHED, allow_missing=allow_missing)
    return {"train": PreparedSet(utterances)}


def _listed(listing: Path, jobs: int) -> pd.DataFrame:
    """The table of utterances of a CSV, each named by its file."""
    rows = read_listing(listing).rows
    takes = utterance_columns(rows.assign(utt=[Path(path).stem for path in rows["path"]], phrase=FREE, lang="en"))
    return look_at_takes(takes, [], jobs)
