"""A prepared corpus: a folder with `corpus.yaml` and one prepared set for each of train, dev and eval."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from svtok.errors import SvtokError
from svtok.files import writing_folder
from svtok.manifest.corpus_info import FILE_NAME, CorpusInfo, write_corpus_info
from svtok.manifest.sets import SETS, TABLE_FILES, PreparedSet, is_set, refuse_other_files, write_set


def write_corpus(info: CorpusInfo, sets: Mapping[str, PreparedSet], folder: Path) -> None:
    """Write all sets of a corpus, in place of those that were there. The whole corpus is written, or nothing is.

    Raises SvtokError where `folder` holds anything but a prepared corpus, ProblemsError for a table that breaks a rule.
    """
    refuse_other_files(folder, (*SETS, FILE_NAME))
    for name in SETS:
        refuse_other_files(folder / name, TABLE_FILES)
    with writing_folder(folder) as temporary:
        for name, prepared in sets.items():
            write_set(prepared, temporary / name)
        write_corpus_info(temporary, info)


def set_folders(folder: Path) -> list[Path]:
    """The sets that a folder holds, or the folder itself where it is a set. Raises SvtokError where there is none."""
    if is_set(folder):
        return [folder]
    inside = [folder / name for name in SETS if is_set(folder / name)]
    if not inside:
        raise SvtokError(
            f"{folder}: holds no prepared set (a folder with utterances.tsv, or {', '.join(SETS)} with it)"
        )
    return inside
