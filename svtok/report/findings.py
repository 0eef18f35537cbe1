"""Where the errors of a system are: at one threshold, by groups of trials, speakers and phrases, and trial by trial."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from svtok.manifest.schema import UNKNOWN
from svtok.manifest.sets import PreparedSet
from svtok.manifest.trial_types import rows_in
from svtok.metrics import Roc
from svtok.report.evaluate import Condition, evaluate
from svtok.report.labelled import LabelledScores, is_target, label_with_set

GROUPED_BY = ("gender", "lang", "phrase", "session")
MOST_VALUES = 40
"""Of a column of which each value has a row."""

Kind = Literal["false accept", "false reject"]


def columns_of(prepared: PreparedSet) -> tuple[list[str], list[str]]:
    """The columns of GROUPED_BY that take a set's trials apart, and those of them that have too many values for it."""
    models, _ = prepared.protocol()
    tables = {name: models if name in models else prepared.utterances for name in GROUPED_BY}
    numbers = {name: table[name].nunique() for name, table in tables.items() if name in table}
    few = [name for name, number in numbers.items() if 1 < number <= MOST_VALUES]
    return few, [name for name, number in numbers.items() if number > MOST_VALUES]


@dataclass(frozen=True)
class Trials:
    """What the N trials of a set are, whichever system scored them; every array is (N,)."""

    prepared: PreparedSet
    model_rows: NDArray[np.int64]
    """In the table of models."""
    test_rows: NDArray[np.int64]
    """In the table of utterances."""

    @classmethod
    def of(cls, prepared: PreparedSet) -> Trials:
        """Raises SvtokError where the set has no models or trials."""
        models, trials = prepared.protocol()
        model_rows = rows_in(trials["model"], models["model"])
        return cls(prepared, model_rows, rows_in(trials["utt"], prepared.utterances["utt"]))


@dataclass(frozen=True)
class Measured:
    """The scores of a system and what follows from them. At the threshold and above it, a trial is accepted."""

    score: NDArray[np.float64]
    """Of N trials."""
    type: pd.Categorical[str]
    """Of each: TC TW IC IW, or target and nontarget."""
    conditions: list[Condition]
    """Of all trials, with intervals."""
    curves: dict[str, Roc]
    groups: list[Condition]
    """By each of the columns, without intervals."""
    threshold: float

    @property
    def wrong(self) -> NDArray[np.bool_]:
        """Whether the decision on each trial is wrong, (N,)."""
        return (self.score >= self.threshold) != is_target(self.type)


def measure(
    scores: Path,
    prepared: PreparedSet,
    columns: Sequence[str],
    *,
    false_accept_rate: float | None,
    resamples: int,
    seed: int,
) -> Measured:
    """The error rates of the scores of a set's trials.

    Args:
        scores: a table of scores.
        prepared: a set with models and trials.
        columns: the groups.
        false_accept_rate: what the threshold is to hold on all non-targets; None: where both errors are alike.
        resamples: draws of the speakers for the intervals of all trials; 0: none.
        seed: of the draws.

    Raises:
        ProblemsError: the scores are not those of the trials.
        SvtokError: there are no targets or no non-targets.
    """
    labelled = label_with_set(scores, prepared, by=columns)
    whole = LabelledScores(**{**vars(labelled), "columns": {}})
    conditions, curves = evaluate(whole, resamples=resamples, seed=seed)
    groups = [row for row in evaluate(labelled, resamples=0, seed=seed)[0] if row.by is not None]
    target = is_target(labelled.type)
    targets, nontargets = labelled.score[target], labelled.score[~target]
    if false_accept_rate is None:
        threshold = equal_threshold(targets, nontargets)
    else:
        threshold = rate_threshold(nontargets, false_accept_rate)
    return Measured(labelled.score, labelled.type, conditions, curves, groups, threshold)


def equal_threshold(targets: NDArray[np.float64], nontargets: NDArray[np.float64]) -> float:
    """The lowest target score that, as a threshold, misses at least as large a share as it falsely accepts; above all
    scores where there is none.

    >>> equal_threshold(np.array([2.0, 4.0, 5.0, 6.0]), np.array([0.0, 1.0, 1.5, 3.0]))
    4.0
    """
    rising = np.unique(targets)
    misses = np.searchsorted(np.sort(targets), rising) / len(targets)
    accepted = 1 - np.searchsorted(np.sort(nontargets), rising) / len(nontargets)
    enough = np.flatnonzero(misses >= accepted)
    return float(rising[enough[0]] if len(enough) else np.nextafter(max(rising[-1], nontargets.max()), np.inf))


