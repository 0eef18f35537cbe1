"""Enrollment models and trials for a corpus that comes without them.

The first takes of each speaker's phrase enroll a model, all other takes are tests. Every model meets every test
utterance of the types TC, TW and IC; of the IW trials, which are by far the most, each model meets a seeded share.
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt
import pandas as pd

from svtok.errors import Problem, SvtokError, raise_problems
from svtok.manifest.trial_types import derive_types

PAIR = ["spk", "phrase"]


def make_models_and_trials(
    utterances: pd.DataFrame,
    *,
    enroll_takes: int,
    iw_share: float = 0.5,
    seed: int = 0,
    same_gender_only: bool = False,
    enrolled: npt.NDArray[np.bool_] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables of models and of trials (with their type) for a table of utterances.

    A speaker's phrase is enrolled with its first `enroll_takes` takes (by session, path and start; numbers inside
    them count as numbers), or with those that `enrolled` (one truth value an utterance) marks. A speaker's phrase
    with fewer takes gets no model: all its takes are tests of the other models. `iw_share` (0 to 1) is the part of
    each model's IW trials that is kept. With `same_gender_only` a model meets only tests of its own gender.

    Raises SvtokError where nothing can be enrolled, a gender is asked for and not known, or two models get one name.
    """
    if enroll_takes < 1:
        raise SvtokError(f"a model needs at least one take to enroll, not {enroll_takes}")
    if not 0 <= iw_share <= 1:
        raise SvtokError(f"the share of IW trials is between 0 and 1, not {iw_share}")
    if same_gender_only and "gender" not in utterances:
        raise SvtokError("trials within one gender need the column 'gender' in the table of utterances")
    marked = enrolled is not None
    enrolled = first_takes(utterances, enroll_takes) if enrolled is None else enrolled
    if not enrolled.any():
        why = "no take is marked to enroll" if marked else f"no speaker has {enroll_takes} takes of a phrase"
        raise SvtokError(f"{why}, so there would be no model")
    models = _models(utterances, enrolled)
    trials = _trials(models, utterances[~enrolled].sort_values("utt"), iw_share, seed, same_gender_only)
    return models, trials.assign(type=derive_types(trials, models, utterances))


def first_takes(utterances: pd.DataFrame, takes: int) -> npt.NDArray[np.bool_]:
    """Whether each utterance is among the first `takes` of its speaker's phrase, where there are that many."""
    ordered = utterances.iloc[take_order(utterances)]
    groups = ordered.groupby(PAIR, sort=False, observed=True)["utt"]
    chosen = (groups.cumcount() < takes) & (groups.transform("size") >= takes)
    return chosen.reindex(utterances.index).to_numpy(bool)


def take_order(utterances: pd.DataFrame) -> list[int]:
    """The rows by session, path and start: numbers inside session and path count as numbers, so 2 is before 10."""
    columns = [
        [_natural(cell) for cell in utterances[name]] for name in ("session", "path") if name in utterances.columns
    ]
    if "start" in utterances:
        columns.append([[("", start)] for start in utterances["start"]])
    keys = list(zip(*columns, utterances["utt"], strict=True))
    return sorted(range(len(keys)), key=keys.__getitem__)


def _natural(text: str) -> list[tuple[str, float]]:
    return [(word, float(number or -1)) for word, number in re.findall(r"(\D*)([0-9]*)", text)]


def _models(utterances: pd.DataFrame, enrolled: npt.NDArray[np.bool_]) -> pd.DataFrame:
    """One model for each speaker's phrase that has enrolled utterances, sorted by its name."""
    order = [row for row in take_order(utterances) if enrolled[row]]
    groups = utterances.iloc[order].groupby(PAIR, sort=False, observed=True)
    models = groups["utt"].agg(" ".join).rename("utts").reset_index()
    models.insert(0, "model", models["spk"] + "-" + models["phrase"])
    if "gender" in utterances:
        models["gender"] = groups["gender"].first().to_numpy()
    repeated = models[models["model"].duplicated(keep=False)]
    raise_problems(
        [
            Problem(f"speaker '{row.spk}' with phrase '{row.phrase}' gives the model '{row.model}', as another does")
            for row in repeated.itertuples()
        ]
    )
    return models.sort_values("model", ignore_index=True)


def _trials(
    models: pd.DataFrame, tests: pd.DataFrame, iw_share: float, seed: int, same_gender_only: bool
) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    spk, phrase = tests["spk"].to_numpy(object), tests["phrase"].to_numpy(object)
    chosen = []
    for model in models.itertuples():
        impostor_wrong = (spk != model.spk) & (phrase != model.phrase)
        meets = ~impostor_wrong
        iw = np.flatnonzero(impostor_wrong)
        if same_gender_only:
            same = tests["gender"].to_numpy(object) == model.gender
            meets, iw = meets & same, iw[same[iw]]
        meets[random.choice(iw, size=round(iw_share * len(iw)), replace=False)] = True
        chosen.append(np.flatnonzero(meets))
    codes = np.repeat(np.arange(len(models)), [len(rows) for rows in chosen])
    return pd.DataFrame(
        {
            "model": pd.Categorical.from_codes(codes, categories=pd.Index(models["model"])),
            "utt": pd.Categorical.from_codes(np.concatenate(chosen), categories=pd.Index(tests["utt"])),
        }
    )
