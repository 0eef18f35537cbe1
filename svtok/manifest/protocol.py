"""Enrollment models and trials for a corpus that comes without them.

The first takes of each speaker's phrase enroll a model, all other takes are tests. Every model meets every test
utterance of the types TC, TW and IC; of the IW trials, which are by far the most, each model meets a seeded share.
Where there are thousands of speakers, each test meets a seeded few of the models of other speakers instead.

A test of the very session in which its model was enrolled shares with it the room, the device and the day, and flatters
every error rate: where sessions are known, such trials of the model's own speaker can be left out. Those of other
speakers stay: the names of sessions are each speaker's own, and a shared room makes an impostor harder, not easier.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from svtok.errors import Problem, SvtokError, raise_problems
from svtok.manifest.tables import enrollments
from svtok.manifest.trial_types import agree, derive_types, rows_in

PAIR = ["spk", "phrase"]
PAIRS_A_BLOCK = 10_000_000

Codes = npt.NDArray[np.int64]


def make_models_and_trials(
    utterances: pd.DataFrame,
    *,
    enroll_takes: int,
    iw_share: float = 0.5,
    impostors: int | None = None,
    seed: int = 0,
    same: Sequence[str] = (),
    cross_session: bool = False,
    enrolled: npt.NDArray[np.bool_] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables of models and of trials (with their type) for a table of utterances.

    A speaker's phrase with too few takes gets no model: all its takes are tests of the other models.

    Args:
        utterances: The table.
        enroll_takes: A speaker's phrase is enrolled with so many takes, the first by session, path and start; numbers
            inside them count as numbers.
        iw_share: The part of each model's IW trials that is kept, 0 to 1.
        impostors: Counts instead, where given: each test meets, beside all models of its own speaker, at most so many
            drawn from the other speakers' models of its phrase (IC), and as many from those of other phrases (IW).
        seed: Of what is drawn.
        same: Columns of `utterances`, such as gender and lang, in which a model and the tests that it meets agree.
        cross_session: Leave out the TC and TW trials whose test is of a session in which their model was enrolled.
        enrolled: Instead of `enroll_takes`: for each utterance, whether it enrolls.

    Returns:
        The models, and the trials with their types.

    Raises:
        SvtokError: where nothing can be enrolled, no session is known or no target trial left to keep sessions apart,
            a column of `same` is not there, or two models get one name.
    """
    if enroll_takes < 1:
        raise SvtokError(f"a model needs at least one take to enroll, not {enroll_takes}")
    if not 0 <= iw_share <= 1:
        raise SvtokError(f"the share of IW trials is between 0 and 1, not {iw_share}")
    if impostors is not None and impostors < 1:
        raise SvtokError(f"a test needs at least one impostor, not {impostors}")
    for column in same:
        if column not in utterances:
            raise SvtokError(f"trials within one {column} need the column '{column}' in the table of utterances")
    if cross_session and "session" not in utterances:
        raise SvtokError(
            "the sessions of the recordings are not known (there is no column 'session'), so --cross-session cannot "
            "keep tests apart from those that enrolled; leave it out"
        )
    marked = enrolled is not None
    enrolled = first_takes(utterances, enroll_takes) if enrolled is None else enrolled
    if not enrolled.any():
        why = "no take is marked to enroll" if marked else f"no speaker has {enroll_takes} takes of a phrase"
        raise SvtokError(f"{why}, so there would be no model")
    models = _models(utterances, enrolled)
    of_models = utterances.set_index("utt").loc[models["utts"].str.split(" ").str[0], list(same)]
    tests = utterances[~enrolled].sort_values("utt")
    if impostors is None:
        model, test = _meet_a_share(models, of_models, tests, iw_share, seed)
    else:
        model, test = _meet_a_few(models, of_models, tests, impostors, seed)
    trials = pd.DataFrame(
        {
            "model": pd.Categorical.from_codes(model, categories=pd.Index(models["model"])),
            "utt": pd.Categorical.from_codes(test, categories=pd.Index(tests["utt"])),
        }
    )
    trials = trials.assign(type=derive_types(trials, models, utterances))
    if cross_session:
        trials = trials[~of_enrolling_session(trials, models, utterances)].reset_index(drop=True)
        if not (trials["type"] == "TC").any():
            raise SvtokError(
                "no target trial is left: each test of an enrolled phrase is of a session that enrolled it; enroll "
                "with fewer takes, or leave --cross-session out"
            )
    return models, trials