def rate_threshold(nontargets: NDArray[np.float64], false_accept_rate: float) -> float:
    """The lowest threshold that accepts at most that share of the non-targets (N,), ties all rejected.

    >>> rate_threshold(np.array([0.0, 1.0, 2.0, 3.0]), 0.25) > 2
    True
    """
    falling = np.sort(nontargets)[::-1]
    accepted = int(false_accept_rate * len(falling) + 1e-9)
    return float(np.nextafter(falling[min(accepted, len(falling) - 1)], np.inf))


class Worst(NamedTuple):
    """A speaker or phrase, and its trials with how many of them are decided wrongly, by what it was in them."""

    name: str
    targets: int
    missed: int
    nontargets: int
    """Against its models."""
    accepted: int
    claims: int
    """Of the speaker, as an impostor of others; 0 for a phrase."""
    claims_accepted: int

    @property
    def badness(self) -> float:
        """The mean share of errors over what there are trials of."""
        pairs = ((self.missed, self.targets), (self.accepted, self.nontargets), (self.claims_accepted, self.claims))
        shares = [wrong / number for wrong, number in pairs if number]
        return sum(shares) / len(shares)


def worst(measured: Measured, trials: Trials, column: Literal["spk", "phrase"], most: int) -> list[Worst]:
    """The speakers or phrases of models with the largest shares of errors, the worst first; none without an error.

    Args:
        measured: the system.
        trials: of the same set.
        column: whose values are compared.
        most: how many.
    """
    models, _ = trials.prepared.protocol()
    utterances = trials.prepared.utterances
    names = pd.Index(np.unique(np.concatenate([models[column].astype(str), utterances[column].astype(str)])))
    model = names.get_indexer(pd.Index(models[column].astype(str)))[trials.model_rows]
    test = names.get_indexer(pd.Index(utterances[column].astype(str)))[trials.test_rows]
    target, wrong = is_target(measured.type), measured.wrong
    foreign = ~target & (model != test) if column == "spk" else np.zeros(len(target), bool)

    def counts(of: NDArray[np.int64], chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.bincount(of[chosen], minlength=len(names))

    table = (
        counts(model, target),
        counts(model, target & wrong),
        counts(model, ~target),
        counts(model, ~target & wrong),
        counts(test, foreign),
        counts(test, foreign & wrong),
    )
    rows = [Worst(name, *map(int, row)) for name, *row in zip(names, *table, strict=True) if name != UNKNOWN]
    rows = [row for row in rows if row.missed + row.accepted + row.claims_accepted]
    return sorted(rows, key=lambda row: (-row.badness, row.name))[:most]


@dataclass(frozen=True)
class HardTrial:
    """A trial that is decided wrongly, and the utterances in it."""

    kind: Kind
    type: str
    score: float
    model: str
    model_speaker: str
    model_phrase: str
    enrolled: str
    """The first of the utterances that the model is made of."""
    test: str
    test_speaker: str
    test_phrase: str


def hardest(measured: Measured, trials: Trials, most: int) -> list[HardTrial]:
    """The false accepts and the false rejects that are farthest from the threshold, `most` of each and farthest first.

    Of several with the same test utterance it is the farthest alone.
    """
    models, table = trials.prepared.protocol()
    utterances, score = trials.prepared.utterances, measured.score
    target, wrong = is_target(measured.type), measured.wrong
    found: list[HardTrial] = []
    sides: tuple[tuple[Kind, NDArray[np.bool_], int], ...] = (
        ("false accept", ~target & wrong, -1),
        ("false reject", target & wrong, 1),
    )
    for kind, chosen, sign in sides:
        rows = np.flatnonzero(chosen)
        rows = rows[np.argsort(sign * score[rows], kind="stable")]
        _, first = np.unique(trials.test_rows[rows], return_index=True)
        for row in rows[np.sort(first)[:most]].tolist():
            model, test = models.iloc[trials.model_rows[row]], utterances.iloc[trials.test_rows[row]]
            found.append(
                HardTrial(
                    kind=kind,
                    type=str(measured.type[row]),
                    score=float(score[row]),
                    model=str(table["model"].iloc[row]),
                    model_speaker=str(model["spk"]),
                    model_phrase=str(model["phrase"]),
                    enrolled=str(model["utts"]).split()[0],
                    test=str(table["utt"].iloc[row]),
                    test_speaker=str(test["spk"]),
                    test_phrase=str(test["phrase"]),
                )
            )
    return found


def typical_target(measured: Measured, trials: Trials) -> str:
    """The test utterance of the target trial whose score is the median of the targets' (the lower of two)."""
    rows = np.flatnonzero(is_target(measured.type))
    order = rows[np.argsort(measured.score[rows], kind="stable")]
    row = int(trials.test_rows[order[(len(order) - 1) // 2]])
    return str(trials.prepared.utterances["utt"].iloc[row])
