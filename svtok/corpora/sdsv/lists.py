"""Reading the lists of an SdSV or TdSV release (see `svtok.corpora.sdsv.layout`), with all that is wrong with them.

Lists name models and files only: who speaks is what the keys say of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from svtok.corpora.sdsv.layout import (
    FILE_COLUMNS,
    FREE_TEXT,
    PHRASES,
    SDSV,
    TDSV2024,
    TRAIN_COLUMNS,
    TRIAL_COLUMNS,
    Layout,
)
from svtok.errors import Problem, ProblemsError, unknown_name
from svtok.manifest.schema import TRIAL_TYPES, UNKNOWN, Place, codes_of, sort_keys
from svtok.manifest.schema import TRIALS as TRIALS_SCHEMA
from svtok.manifest.tables import Lines, enrollments, read_rows
from svtok.manifest.trial_types import agree, rows_in

GENDERS = {"m": "m", "f": "f", "male": "m", "female": "f"}
FIRST_ROW = 2  # the line of the first row, after the header


def read_train_labels(path: Path, layout: Layout, problems: list[Problem]) -> pd.DataFrame:
    """The training utterances: utt, spk, phrase, in the order of the list.

    Args:
        path: the list.
        layout: of the challenge; says whether free text may be a phrase.
        problems: where faults are added.
    """
    rows = _read(path, [TRAIN_COLUMNS])
    table = pd.DataFrame(dict(zip(("utt", "spk", "phrase"), rows.to_pydict().values(), strict=True)), dtype="str")
    problems += Place(path, FIRST_ROW).problems(
        np.flatnonzero(table["utt"].duplicated()), lambda row: f"'{table['utt'][row]}' is there twice"
    )
    phrases = (*PHRASES, FREE_TEXT) if layout.free_text else tuple(PHRASES)
    table["phrase"] = _phrases(table["phrase"], path, phrases, problems)
    return table


def read_enrollment(path: Path, layout: Layout, problems: list[Problem]) -> pd.DataFrame:
    """The models: model, phrase, gender where the layout has it, and utts, in the order of the list.

    Args:
        path: the list.
        layout: of the challenge; names the columns.
        problems: where faults are added.
    """
    other = TDSV2024 if layout is SDSV else SDSV
    hints = {len(other.enrollment_columns): f"; this is a list for `svtok prepare {other.command}`"}
    rows = _read(path, [layout.enrollment_columns], hints=hints)
    table = rows.to_pandas().astype("str")
    place = Place(path, FIRST_ROW)
    models = pd.DataFrame({"model": table["model-id"]})
    problems += place.problems(
        np.flatnonzero(models["model"].duplicated()), lambda row: f"model '{models['model'][row]}' is there twice"
    )
    models["phrase"] = _phrases(table["phrase-id"], path, tuple(PHRASES), problems)
    if layout.gender_column:
        models["gender"] = _genders(table["gender"], place, problems)
    files = table[list(FILE_COLUMNS)]
    problems += place.problems(
        np.flatnonzero(files.nunique(axis=1) < len(FILE_COLUMNS)),
        lambda row: f"model '{models['model'][row]}' is enrolled with one file twice",
    )
    models["utts"] = files.agg(" ".join, axis=1) if len(files) else pd.Series(dtype="str")
    return models


def read_trials(path: Path, models: Sequence[str] | None, problems: list[Problem]) -> pd.DataFrame:
    """The trials as categories: model, utt and, where the list has a third column, type, in the order of the list.

    Their models must be among `models`, where these are known.

    Args:
        path: the list.
        models: ids; None: not known.
        problems: where faults are added.
    """
    rows = _read(path, [TRIAL_COLUMNS, (*TRIAL_COLUMNS, "type")], repeating=True)
    trials = rows.rename_columns(["model", "utt", "type"][: rows.num_columns]).to_pandas()
    place = Place(path, FIRST_ROW)
    codes, names = codes_of(trials["model"])
    known = set(names if models is None else models)
    counts = np.bincount(codes, minlength=len(names))
    faults = [
        None if name in known else f"unknown model '{name}' (trials with it: {count})"
        for name, count in zip(names, counts, strict=True)
    ]
    problems += place.problems_of_values(codes, faults)
    keys = sort_keys(trials, TRIALS_SCHEMA)
    if len(keys) and not (np.diff(keys) > 0).all():
        problems += place.problems(
            np.flatnonzero(pd.Series(keys).duplicated()),
            lambda row: f"the trial '{trials['model'].iloc[row]} {trials['utt'].iloc[row]}' is there twice",
        )
    if "type" in trials:
        trials["type"] = _types(trials["type"], place, problems)
    return trials


def read_keys(path: Path, trials: int, problems: list[Problem]) -> pd.Series:
    """The type of each trial, from the first column of a file with a header and a line for each trial.

    Args:
        path: the file.
        trials: the number N of trials.
        problems: where faults are added, another number of lines among them.

    Returns:
        (N,), in the order of the trials.
    """
    lines = Lines.open(path).separated_by(" ")
    width = len(lines.header.split())
    types = _rows(lines, [str(number) for number in range(width)], repeating=True).column(0).to_pandas()
    if len(types) != trials:
        problems.append(Problem(f"{len(types)} keys, but the list of trials has {trials} trials", path))
    return _types(types, Place(path, FIRST_ROW), problems)


def read_genders(path: Path, problems: list[Problem]) -> dict[str, str]:
    """The gender, m or f, of each speaker (or model): two columns, with or without a header."""
    lines = Lines.open(path).separated_by(" ")
    header = lines.header.split()[-1].lower() not in GENDERS
    table = _rows(lines, ["name", "gender"], header=header).to_pandas()
    place = Place(path, 1 + header)
    genders = _genders(table["gender"], place, problems)
    first = dict(zip(table["name"][::-1], genders[::-1], strict=True))
    problems += place.problems(
        np.flatnonzero(table["name"].map(first) != genders), lambda row: f"'{table['name'][row]}' has two genders"
    )
    return first


def _read(
    path: Path,
    choices: Sequence[Sequence[str]],
    *,
    hints: Mapping[int, str] | None = None,
    repeating: bool = False,
) -> pa.Table:
    """The rows of a list with a header; the number of its columns shows which of the `choices` these are.

    `hints` says more of a list with some other number of columns.
    """
    lines = Lines.open(path).separated_by(" ")
    header = lines.header.split()
    columns = next((names for names in choices if len(names) == len(header)), None)
    if columns is None:
        wanted = " or ".join(f"{len(names)} ({' '.join(names)})" for names in choices)
        what = f"{len(header)} columns where there should be {wanted}{(hints or {}).get(len(header), '')}"
        raise ProblemsError([Problem(what, path, 1)])
    return _rows(lines, list(columns), repeating=repeating)


def _rows(lines: Lines, names: list[str], *, repeating: bool = False, header: bool = True) -> pa.Table:
    first = lines.header.split()[0] if lines.header.split() else ""
    if header and (first in TRIAL_TYPES or re.fullmatch(r"\w+_[0-9]+", first)):
        what = f"the header line is missing: the first line is '{lines.header}'"
        raise ProblemsError([Problem(what, lines.path, 1)])
    rows = read_rows(lines, names, delimiter=" ", dictionaries=names if repeating else (), header=header)
    if len(rows) == 0:
        raise ProblemsError([Problem("there is nothing after the header line", lines.path)])
    return rows


def _phrases(cells: pd.Series, path: Path, known: Sequence[str], problems: list[Problem]) -> pd.Series:
    """The phrase ids with two digits: '9' is '09'."""
    codes, names = codes_of(cells)
    ids = [name.zfill(2) for name in names]
    faults = [None if name in known else unknown_name("phrase", name, known) for name in ids]
    problems += Place(path, FIRST_ROW).problems_of_values(codes, faults)
    return pd.Series(np.array(ids, dtype=object)[codes], dtype="str")


def _types(cells: pd.Series, place: Place, problems: list[Problem]) -> pd.Series:
    """The types as a category with all four, in their order."""
    codes, names = codes_of(cells)
    faults = [None if name in TRIAL_TYPES else unknown_name("trial type", name, TRIAL_TYPES) for name in names]
    problems += place.problems_of_values(codes, faults)
    return cells.astype("category").cat.set_categories(list(TRIAL_TYPES))


def _genders(cells: pd.Series, place: Place, problems: list[Problem]) -> pd.Series:
    """The genders as m or f."""
    codes, names = codes_of(cells)
    faults = [None if name.lower() in GENDERS else f"gender '{name}' is not m, f, male or female" for name in names]
    problems += place.problems_of_values(codes, faults)
    return cells.map(lambda name: GENDERS.get(name.lower(), name))


Codes = npt.NDArray[np.int64]
Texts = npt.NDArray[np.object_]
TC, TW, IC, _ = range(len(TRIAL_TYPES))


def label(
    models: pd.DataFrame, trials: pd.DataFrame, place: Place, problems: list[Problem]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The models (model, phrase, utts and others) with their spk, and the tests: utt, spk, phrase.

    `trials` has the categories model, utt and, where the keys are known, type (with the categories of TRIAL_TYPES);
    without it all speakers, and the phrases of the tests, are UNKNOWN. Trials whose types contradict those of other
    trials go to `problems`, with the lines that `place` knows.

    Args:
        models: M rows.
        trials: N rows.
        place: the file and lines of the trials.
        problems: where faults are added.

    Returns:
        The models, M rows, and a row for each test utterance.
    """
    test, names = codes_of(trials["utt"])
    tests = pd.DataFrame({"utt": names}, dtype="str")
    if "type" not in trials:
        return models.assign(spk=UNKNOWN), tests.assign(spk=UNKNOWN, phrase=UNKNOWN)
    model = rows_in(trials["model"], models["model"])
    types = trials["type"].cat.codes.to_numpy(np.int64)
    speakers = _speakers(models, names, model, test, types)
    models = models.assign(spk=speakers[: len(models)])
    same_phrase = (types == TC) | (types == IC)
    phrases = np.full(len(names), UNKNOWN, dtype=object)
    phrases[test[same_phrase]] = models["phrase"].to_numpy(object)[model[same_phrase]]
    tests = tests.assign(spk=speakers[len(models) :], phrase=phrases)
    problems += _contradictions(models, tests, model, test, types, place)
    return models, tests


