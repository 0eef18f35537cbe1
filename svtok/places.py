"""Which folder holds what: WORK/data/CORPUS/SET, WORK/feats/CORPUS/SET and WORK/exp/NAME. Nobody else knows."""

from __future__ import annotations

import os
from pathlib import Path

from svtok.errors import SvtokError

DATA, FEATURES, EXPERIMENTS = Path("data"), Path("feats"), Path("exp")
"""Within a work folder, which is the working folder of the recipes' commands."""


def features_folder(data: Path) -> Path:
    """Where the features of the prepared set `WORK/data/CORPUS/SET` lie: `WORK/feats/CORPUS/SET`.

    Raises SvtokError when the set does not lie in such a tree.
    """
    data = Path(os.path.abspath(data))
    if data.parent.parent.name != DATA.name:
        raise SvtokError(
            f"{data}: it is not known where its features belong, as it is no '{DATA}/CORPUS/SET' folder; name their "
            "folder"
        )
    return data.parents[2] / FEATURES / data.parent.name / data.name


def stored_features(data: Path) -> Path | None:
    """The folder of the features of a prepared set where they have one and it is there, else None."""
    try:
        folder = features_folder(data)
    except SvtokError:
        return None
    return folder if folder.exists() else None


def corpus_folder(data: Path) -> Path:
    """The folder of the corpus that a set belongs to."""
    return data.resolve().parent


def dev_folder(data: Path) -> Path:
    """Where the dev set of the same corpus lies."""
    return data.absolute().parent / "dev"


def prepared_sets(set_name: str) -> list[Path]:
    """The sets of a name in the corpora prepared under data/ of the working folder."""
    return sorted(path.parent for path in DATA.glob(f"*/{set_name}/utterances.tsv"))


def work_folders(network: Path) -> list[Path]:
    """What the places in a network's configuration may be relative to: the working folder, or WORK of WORK/exp/NAME."""
    return [Path(), network.absolute().parent.parent]
