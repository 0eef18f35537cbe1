"""Fusion: one log likelihood ratio out of the scores of several systems. A calibration is the fusion of one.

A target is the right speaker with the right phrase. A non-target is of one of the kinds k = IC, TW, IW, which have the
shares pi_k among non-targets. So the likelihood ratio of what all systems say, x, is

    p(x | TC) / sum_k pi_k p(x | k)  =  1 / sum_k pi_k exp(-l_k(x)),    l_k(x) = log p(x | TC) / p(x | k)

and its logarithm is -log sum_k pi_k exp(-l_k(x)): about the least of the l_k, since whatever one of them refuses is
refused. That is the rule `both` (speaker and phrase must be right), where each l_k is an affine function of the scores,
fitted on targets against non-targets of its own kind. It assumes nothing else; speaker and phrase scores, say, need not
be independent. The rule `linear` fits one affine function against all kinds together: what a high score of one system
adds can then make up for a low score of another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, FiniteFloat, model_validator

import svtok
from svtok.config import Section, read_yaml, write_yaml
from svtok.errors import Problem, ProblemsError, SvtokError, raise_problems
from svtok.manifest.names import TARGET_TYPES
from svtok.metrics import Cost
from svtok.scoring.calibration import fit_affine

if TYPE_CHECKING:
    import pandas as pd

    from svtok.manifest.sets import PreparedSet

Rule = Literal["linear", "both"]
Array = NDArray[np.float64]
TypedScores = Mapping[str, Array]
"""The scores (N, S) of the trials of each type, of which there is at least one: S systems, in columns."""
HEADER = """\
# Scores of several systems as one natural-log likelihood ratio (one system: calibration):
#   LLR = -log( sum over parts of  share * exp(-(sum of weights * scores + offset)) )
# where share is the sum of a part's non-targets. Accept from the threshold on.
"""


class Part(Section):
    """A log likelihood ratio of targets against some types of non-targets, affine in the scores."""

    nontargets: dict[str, FiniteFloat] = Field(description="the types, and the share of each among all non-targets")
    weights: tuple[FiniteFloat, ...] = Field(description="one for each file of scores")
    offset: FiniteFloat

    @property
    def share(self) -> float:
        """The share of all its types."""
        return sum(self.nontargets.values())

    def llr(self, scores: Array) -> Array:
        """scores (N, S) -> (N,)."""
        return scores @ np.array(self.weights) + self.offset


class OperatingPoint(Section):
    """What errors cost, and how probable a target is."""

    c_miss: float = Field(gt=0)
    c_fa: float = Field(gt=0)
    p_target: float = Field(gt=0, lt=1)


class Fusion(Section):
    """How the scores of some systems become one log likelihood ratio, and what it was fitted on and for."""

    scores: tuple[str, ...] = Field(min_length=1, description="the files of scores that it was fitted on, in order")
    trials: dict[str, int] = Field(description="how many of each type there were")
    operating_point: OperatingPoint = Field(description="what it was fitted for")
    ridge: float = Field(0.0, ge=0, description="what kept its weights small in the fit")
    threshold: FiniteFloat = Field(description="accept from this log likelihood ratio on")
    parts: tuple[Part, ...] = Field(min_length=1)
    svtok: str = Field(description="the version that fitted it")

    @model_validator(mode="after")
    def _check(self) -> Fusion:
        for part in self.parts:
            if len(part.weights) != len(self.scores):
                raise ValueError(f"{len(self.scores)} files of scores need as many weights, not {list(part.weights)}")
        shares = [share for part in self.parts for share in part.nontargets.values()]
        if not all(share > 0 for share in shares) or abs(sum(shares) - 1) > 1e-6:
            raise ValueError(f"the shares of the non-targets must be above 0 and sum to 1, not {shares}")
        return self

    @property
    def shares(self) -> dict[str, float]:
        """The share of each type among the non-targets."""
        return {name: share for part in self.parts for name, share in part.nontargets.items()}

    def llr(self, scores: Array) -> Array:
        """Natural-log likelihood ratios (N,) of scores (N, S), a column a system."""
        if scores.shape[1] != len(self.scores):
            raise ValueError(f"fuses {len(self.scores)} scores a trial, not {scores.shape[1]}")
        ratios = np.column_stack([part.llr(scores) for part in self.parts])  # (N, parts)
        return -np.logaddexp.reduce(np.log([part.share for part in self.parts]) - ratios, axis=1)


def fit_fusion(
    by_type: TypedScores,
    names: Sequence[str],
    *,
    rule: Rule,
    shares: Mapping[str, float] | None,
    cost: Cost,
    ridge: float = 0.0,
) -> Fusion:
    """The fusion of S systems, whose files are named, that costs least on trials of known types.

    Args:
        by_type: scores (N, S) of the trials of each type.
        names: of the S systems, in the order of the columns.
        rule: one affine map against all non-targets, or one against each type; see the module.
        shares: how much each type of non-targets counts (positive; only the ratios matter); None: each trial alike.
        cost: the operating point; the regression is weighted at its effective prior.
        ridge: as of `fit_affine`.

    Raises:
        SvtokError: there are no targets or none of the non-targets asked for, a system's scores add nothing to those
            of the others, the rule `both` has but one type of non-targets, or a single system's scores are lower for
            targets than for non-targets.
    """
    targets = [scores for name, scores in by_type.items() if name in TARGET_TYPES]
    if not targets:
        raise SvtokError("there are no target trials to fit on")
    counted = _normalised_shares(by_type, shares)
    if rule == "both" and len(counted) < 2:
        raise SvtokError(
            f"the rule 'both' needs non-targets of several types (IC, TW, IW); here count only {', '.join(counted)}"
        )
    groups = [[name] for name in counted] if rule == "both" else [list(counted)]
    parts = [
        _fit_part(np.concatenate(targets), by_type, names, {name: counted[name] for name in group}, cost, ridge)
        for group in groups
    ]
    return Fusion(
        scores=tuple(names),
        trials={name: len(scores) for name, scores in by_type.items()},
        operating_point=OperatingPoint(c_miss=cost.c_miss, c_fa=cost.c_fa, p_target=cost.p_target),
        ridge=ridge,
        threshold=cost.threshold,
        parts=tuple(parts),
        svtok=svtok.__version__,
    )


def _normalised_shares(by_type: TypedScores, shares: Mapping[str, float] | None) -> dict[str, float]:
    """The share of each type of non-targets that counts; they sum to 1."""
    nontargets = {name: len(scores) for name, scores in by_type.items() if name not in TARGET_TYPES}
    if not nontargets:
        raise SvtokError("there are no non-target trials to fit on")
    chosen = nontargets if shares is None else shares
    missing = [name for name in chosen if name not in nontargets]
    if missing:
        raise SvtokError(
            f"there are no non-target trials of type {', '.join(missing)}; there are {', '.join(nontargets)}"
        )
    total = sum(chosen.values())
    return {name: chosen[name] / total for name in chosen}


def _fit_part(
    targets: Array, by_type: TypedScores, names: Sequence[str], shares: Mapping[str, float], cost: Cost, ridge: float
) -> Part:
    """The part for targets against the types of non-targets that have shares."""
    nontargets = [by_type[name] for name in shares]
    _refuse_dependent(names, np.concatenate([targets, *nontargets]))
    within = np.array(list(shares.values())) / sum(shares.values())
    weights, offset = fit_affine(targets, nontargets, within.tolist(), prior=cost.effective_prior, ridge=ridge)
    if len(names) == 1 and weights[0] <= 0:
        raise SvtokError(
            f"{names[0]}: targets do not score higher than non-targets ({', '.join(shares)}), the weight would be "
            f"{weights[0]:.3g}: are these scores of these trials, and higher for a better match?"
        )
    return Part(nontargets=dict(shares), weights=tuple(weights.tolist()), offset=offset)


def _refuse_dependent(names: Sequence[str], scores: Array) -> None:
    """Raise SvtokError for the first system whose scores (N, S) are a constant, or follow from those before it."""
    centred = scores - scores.mean(axis=0)
    for column, name in enumerate(names):
        before, own = centred[:, :column], centred[:, column]
        if np.ptp(scores[:, column]) == 0:
            raise SvtokError(f"{name}: all trials have the same score")
        left = own - before @ np.linalg.lstsq(before, own, rcond=None)[0]
        if left.std() <= 1e-6 * own.std():
            raise SvtokError(f"{name}: its scores follow from those of the files before it: leave it out")


def write_fusion(path: Path, fusion: Fusion) -> None:
    """Write the YAML file, whole or not at all."""
    write_yaml(path, fusion, header=HEADER)


def read_fusion(path: Path) -> Fusion:
    """What `write_fusion` wrote. Raises ProblemsError with every mistake in the file."""
    return read_yaml(Fusion, path)


def read_stack(paths: Sequence[Path]) -> tuple[pd.DataFrame, Array]:
    """The trials that files of scores have in common, and their scores.

    Args:
        paths: S files of the same trials, each in any order.

    Returns:
        The trials (`model`, `utt`) in the order of the first file, and the scores (N, S), a column a file.

    Raises:
        ProblemsError: a file is not as `read_scores` wants it, lacks trials of the first one or has others; of each
            such file the first few are named.
    """
    from svtok.scoring.scores import read_scores, scores_of_trials

    first, *others = (read_scores(path) for path in paths)
    trials, columns = first[["model", "utt"]], [first["score"].to_numpy()]
    problems: list[Problem] = []
    for path, table in zip(paths[1:], others, strict=True):
        try:
            columns.append(scores_of_trials(table, trials, path=path, trials_of=f"the trials of {paths[0]}"))
        except ProblemsError as error:
            problems += error.problems
    raise_problems(problems)
    return trials, np.column_stack(columns)


def by_type(trials: pd.DataFrame, scores: Array, prepared: PreparedSet, *, path: Path) -> dict[str, Array]:
    """The scores of each type of trial of a prepared set. Types are derived where its trials have none.

    Args:
        trials: `model` and `utt` of each score, in any order.
        scores: (N, S), a column a system.
        prepared: a set with models and trials.
        path: what the scores were read from, for errors.

    Returns:
        Scores (N_type, S) of each type that has a trial.

    Raises:
        SvtokError: the set has no models or trials, or their types are not known.
        ProblemsError: the scores are not those of the set's trials.
    """
    from svtok.scoring.scores import scores_of_trials

    _, known = prepared.protocol()
    columns = [scores_of_trials(trials.assign(score=column), known, path=path) for column in scores.T]
    return split_by_type(prepared, np.column_stack(columns))


def split_by_type(prepared: PreparedSet, in_order: Array) -> dict[str, Array]:
    """The scores (N_type, S) of each type of the trials of a prepared set, from those of all (N, S) in their order.

    Raises SvtokError where the set has no models or trials, or their types are not known.
    """
    from svtok.manifest.trial_types import types_or_labels

    models, known = prepared.protocol()
    types = types_or_labels(known, models, prepared.utterances)
    return {name: in_order[types == name] for name in types.categories if (types == name).any()}
