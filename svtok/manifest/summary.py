"""What prepared sets hold, in numbers: for the end of `prepare`, `validate` and `kaldi import`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations

import pandas as pd

from svtok.manifest.schema import UNKNOWN
from svtok.manifest.sets import PreparedSet
from svtok.manifest.tables import enrollments
from svtok.manifest.trial_types import TRIAL_TYPES, UnknownTypesError, is_unknown, types_of

COLUMNS = ("speakers", "phrases", "utterances", "models", "trials", *TRIAL_TYPES)


def describe_sets(sets: Mapping[str, PreparedSet]) -> str:
    """A table of counts, one set a line, and under it notes on what a reader would not expect."""
    rows = [["set", *COLUMNS]]
    rows += [[name, *(str(counts.get(column, "-")) for column in COLUMNS)] for name, counts in _counts(sets)]
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


def _counts(sets: Mapping[str, PreparedSet]) -> Iterator[tuple[str, dict[str, int]]]:
    for name, prepared in sets.items():
        yield name, count_set(prepared)


def _notes(sets: Mapping[str, PreparedSet]) -> Iterator[str]:
    for name, prepared in sets.items():
        if prepared.models is not None:
            yield from (f"{name}: {note}" for note in _notes_on_models(prepared, prepared.models))
    speakers = {name: set(prepared.utterances["spk"]) - {UNKNOWN} for name, prepared in sets.items()}
    for one, other in combinations(sets, 2):
        if shared := len(speakers[one] & speakers[other]):
            yield f"{shared} speakers are both in {one} and in {other}"


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
        tested = set(prepared.trials["utt"].unique()) | set(enrollments(models)["utt"])
        unused = len(prepared.utterances) - len(tested)
        if unused:
            yield f"{unused} of {len(prepared.utterances)} utterances are in no model and in no trial"
