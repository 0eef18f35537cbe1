"""DeepMine v2 as the TdSV Challenge 2024 gives it out: lists of dev with trial types, and of eval without.

Source: "Text-dependent Speaker Verification (TdSV) Challenge 2024: challenge evaluation plan", arXiv:2404.13428. The
corpus is licensed by its owners; its layout is in `svtok.corpora.sdsv.layout`.
"""

from __future__ import annotations

from pathlib import Path

from svtok.corpora.sdsv.layout import TDSV2024
from svtok.corpora.sdsv.prepare import prepare_release
from svtok.manifest.sets import PreparedSet


def prepare(
    root: Path,
    *,
    genders: Path | None = None,
    keys: Path | None = None,
    audio: bool = True,
    allow_missing: bool = False,
    jobs: int = 1,
) -> dict[str, PreparedSet]:
    """The sets train, dev and eval, those of which there are lists.

    Training utterances of free text have the phrase FT. For the arguments, and what is raised, see
    `svtok.corpora.sdsv.prepare.prepare_release`.
    """
    return prepare_release(
        root, TDSV2024, genders=genders, keys=keys, audio=audio, allow_missing=allow_missing, jobs=jobs
    )
