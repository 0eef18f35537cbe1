"""Tables of calibrations: of a fusion, and of what a fitted scorer decides."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from svtok.manifest.trial_types import TARGET_TYPES
from svtok.metrics import min_cllr, mixture_cllr, mixture_roc
from svtok.report.tables import number, percent, text_table
from svtok.scoring.decision import PHRASE_SCORES, SPEAKER_SCORES, Aspect, Decision
from svtok.scoring.fusion import Fusion, TypedScores

Array = NDArray[np.float64]


def fusion_table(fusion: Fusion, by_type: TypedScores) -> str:
    """Cllr and its minimum of each system's scores and of the result, the weights, and the errors at the threshold.

    `by_type` holds the scores (N, S) of each type of trials. Non-targets count by the shares of the fusion.
    """
    result = {name: fusion.llr(scores) for name, scores in by_type.items()}
    against = ["weight vs " + "+".join(part.nontargets) for part in fusion.parts]
    rows = [
        [name, *_costs({kind: one[:, column] for kind, one in by_type.items()}, fusion.shares)]
        + [f"{part.weights[column]:.5g}" for part in fusion.parts]
        for column, name in enumerate(fusion.scores)
    ]
    offsets = [f"{part.offset:.5g}" for part in fusion.parts]
    name = "calibrated" if len(fusion.scores) == 1 else "fused"
    rows += [["(offset)", "", "", *offsets], [name, *_costs(result, fusion.shares), *("" for _ in fusion.parts)]]
    return "\n".join(
        [
            text_table(["scores", "Cllr", "min Cllr", *against], rows),
            "",
            text_table(["trials", "number", "share", "wrong %"], _decisions(fusion, result)),
            "",
            _notes_on(fusion),
        ]
    )


def decisions_text(decisions: Mapping[Aspect, Decision], by_type: TypedScores) -> str:
    """A table of what a scorer decides, a row an aspect: Cllr, and the errors at the threshold of the fit.

    Args:
        decisions: of a fitted scorer.
        by_type: the scores that it was fitted on, of the embeddings (N, 1), or these and those of the phrase (N, 2).
    """
    rows, notes = [], []
    for aspect, decision in decisions.items():
        fusion, threshold = decision.fusion, decision.threshold()
        columns = [(SPEAKER_SCORES, PHRASE_SCORES).index(name) for name in fusion.scores]
        result = {name: fusion.llr(by_type[name][:, columns]) for name in decision.spread}
        counts = [
            sum(len(result[name]) for name in result if (name in TARGET_TYPES) == right) for right in (True, False)
        ]
        errors = percent(threshold.false_reject_rate), percent(threshold.false_accept_rate)
        rows.append([aspect, "+".join(fusion.shares), *map(str, counts), *_costs(result, fusion.shares), *errors])
        if threshold.note:
            notes.append(f"{aspect}: {threshold.note}.")
    header = ["decided", "against", "targets", "non-targets", "Cllr", "min Cllr", "misses %", "false accepts %"]
    point = next(iter(decisions.values())).fusion.operating_point
    notes.append(
        f"misses, false accepts: from the threshold on that is the best for C_miss {point.c_miss:g}, C_fa "
        f"{point.c_fa:g}, P_target {point.p_target:g}.\nAll numbers are of the trials that it was fitted on, "
        "non-targets counted by their shares."
    )
    return "\n".join([text_table(header, rows, left=2), "", *notes])


def _costs(by_type: Mapping[str, Array], shares: Mapping[str, float]) -> list[str]:
    targets = np.concatenate([scores for name, scores in by_type.items() if name in TARGET_TYPES])
    nontargets, weights = [by_type[name] for name in shares], list(shares.values())
    curve = mixture_roc(targets, nontargets, weights)
    return [number(mixture_cllr(targets, nontargets, weights)), number(min_cllr(curve))]


def _decisions(fusion: Fusion, result: Mapping[str, Array]) -> list[list[str]]:
    """A row a type of trials: how many, their share among non-targets, and how many are decided wrongly."""
    rows = []
    for name, ratios in result.items():
        is_target = name in TARGET_TYPES
        wrong = (ratios >= fusion.threshold) != is_target
        share = "" if is_target else number(fusion.shares.get(name, 0.0))
        rows.append([name, str(len(ratios)), share, percent(wrong.mean())])
    return rows


def _notes_on(fusion: Fusion) -> str:
    point = fusion.operating_point
    return (
        "Cllr: bits, of the scores as natural-log likelihood ratios, non-targets counted by their shares.\n"
        f"wrong: targets below, non-targets from the threshold on, {fusion.threshold:.4g}: the best for C_miss "
        f"{point.c_miss:g}, C_fa {point.c_fa:g}, P_target {point.p_target:g}.\n"
        "All numbers are of the trials that it was fitted on."
    )
