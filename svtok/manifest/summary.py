"""What prepared sets hold, in numbers: for the end of `prepare`, `validate` and `kaldi import`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations

import pandas as pd

from svtok.manifest.sets import PreparedSet
from svtok.manifest.tables import enrollments
from svtok.manifest.trial_types import TRIAL_TYPES, derive_types

COLUMNS = ("speakers", "phrases", "utterances", "models", "trials", *TRIAL_TYPES)


def describe_sets(sets: Mapping[str, PreparedSet]) -> str:
    """A table of counts, one set a line, and under it notes on what a reader would not expect."""
    rows = [["set", *COLUMNS]]
    rows += [[name, *(str(counts.get(column, "-")) for column in COLUMNS)] for name, counts in _counts(sets)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows]
    return "\n".join([*lines, *(f"note: {note}" for note in _notes(sets))])


def count_set(prepared: PreparedSet) -> dict[str, int]:
    """Speakers, phrases, utterances and, where the set has them, models, trials, and trials of each type."""
    utterances = prepared.utterances
    counts = {
        "speakers": int(utterances["spk"].nunique()),
        "phrases": int(utterances["phrase"].nunique()),
        "utterances": len(utterances),
    }
    if prepared.models is not None:
        counts["models"] = len(prepared.models)
    if prepared.models is not None and prepared.trials is not None:
        counts["trials"] = len(prepared.trials)
        types = pd.Series(derive_types(prepared.trials, prepared.models, utterances)).value_counts()
        counts |= {name: int(types[name]) for name in TRIAL_TYPES}
    return counts


def _counts(sets: Mapping[str, PreparedSet]) -> Iterator[tuple[str, dict[str, int]]]:
    for name, prepared in sets.items():
        yield name, count_set(prepared)


def _notes(sets: Mapping[str, PreparedSet]) -> Iterator[str]:
    for name, prepared in sets.items():
        if prepared.models is not None:
            yield from (f"{name}: {note}" for note in _notes_on_models(prepared, prepared.models))
    speakers = {name: set(prepared.utterances["spk"]) for name, prepared in sets.items()}
    for one, other in combinations(sets, 2):
        if shared := len(speakers[one] & speakers[other]):
            yield f"{shared} speakers are both in {one} and in {other}"


def _notes_on_models(prepared: PreparedSet, models: pd.DataFrame) -> Iterator[str]:
    pairs = prepared.utterances[["spk", "phrase"]].drop_duplicates()
    without = len(pairs) - len(pairs.merge(models[["spk", "phrase"]].drop_duplicates()))
    if without:
        yield f"{without} of {len(pairs)} pairs of a speaker and a phrase have no model"
    if prepared.trials is not None:
        types = derive_types(prepared.trials, models, prepared.utterances)
        tried = prepared.trials["model"][types == "TC"].nunique()
        if tried < len(models):
            yield f"{len(models) - tried} of {len(models)} models have no TC trial"
        tested = set(prepared.trials["utt"].unique()) | set(enrollments(models)["utt"])
        unused = len(prepared.utterances) - len(tested)
        if unused:
            yield f"{unused} of {len(prepared.utterances)} utterances are in no model and in no trial"
