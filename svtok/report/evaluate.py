"""Error rates of labelled scores, by condition (which non-targets are counted) and by the values of columns.

Their results are kept in a JSON file.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from svtok.config import Section, load_json, validated
from svtok.errors import SvtokError
from svtok.files import write_text
from svtok.manifest.trial_types import TARGET_TYPES, types_of
from svtok.metrics import (
    DCF08,
    DCF10,
    Reliability,
    Roc,
    actual_dcf,
    cllr,
    eer,
    min_cllr,
    reliability,
    roc,
    sdsv_curve,
    sdsv_eer,
    speaker_intervals,
)
from svtok.report.labelled import LabelledScores, Strata, is_target, take_apart

if TYPE_CHECKING:
    import torch

    from svtok.features.store import Source
    from svtok.nets.network import Network

POOLED = "pooled"
Arithmetic = Literal["svtok", "sdsv"]


class Condition(Section):
    """Error rates of one condition: over all its trials, over those with one value of a column, or the mean over the
    values of a column. Fractions, not percent."""

    name: str
    """Such as TC-vs-IC, or pooled."""
    by: str | None = None
    """The column by which the trials are taken apart; None: all trials of the condition are pooled."""
    value: str | None = None
    """What the trials that are counted have in that column; None where they are pooled or macro-averaged."""
    macro_averaged: bool = False
    """Whether each rate is the mean of the rates of the column's values, and each count their sum."""
    gender: str | None = None
    """The value, where the trials are taken apart by gender."""
    nontarget_types: list[str]
    """The types of the trials that count as non-targets."""
    targets: int
    nontargets: int
    eer: float
    dcf08: float
    dcf10: float
    actual_dcf08: float | None = None
    """At Bayes' threshold, of the scores as natural-log likelihood ratios; None in files of earlier versions."""
    actual_dcf10: float | None = None
    cllr: float
    """Bits, of the scores as natural-log likelihood ratios."""
    min_cllr: float
    """Bits, after the best monotone calibration."""
    eer_ci: tuple[float, float] | None = None
    """95 % confidence interval; None where there is none."""
    dcf08_ci: tuple[float, float] | None = None
    speakers: int | None = None
    """How many were drawn again for the intervals: speakers or models; None where there are no intervals."""


class Evaluation(Section):
    """What `svtok evaluate --json` writes."""

    scores: str
    """The file of the scores."""
    corpus: str | None = None
    """The caption of the corpus, where it is known."""
    synthetic: bool = False
    """Whether the corpus is known to be synthetic speech."""
    resampled: Literal["speakers", "models"]
    """What was drawn again for the confidence intervals."""
    resamples: int
    seed: int
    arithmetic: Arithmetic = "svtok"
    """How EER and detection costs are computed: svtok's own way, or that of an official script."""
    conditions: list[Condition]

    def condition(self, name: str) -> Condition | None:
        """The condition of that name over all its trials, if it was evaluated."""
        return next((one for one in self.conditions if one.name == name and one.by is None), None)


def write_evaluation(path: Path, evaluation: Evaluation) -> None:
    """Write the JSON file, whole or not at all."""
    write_text(path, json.dumps(evaluation.model_dump(), indent=2, ensure_ascii=False) + "\n")


def read_evaluation(path: Path) -> Evaluation:
    """What `write_evaluation` wrote. Raises SvtokError where the file is missing, no JSON, or not an evaluation."""
    try:
        return validated(Evaluation, load_json(path), str(path))
    except SvtokError as error:
        raise SvtokError(f"{error}; `svtok evaluate --json {path}` writes it") from error


CONDITIONS = {
    "TC-vs-IC": ("IC",),
    "TC-vs-TW": ("TW",),
    "TC-vs-IW": ("IW",),
    POOLED: ("TW", "IC", "IW", "nontarget"),
}
"""The conditions, and the types of trials that each counts as non-targets."""
RATES = ("eer", "dcf08", "dcf10", "actual_dcf08", "actual_dcf10", "cllr", "min_cllr")


def evaluate(
    labelled: LabelledScores, *, resamples: int, seed: int, arithmetic: Arithmetic = "svtok"
) -> tuple[list[Condition], dict[str, Roc]]:
    """Each condition whose trials are there: of all trials, then of those with each value of each column, and the mean
    over the values.

    Args:
        labelled: N trials.
        resamples: draws of the speakers for the confidence intervals; with 0 there are none.
        seed: of the draws.
        arithmetic: with "sdsv", EER and detection costs are those of that official script.

    Returns:
        The conditions, and the ROC of each over all trials.

    Raises:
        SvtokError: there are no target or no non-target trials, or the official script gives nothing.
    """
    _check_classes(labelled)
    conditions, curves = [], {}
    for column in (None, *labelled.columns):
        strata = take_apart(labelled, column, with_counts=resamples > 0)
        for name in CONDITIONS:
            rows = []
            for value in strata.values:
                targets, nontargets = strata.places(TARGET_TYPES, value), strata.places(CONDITIONS[name], value)
                if not (targets and nontargets):
                    continue
                rates, curve = _rates(labelled, strata.trials_at(targets), strata.trials_at(nontargets), arithmetic)
                row = Condition(
                    name=name,
                    by=column,
                    value=value,
                    gender=value if column == "gender" else None,
                    nontarget_types=strata.types_at(nontargets),
                    **rates,
                )
                rows.append(_with_intervals(row, strata, [*targets, *nontargets], resamples, seed))
                if column is None:
                    curves[name] = curve
            conditions += rows if len(rows) < 2 else [*rows, _macro_averaged(rows)]
    order = list(CONDITIONS)
    return sorted(conditions, key=lambda row: order.index(row.name)), curves


