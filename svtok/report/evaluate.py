"""Error rates of labelled scores, by condition (which non-targets are counted) and by gender."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from svtok.errors import SvtokError
from svtok.metrics import DCF08, DCF10, Counts, Intervals, Roc, cllr, count_trials, min_cllr, roc, speaker_intervals
from svtok.report.labelled import LabelledScores
from svtok.report.results import POOLED, Condition

TARGET_TYPES = ("TC", "target")
CONDITIONS = {
    "TC-vs-IC": ("IC",),
    "TC-vs-TW": ("TW",),
    "TC-vs-IW": ("IW",),
    POOLED: ("TW", "IC", "IW", "nontarget"),
}
"""The conditions, and the types of trials that each counts as non-targets."""


@dataclass(frozen=True)
class Strata:
    """The trials taken apart by type and gender, so that a row of the table puts together those that it counts."""

    types: list[str]
    genders: list[str]
    scores: list[NDArray[np.float64]]
    """Of type t and gender g at place t * len(genders) + g."""
    counts: Counts | None
    """The same places as strata; None where no confidence intervals are wanted."""

    def places(self, types: Sequence[str], gender: str | None) -> list[int]:
        """The places where there are trials of these types, of one gender or of all."""
        wanted = [
            self.types.index(type_) * len(self.genders) + g
            for type_ in types
            if type_ in self.types
            for g, known in enumerate(self.genders)
            if gender in (None, known)
        ]
        return [place for place in wanted if len(self.scores[place])]

    def scores_at(self, places: list[int]) -> NDArray[np.float64]:
        return np.concatenate([self.scores[place] for place in places])

    def types_at(self, places: list[int]) -> list[str]:
        return list(dict.fromkeys(self.types[place // len(self.genders)] for place in places))


def evaluate(labelled: LabelledScores, *, resamples: int, seed: int) -> tuple[list[Condition], dict[str, Roc]]:
    """Each condition whose trials are there: over all genders and, where there are several, over each of them.

    Confidence intervals come from `resamples` draws of the speakers; with 0 there are none. Returns the conditions,
    and the ROC of each over all genders. Raises SvtokError where there are no target or no non-target trials.
    """
    strata = _strata(labelled, with_counts=resamples > 0)
    conditions, curves = [], {}
    for name, types in CONDITIONS.items():
        for gender in [None, *strata.genders] if len(strata.genders) > 1 else [None]:
            targets, nontargets = strata.places(TARGET_TYPES, gender), strata.places(types, gender)
            if not (targets and nontargets):
                continue
            target_scores, nontarget_scores = strata.scores_at(targets), strata.scores_at(nontargets)
            curve = roc(target_scores, nontarget_scores)
            if gender is None:
                curves[name] = curve
            intervals = Intervals(None, None)
            if strata.counts is not None:
                counts = strata.counts.select([*targets, *nontargets])
                intervals = speaker_intervals(counts, DCF08, resamples=resamples, seed=seed)
            conditions.append(
                Condition(
                    name=name,
                    gender=gender,
                    nontarget_types=strata.types_at(nontargets),
                    targets=len(target_scores),
                    nontargets=len(nontarget_scores),
                    eer=curve.eer().item(),
                    dcf08=curve.min_dcf(DCF08).item(),
                    dcf10=curve.min_dcf(DCF10).item(),
                    cllr=cllr(target_scores, nontarget_scores),
                    min_cllr=min_cllr(curve),
                    eer_ci=intervals.eer,
                    dcf08_ci=intervals.min_dcf,
                )
            )
    return conditions, curves


def _strata(labelled: LabelledScores, *, with_counts: bool) -> Strata:
    """The trials by type and gender. Raises SvtokError where there are no target or no non-target trials."""
    types = list(labelled.type.categories)
    place, genders = labelled.type.codes.astype(np.int16), [""]
    if labelled.gender is not None:
        genders = list(labelled.gender.categories)
        place = place * len(genders) + labelled.gender.codes
    is_target = np.isin(labelled.type.codes, [types.index(name) for name in TARGET_TYPES if name in types])
    for what, there in (("target", is_target.any()), ("non-target", not is_target.all())):
        if not there:
            raise SvtokError(f"there are no {what} trials, so there are no error rates")
    order = np.argsort(place, kind="stable")
    ends = np.cumsum(np.bincount(place, minlength=len(types) * len(genders)))
    counts = None
    if with_counts:
        speakers = labelled.model_speaker, labelled.test_speaker
        counts = count_trials(labelled.score, is_target, place, *speakers)
    return Strata(types, genders, np.split(labelled.score[order], ends[:-1]), counts)
