"""Checking a prepared set: its tables against each other, its recordings; and what it holds, in numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from svtok.errors import Problem, ProblemsError, raise_problems
from svtok.manifest.protocol import of_enrolling_session
from svtok.manifest.recordings import check_recordings, list_warnings, listen
from svtok.manifest.schema import MODELS, TRIALS, UNKNOWN, UTTERANCES, Place, codes_of
from svtok.manifest.sets import MODELS_FILE, UTTERANCES_FILE, PreparedSet, audio_paths, trials_file
from svtok.manifest.tables import enrollments, load_table, place_of
from svtok.manifest.trial_types import TRIAL_TYPES, UnknownTypesError, derive_types, is_unknown, rows_in, types_of


def check_set(prepared: PreparedSet, places: Mapping[str, Place] | None = None) -> Iterator[Problem]:
    """What is wrong between tables that are well-formed each by itself.

    `places` (by the names utterances, models, trials) says where the rows stand; without it, problems name the table.
    """
    places = places or {schema.name: Place(f"table of {schema.name}") for schema in (UTTERANCES, MODELS, TRIALS)}
    utterances, models, trials = prepared.utterances, prepared.models, prepared.trials
    if utterances.empty:
        yield Problem("there is no utterance", places["utterances"].path)
    if models is not None:
        yield from _check_models(models, utterances, places["models"])
    if trials is not None:
        if models is None:
            yield Problem("there are trials, but no models", places["trials"].path)
        else:
            yield from _check_trials(trials, models, utterances, places["trials"])


def _check_models(models: pd.DataFrame, utterances: pd.DataFrame, place: Place) -> Iterator[Problem]:
    """Enrollment utterances that are unknown, or not of the model's speaker, phrase and gender."""
    if models.empty:
        yield Problem("there is no model", place.path)
    pairs = enrollments(models)
    model, utt = rows_in(pairs["model"], models["model"]), rows_in(pairs["utt"], utterances["utt"])
    names = pairs["utt"].to_numpy(object)
    lines = Place(place.path, lines=[place.line(row) for row in model.tolist()])
    yield from lines.problems(np.flatnonzero(utt < 0), lambda row: f"unknown utterance '{names[row]}'")

    def disagreements(column: str) -> Iterator[Problem]:
        of_model, of_utterance = models[column].to_numpy(object)[model], utterances[column].to_numpy(object)[utt]
        yield from lines.problems(
            np.flatnonzero((utt >= 0) & (of_model != of_utterance)),
            lambda row: f"{column} is '{of_model[row]}', but utterance '{names[row]}' has '{of_utterance[row]}'",
        )

    for column in ("spk", "phrase", "gender"):
        if column in models and column in utterances:
            yield from disagreements(column)


def _check_trials(
    trials: pd.DataFrame, models: pd.DataFrame, utterances: pd.DataFrame, place: Place
) -> Iterator[Problem]:
    """Trials with unknown models or utterances, on an enrollment utterance, or with a type that is not theirs."""
    if trials.empty:
        yield Problem("there is no trial", place.path)
    model, utt = rows_in(trials["model"], models["model"]), rows_in(trials["utt"], utterances["utt"])
    yield from _unknown(trials["model"], model, "model", place)
    yield from _unknown(trials["utt"], utt, "utterance", place)
    known = np.flatnonzero((model >= 0) & (utt >= 0))
    pairs = enrollments(models)
    enrolled = rows_in(pairs["model"], models["model"]) * len(utterances) + rows_in(pairs["utt"], utterances["utt"])
    tested = model[known] * len(utterances) + utt[known]
    yield from place.problems(
        known[np.isin(tested, enrolled)],
        lambda row: f"test utterance '{trials['utt'].iloc[row]}' also enrolls '{trials['model'].iloc[row]}'",
    )
    if "type" in trials:
        both = ~(is_unknown(models)[model[known]] | is_unknown(utterances)[utt[known]])
        yield from _check_types(trials, known[both], models, utterances, place)


def _unknown(names: pd.Series, rows: npt.NDArray[np.int64], what: str, place: Place) -> Iterator[Problem]:
    """One problem a name, not a trial: a name that is missing is in thousands of trials."""
    missing = np.flatnonzero(rows < 0)
    codes, values = codes_of(names.iloc[missing])
    distinct, first, counts = np.unique(codes, return_index=True, return_counts=True)
    faults = {
        int(missing[row]): f"unknown {what} '{values[code]}' (trials with it: {count})"
        for code, row, count in zip(distinct, first, counts, strict=True)
    }
    yield from place.problems(np.array(sorted(faults), np.int64), faults.__getitem__)


def _check_types(
    trials: pd.DataFrame, known: npt.NDArray[np.int64], models: pd.DataFrame, utterances: pd.DataFrame, place: Place
) -> Iterator[Problem]:
    """Types that are not those of the speakers and phrases; `known` are the rows where all of these are known."""
    derived = derive_types(trials.iloc[known], models, utterances)
    codes, values = codes_of(trials["type"].iloc[known])
    right = {name: (name, "target" if name == "TC" else "nontarget") for name in TRIAL_TYPES}
    wrongs = np.array([[value not in right[name] for name in TRIAL_TYPES] for value in values])  # (values, types)
    wrong = np.flatnonzero(wrongs[codes, derived.codes]) if len(known) else known
    faults = {
        int(known[row]): f"type is '{values[codes[row]]}', but speakers and phrases say {derived[row]}" for row in wrong
    }
    yield from place.problems(known[wrong], faults.__getitem__)


class Validated(NamedTuple):
    """A set, all that is wrong with it, and what a user should know of its recordings."""

    prepared: PreparedSet
    problems: list[Problem]
    warnings: list[Problem]