def of_enrolling_session(trials: pd.DataFrame, models: pd.DataFrame, utterances: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Whether the test of each trial (N,) is of the model's speaker, and of a session in which the model was enrolled.

    The column `session` of `utterances` must be there.

    Args:
        trials: N rows with model and utt.
        models: the models of the trials, with spk and utts.
        utterances: the utterances of trials and models, with spk and session.
    """
    sessions, names = pd.factorize(utterances["session"])
    pairs = enrollments(models)
    enrolled = rows_in(pairs["model"], models["model"]), rows_in(pairs["utt"], utterances["utt"])
    model, test = rows_in(trials["model"], models["model"]), rows_in(trials["utt"], utterances["utt"])
    same = np.isin(model * len(names) + sessions[test], enrolled[0] * len(names) + sessions[enrolled[1]])
    return np.asarray(same & agree("spk", models, model, utterances, test))


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


def _meet_a_share(
    models: pd.DataFrame, of_models: pd.DataFrame, tests: pd.DataFrame, iw_share: float, seed: int
) -> tuple[Codes, Codes]:
    """The rows of the model and of the test of each trial: all TC, TW and IC, and of each model a share of IW.

    `of_models` holds, for each model, the columns in which it agrees with its tests.
    """
    random = np.random.default_rng(seed)
    spk, phrase = tests["spk"].to_numpy(object), tests["phrase"].to_numpy(object)
    of_tests = tests[of_models.columns].to_numpy(object)  # (tests, columns)
    chosen = []
    for model, wanted in zip(models.itertuples(), of_models.to_numpy(object), strict=True):
        agrees = (of_tests == wanted).all(axis=1)
        impostor_wrong = (spk != model.spk) & (phrase != model.phrase)
        meets = agrees & ~impostor_wrong
        iw = np.flatnonzero(agrees & impostor_wrong)
        meets[random.choice(iw, size=round(iw_share * len(iw)), replace=False)] = True
        chosen.append(np.flatnonzero(meets))
    codes = np.repeat(np.arange(len(models)), [len(rows) for rows in chosen])
    return codes, np.concatenate(chosen)


def _meet_a_few(
    models: pd.DataFrame, of_models: pd.DataFrame, tests: pd.DataFrame, impostors: int, seed: int
) -> tuple[Codes, Codes]:
    """The rows of the model and of the test of each trial: all TC and TW, and of each test a few of IC and of IW."""
    random = np.random.default_rng(seed)
    found: list[tuple[Codes, Codes]] = []
    for rows in _blocks(len(tests), max(1, PAIRS_A_BLOCK // len(models))):
        block = tests.iloc[rows]
        own = _equal(block["spk"], models["spk"])  # (tests, models)
        same_phrase = _equal(block["phrase"], models["phrase"])
        agrees = np.ones_like(own)
        for column in of_models:
            agrees &= _equal(block[column], of_models[column])
        meets = own & agrees
        for others in (~own & same_phrase & agrees, ~own & ~same_phrase & agrees):
            meets |= _draw(others, impostors, random)
        test, model = np.nonzero(meets)
        found.append((model, test + rows.start))
    model, test = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.lexsort((test, model))
    return model[order], test[order]


def _blocks(length: int, size: int) -> Iterator[slice]:
    yield from (slice(start, start + size) for start in range(0, max(length, 1), size))


def _equal(of_tests: pd.Series, of_models: pd.Series) -> npt.NDArray[np.bool_]:
    """Whether each test (rows) and each model (columns) have the same value."""
    values = pd.Index(of_models.unique())
    return np.asarray(values.get_indexer(of_tests)[:, None] == values.get_indexer(of_models))


def _draw(among: npt.NDArray[np.bool_], number: int, random: np.random.Generator) -> npt.NDArray[np.bool_]:
    """At most `number` of the true values of each row, drawn without replacement."""
    if number >= among.shape[1]:
        return among
    keys = np.where(among, random.random(among.shape, np.float32), np.float32(2))  # 2: behind all that can be drawn
    chosen = np.zeros_like(among)
    np.put_along_axis(chosen, np.argpartition(keys, number, axis=1)[:, :number], True, axis=1)
    return chosen & among