def shared_by_models(values: pd.Series, models: pd.DataFrame, trials: pd.DataFrame) -> Texts | None:
    """For each test (a category of the trials) the value that all models it meets have; None where they differ for
    some test. `values` has one value a row of `models`.

    Args:
        values: (M,).
        models: M rows.
        trials: with the categories model and utt.

    Returns:
        A value for each of the tests, in the order of their categories.
    """
    model, (test, names) = rows_in(trials["model"], models["model"]), codes_of(trials["utt"])
    codes, distinct = pd.factorize(values.to_numpy(object))
    of_tests = np.zeros(len(names), np.int64)
    of_tests[test] = codes[model]
    return np.asarray(distinct, dtype=object)[of_tests] if (of_tests[test] == codes[model]).all() else None


def _speakers(models: pd.DataFrame, tests: list[str], model: Codes, test: Codes, types: Codes) -> Texts:
    """The speakers of the models and then of the tests (M + T,); of each trial (N,) the rows and the type."""
    pairs = enrollments(models)
    file, files = pd.factorize(pairs["utt"])
    same = (types == TC) | (types == TW)
    one = np.concatenate([rows_in(pairs["model"], models["model"]), model[same]])
    other = np.concatenate([file + len(models) + len(tests), test[same] + len(models)])
    nodes = len(models) + len(tests) + len(files)
    graph = coo_array((np.ones(len(one), np.int8), (one, other)), shape=(nodes, nodes))
    _, speaker = connected_components(graph, directed=False)
    _, first = np.unique(speaker, return_index=True)
    names = np.array([*models["model"], *tests], dtype=object)
    return np.asarray("spk-" + names[first[speaker[: len(names)]]], dtype=object)


def _contradictions(
    models: pd.DataFrame, tests: pd.DataFrame, model: Codes, test: Codes, types: Codes, place: Place
) -> Iterator[Problem]:
    """Trials whose type is another than the one that speakers and phrases say, as all types together show."""
    right = 2 * ~agree("spk", models, model, tests, test) + ~agree("phrase", models, model, tests, test)
    yield from place.problems(
        np.flatnonzero(right != types),
        lambda row: (
            f"type is {TRIAL_TYPES[types[row]]}, but the types of other trials make it {TRIAL_TYPES[right[row]]}"
        ),
    )