def validate_set(folder: Path, *, audio: bool = True, jobs: int = 1) -> Validated:
    """Check a set: each table by itself, then the tables against each other, then the recordings.

    Args:
        folder: The prepared set.
        audio: Decode every recording, and compare it with what the table says of it.
        jobs: Processes that decode.

    Returns:
        The set, the problems, and the warnings: recordings that are silent, constant, clipped or streamed.

    Raises:
        ProblemsError: where the columns or the lines of a table are such that no more can be found.
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
    warnings: list[Problem] = []
    if audio:
        recordings = audio_paths(prepared)
        heard = listen(prepared.utterances, recordings, jobs=jobs)
        problems += check_recordings(prepared.utterances, heard, places["utterances"])
        warnings += list_warnings(recordings, heard, places["utterances"])
    return Validated(prepared, problems, warnings)


COLUMNS = ("speakers", "phrases", "utterances", "models", "trials", *TRIAL_TYPES)


def describe_sets(sets: Mapping[str, PreparedSet]) -> str:
    """A table of counts, one set a line, and under it notes on what a reader would not expect."""
    rows = [["set", *COLUMNS]]
    counted = {name: count_set(prepared) for name, prepared in sets.items()}
    rows += [[name, *(str(counts.get(column, "-")) for column in COLUMNS)] for name, counts in counted.items()]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows]
    return "\n".join([*lines, *(f"note: {note}" for note in _notes(sets))])


def count_set(prepared: PreparedSet) -> dict[str, int]:
    """Speakers, phrases, utterances and, where the set has them, models, trials, and trials of each type.

    What is not known, in a challenge without its keys, has no count.
    """
    utterances = prepared.utterances
    counts = {
        name: int(utterances[column].nunique())
        for name, column in (("speakers", "spk"), ("phrases", "phrase"))
        if UNKNOWN not in utterances[column].to_numpy()
    }
    counts["utterances"] = len(utterances)
    if prepared.models is not None:
        counts["models"] = len(prepared.models)
    if prepared.models is not None and prepared.trials is not None:
        counts["trials"] = len(prepared.trials)
        types = _types(prepared, prepared.models, prepared.trials)
        if types is not None:
            numbers = pd.Series(types).value_counts()
            counts |= {name: int(numbers[name]) for name in TRIAL_TYPES}
    return counts


def _types(prepared: PreparedSet, models: pd.DataFrame, trials: pd.DataFrame) -> pd.Categorical[str] | None:
    """The types of the trials; None in a challenge without its keys."""
    try:
        return types_of(trials, models, prepared.utterances)
    except UnknownTypesError:
        return None


def _notes(sets: Mapping[str, PreparedSet]) -> Iterator[str]:
    for name, prepared in sets.items():
        if prepared.models is not None:
            yield from (f"{name}: {note}" for note in _notes_on_models(prepared, prepared.models))
    unknown = [
        name
        for name, prepared in sets.items()
        if prepared.trials is not None
        and "session" not in prepared.utterances
        and UNKNOWN not in prepared.utterances["spk"].to_numpy()
    ]
    if unknown:
        yield f"{', '.join(unknown)}: the sessions are not known; tests may be of a session that enrolled their model"
    speakers = {name: set(prepared.utterances["spk"]) - {UNKNOWN} for name, prepared in sets.items()}
    for one, other in combinations(sets, 2):
        if shared := len(speakers[one] & speakers[other]):
            yield f"{shared} speakers are both in {one} and in {other}"
    phrases = {name: set(prepared.utterances["phrase"]) - {UNKNOWN} for name, prepared in sets.items()}
    for name, said in phrases.items():
        trained = phrases.get("train", said)
        if new := len(said - trained):
            yield f"{name}: {new} of its {len(said)} phrases are new; train says {len(trained)}"


def _notes_on_models(prepared: PreparedSet, models: pd.DataFrame) -> Iterator[str]:
    pairs = prepared.utterances.loc[~is_unknown(prepared.utterances), ["spk", "phrase"]].drop_duplicates()
    without = len(pairs) - len(pairs.merge(models[["spk", "phrase"]].drop_duplicates()))
    if without:
        yield f"{without} of {len(pairs)} pairs of a speaker and a phrase have no model"
    if prepared.trials is not None:
        types = _types(prepared, models, prepared.trials)
        tried = len(models) if types is None else prepared.trials["model"][types == "TC"].nunique()
        if tried < len(models):
            yield f"{len(models) - tried} of {len(models)} models have no TC trial"
        if types is not None and "session" in prepared.utterances:
            yield from _note_on_sessions(prepared.trials, types, models, prepared.utterances)
        tested = set(prepared.trials["utt"].unique()) | set(enrollments(models)["utt"])
        unused = len(prepared.utterances) - len(tested)
        if unused:
            yield f"{unused} of {len(prepared.utterances)} utterances are in no model and in no trial"


def _note_on_sessions(
    trials: pd.DataFrame, types: pd.Categorical[str], models: pd.DataFrame, utterances: pd.DataFrame
) -> Iterator[str]:
    """How many trials of the model's own speaker, correct and wrong, are of a session that enrolled it."""
    of_speaker = np.flatnonzero(np.isin(types.codes, [TRIAL_TYPES.index("TC"), TRIAL_TYPES.index("TW")]))
    same = of_enrolling_session(trials.iloc[of_speaker], models, utterances)
    counts = [
        f"{np.count_nonzero(same & chosen)} of {np.count_nonzero(chosen)} {name} trials"
        for name in ("TC", "TW")
        if (chosen := np.asarray(types[of_speaker] == name)).any()
    ]
    if same.any():
        yield f"{' and '.join(counts)} test with a recording of a session that enrolled their model"
