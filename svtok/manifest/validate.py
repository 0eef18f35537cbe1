"""Checking a prepared set: every rule that its tables and recordings must obey."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from svtok.errors import Problem, ProblemsError, raise_problems
from svtok.manifest.crosscheck import check_set
from svtok.manifest.recordings import check_recordings, decode_files
from svtok.manifest.schema import MODELS, TRIALS, UTTERANCES
from svtok.manifest.sets import MODELS_FILE, UTTERANCES_FILE, PreparedSet, audio_paths, trials_file
from svtok.manifest.tables import load_table, place_of


def validate_set(folder: Path, *, audio: bool = True, jobs: int = 1) -> tuple[PreparedSet, list[Problem]]:
    """The set, and all that is wrong with it.

    Each table is checked by itself, then the tables against each other, and with `audio` every recording is decoded,
    in `jobs` processes, and compared with what the table says of it. Raises ProblemsError where the columns or the
    lines of a table are such that no more can be told.
    """
    paths = {UTTERANCES: folder / UTTERANCES_FILE, MODELS: folder / MODELS_FILE, TRIALS: trials_file(folder)}
    frames: dict[str, pd.DataFrame] = {}
    unreadable: list[Problem] = []
    problems: list[Problem] = []
    places = {}
    for schema, path in paths.items():
        if path is None or not path.exists():
            continue
        places[schema.name] = place_of(path, schema)
        try:
            frames[schema.name], found = load_table(path, schema)
            problems += found
        except ProblemsError as error:
            unreadable += error.problems
    raise_problems([*unreadable, *problems] if unreadable else [])
    prepared = PreparedSet(frames["utterances"], frames.get("models"), frames.get("trials"), folder)
    problems += check_set(prepared, places)
    if audio:
        infos = decode_files(audio_paths(prepared), jobs=jobs)
        problems += check_recordings(prepared.utterances, infos, places["utterances"])
    return prepared, problems
