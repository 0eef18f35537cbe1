"""What a fusion of scores, or a calibration, does on trials of known types, as text."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from svtok.manifest.trial_types import TARGET_TYPES
from svtok.metrics import min_cllr, mixture_cllr, mixture_roc
from svtok.report.tables import number, percent, text_table
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
            _told(fusion),
        ]
    )


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


def _told(fusion: Fusion) -> str:
    point = fusion.operating_point
    return (
        "Cllr: bits, of the scores as natural-log likelihood ratios, non-targets counted by their shares.\n"
        f"wrong: targets below, non-targets from the threshold on, {fusion.threshold:.4g}: the best for C_miss "
        f"{point.c_miss:g}, C_fa {point.c_fa:g}, P_target {point.p_target:g}.\n"
        "All numbers are of the trials that it was fitted on."
    )
