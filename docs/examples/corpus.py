"""A corpus whose recordings are named SPEAKER/PHRASE_TAKE.wav: its folder in, the tables of each set out."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import pandas as pd

from svtok.corpora.common import find_takes, folders_in, prepare_takes
from svtok.errors import Problem
from svtok.manifest.protocol import make_models_and_trials
from svtok.manifest.sets import PreparedSet

NAME = re.compile(r"(?P<phrase>[a-z-]+)_(?P<take>[0-9]+)\.wav")


def prepare(root: Path, *, enroll_takes: int = 1, seed: int = 0, jobs: int = 1) -> dict[str, PreparedSet]:
    """The sets train, dev and eval: the last speaker is eval, the one before dev; each set by its name."""
    problems: list[Problem] = []
    takes = find_takes(folders_in(root, "--root must name the corpus"), NAME, "'<phrase>_<take>.wav'", problems)
    rows = [
        (f"{path.parent.name}-{match['phrase']}-{match['take']}", str(path), path.parent.name, match["phrase"])
        for path, match in takes
    ]
    table = pd.DataFrame(rows, columns=["utt", "path", "spk", "phrase"])
    *train, dev, evaluation = sorted(table["spk"].unique())
    parts = {"train": train, "dev": [dev], "eval": [evaluation]}
    protocol = partial(make_models_and_trials, enroll_takes=enroll_takes, seed=seed)
    return prepare_takes(root, table, parts, protocol, problems, jobs=jobs)
