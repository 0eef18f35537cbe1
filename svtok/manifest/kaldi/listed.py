"""Sets of which there are lists and no tables: the trials of embeddings that another toolkit made, and its utt2spk."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from svtok.errors import Problem, raise_problems
from svtok.manifest.kaldi.lists import read_any_trials
from svtok.manifest.kaldi.reading import UTTERANCE_FILES, read_map
from svtok.manifest.schema import MODELS, UNKNOWN, UTTERANCES, Place, check_cells
from svtok.manifest.sets import PreparedSet, is_set, read_set
from svtok.manifest.tables import first_fields, read_models


def listed_set(trials: Path, models: Path | None = None) -> PreparedSet:
    """The set that a list of trials describes: nothing is known of its speakers, phrases and recordings.

    Args:
        trials: a list or a table (`svtok.manifest.kaldi.lists.read_any_trials`).
        models: the utterances that enroll each model: Kaldi's spk2utt, or a `models.tsv`; None: each name that a trial
            has first is an utterance, and a model of it alone.

    Raises:
        ProblemsError: with every wrong line of a list.
    """
    table = read_any_trials(trials)
    tests = pd.DataFrame({"utt": table["utt"].cat.categories, "path": "", "spk": UNKNOWN, "phrase": UNKNOWN})
    return PreparedSet(tests, _models(models) if models else _of_one(list(table["model"].cat.categories)), table)


def _of_one(names: list[str]) -> pd.DataFrame:
    return pd.DataFrame({"model": names, "spk": UNKNOWN, "phrase": UNKNOWN, "utts": names})


def _models(path: Path) -> pd.DataFrame:
    if first_fields(path)[:1] == ["model"]:
        return read_models(path)
    problems: list[Problem] = []
    found = read_map(path, problems, words=None)
    models = _of_one(list(found.values)).assign(utts=[" ".join(value.split()) for value in found.values.values()])
    raise_problems([*problems, *check_cells(models, MODELS, Place(path, lines=list(found.lines.values())))])
    return models


def read_labels(folder: Path) -> pd.DataFrame:
    """Who says what: the columns utt, spk and phrase of a prepared set, or of a folder with Kaldi's utt2spk and, where
    it is there, utt2phrase; without it all say the phrase UNKNOWN.

    Raises:
        SvtokError: the folder is neither.
        ProblemsError: with every wrong line.
    """
    if is_set(folder) or not (folder / UTTERANCE_FILES["spk"]).is_file():
        return read_set(folder).utterances
    problems: list[Problem] = []
    speakers = read_map(folder / UTTERANCE_FILES["spk"], problems)
    labels = pd.DataFrame({"utt": list(speakers.values), "spk": list(speakers.values.values()), "phrase": UNKNOWN})
    phrases = folder / UTTERANCE_FILES["phrase"]
    if phrases.is_file():
        labels["phrase"] = read_map(phrases, problems).column(labels["utt"].tolist(), speakers.path, problems)
    place = Place(speakers.path, lines=list(speakers.lines.values()))
    raise_problems([*problems, *check_cells(labels, UTTERANCES, place)])
    return labels.astype(object)
