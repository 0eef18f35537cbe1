"""Who speaks in the trials of a challenge whose lists name models and files only: what the keys tell of it.

The model and the file of a TC or a TW trial are of one speaker, and so are models that share a file. Models and files
that hang together so are one speaker here, named after the first of its models. The phrase of a file is that of the
models it meets in TC and IC trials; that of a file without such trials stays unknown.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from svtok.errors import Problem
from svtok.manifest.schema import TRIAL_TYPES, UNKNOWN, Place, codes_of
from svtok.manifest.tables import enrollments
from svtok.manifest.trial_types import agree, rows_in

Codes = npt.NDArray[np.int64]
Texts = npt.NDArray[np.object_]
TC, TW, IC, _ = range(len(TRIAL_TYPES))


def label(
    models: pd.DataFrame, trials: pd.DataFrame, place: Place, problems: list[Problem]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The models (model, phrase, utts and others) with their spk, and the tests: utt, spk, phrase.

    `trials` has the categories model, utt and, where the keys are known, type (with the categories of TRIAL_TYPES);
    without it all speakers, and the phrases of the tests, are UNKNOWN. Trials whose types contradict those of other
    trials go to `problems`, with the lines that `place` tells.
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
    some test. `values` has one value a row of `models`."""
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
    """Trials whose type is another than the one that speakers and phrases say, which all types together tell."""
    told = 2 * ~agree("spk", models, model, tests, test) + ~agree("phrase", models, model, tests, test)
    yield from place.problems(
        np.flatnonzero(told != types),
        lambda row: (
            f"type is {TRIAL_TYPES[types[row]]}, but the types of other trials make it {TRIAL_TYPES[told[row]]}"
        ),
    )