def reliabilities(labelled: LabelledScores) -> dict[str, Reliability]:
    """Of each condition over all its trials: whether the scores are the log likelihood ratios that they are taken for.

    Raises SvtokError as `evaluate`.
    """
    _check_classes(labelled)
    types = np.asarray(labelled.type)
    targets = labelled.score[np.isin(types, TARGET_TYPES)]
    of_conditions = {name: labelled.score[np.isin(types, kinds)] for name, kinds in CONDITIONS.items()}
    return {name: reliability(targets, scores) for name, scores in of_conditions.items() if len(scores)}


def make_measure(dev: Source, nontarget: str, device: torch.device) -> Callable[[Network], float]:
    """What a training measures of its network: the EER on a dev set, by the cosine, of TC against one type of trials.

    Args:
        dev: a set with models and trials, and its features.
        nontarget: the type, such as IC.
        device: where the network is.

    Returns:
        A function of a network, which gives the EER as a fraction.

    Raises:
        SvtokError: the set has no models or trials, or not both types of trials.
    """
    from svtok.embeddings.store import Embeddings
    from svtok.scoring.scorer import score_trials
    from svtok.trained.inference import embed_all

    prepared = dev.prepared
    models, trials = prepared.protocol()
    types = np.asarray(types_of(trials, models, prepared.utterances))
    targets, nontargets = types == "TC", types == nontarget
    if not (targets.any() and nontargets.any()):
        raise SvtokError(
            f"{prepared.folder}: a dev set needs trials of the types TC and {nontarget}, it has {targets.sum()} and "
            f"{nontargets.sum()}"
        )
    utts = prepared.utterances["utt"].tolist()

    def measure(network: Network) -> float:
        scores = score_trials(prepared, Embeddings(utts, embed_all(network, dev.store, utts, device), network_hash=""))
        return float(eer(scores[targets], scores[nontargets]))

    return measure


def _check_classes(labelled: LabelledScores) -> None:
    chosen = is_target(labelled.type)
    for what, there in (("target", chosen.any()), ("non-target", not chosen.all())):
        if not there:
            raise SvtokError(f"there are no {what} trials, so there are no error rates")


def _rates(
    labelled: LabelledScores, targets: NDArray[np.int32], nontargets: NDArray[np.int32], arithmetic: Arithmetic
) -> tuple[dict[str, float], Roc]:
    """The counts and error rates of some target and non-target trials, given by their rows; and their ROC."""
    target_scores, nontarget_scores = labelled.score[targets], labelled.score[nontargets]
    curve = roc(target_scores, nontarget_scores)
    eer, cost_curve = curve.eer().item(), curve
    if arithmetic == "sdsv":
        trials = np.sort(np.concatenate([targets, nontargets]))
        cost_curve = sdsv_curve(labelled.score[trials], is_target(labelled.type[trials]))
        try:
            eer = sdsv_eer(cost_curve)
        except ValueError as error:
            raise SvtokError(f"{len(targets)} targets, {len(nontargets)} non-targets: {error}") from error
    rates = {
        "targets": len(targets),
        "nontargets": len(nontargets),
        "eer": eer,
        "dcf08": cost_curve.min_dcf(DCF08).item(),
        "dcf10": cost_curve.min_dcf(DCF10).item(),
        "actual_dcf08": actual_dcf(target_scores, nontarget_scores, DCF08),
        "actual_dcf10": actual_dcf(target_scores, nontarget_scores, DCF10),
        "cllr": cllr(target_scores, nontarget_scores),
        "min_cllr": min_cllr(curve),
    }
    return rates, curve


def _with_intervals(row: Condition, strata: Strata, places: list[int], resamples: int, seed: int) -> Condition:
    """The row with the confidence intervals of its trials, where these were counted."""
    if strata.counts is None:
        return row
    counts = strata.counts.select(places)
    intervals = speaker_intervals(counts, DCF08, resamples=resamples, seed=seed)
    return row.model_copy(update={"eer_ci": intervals.eer, "dcf08_ci": intervals.min_dcf, "speakers": counts.speakers})


def _macro_averaged(rows: list[Condition]) -> Condition:
    """The mean of the rates of several values of a column."""
    return Condition(
        name=rows[0].name,
        by=rows[0].by,
        macro_averaged=True,
        nontarget_types=list(dict.fromkeys(name for row in rows for name in row.nontarget_types)),
        targets=sum(row.targets for row in rows),
        nontargets=sum(row.nontargets for row in rows),
        **{rate: fmean(getattr(row, rate) for row in rows) for rate in RATES},
    )
