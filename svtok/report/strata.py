"""Labelled trials taken apart, so that each row of a table can put together those that it counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from svtok.manifest.trial_types import TARGET_TYPES
from svtok.metrics import Counts, count_trials
from svtok.report.labelled import LabelledScores


@dataclass(frozen=True)
class Strata:
    """The trials by type and by the value of a column."""

    types: list[str]
    values: list[str | None]
    """None alone where no column takes the trials apart."""
    trials: list[NDArray[np.int32]]
    """Rows of the trials, rising, of type t and value v at place t * len(values) + v."""
    counts: Counts | None
    """The same places as strata; None where no confidence intervals are wanted."""

    def places(self, types: Sequence[str], value: str | None) -> list[int]:
        """The places where there are trials of these types and this value."""
        v = self.values.index(value)
        wanted = [self.types.index(name) * len(self.values) + v for name in types if name in self.types]
        return [place for place in wanted if len(self.trials[place])]

    def trials_at(self, places: list[int]) -> NDArray[np.int32]:
        return np.concatenate([self.trials[place] for place in places])

    def types_at(self, places: list[int]) -> list[str]:
        return [self.types[place // len(self.values)] for place in places]


def is_target(types: pd.Categorical[str]) -> NDArray[np.bool_]:
    """Whether each trial (N,) is one to accept."""
    return np.isin(types.categories, TARGET_TYPES)[types.codes]


def take_apart(labelled: LabelledScores, column: str | None, *, with_counts: bool) -> Strata:
    """The trials by type and, unless it is None, by a column of theirs; counted too for confidence intervals."""
    types = list(labelled.type.categories)
    values: list[str | None] = [None]
    place = labelled.type.codes.astype(np.int16)
    if column is not None:
        of_trials = labelled.columns[column]
        values = list(of_trials.categories)
        place = place.astype(np.min_scalar_type(-len(types) * len(values) - 1)) * len(values) + of_trials.codes
    ends = np.cumsum(np.bincount(place, minlength=len(types) * len(values)))
    trials = np.split(np.argsort(place, kind="stable").astype(np.int32), ends[:-1])
    counts = None
    if with_counts:
        speakers = labelled.model_speaker, labelled.test_speaker
        counts = count_trials(labelled.score, is_target(labelled.type), place, *speakers)
    return Strata(types, values, trials, counts)
