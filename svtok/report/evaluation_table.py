"""The table of one system's evaluation, and what a reader must know to compare it with others."""

from __future__ import annotations

from svtok.report.results import POOLED, Arithmetic, Condition, Evaluation
from svtok.report.tables import number, percent, text_table

HEADER = ("condition", "by", "value", "targets", "non-targets", "EER %", "DCF08", "DCF10", "Cllr", "min Cllr")
TYPE_NAMES = {"TW": "target-wrong", "IC": "impostor-correct", "IW": "impostor-wrong", "nontarget": "all non-target"}
ARITHMETIC: dict[Arithmetic, str] = {
    "svtok": "EER: linear between the points of the ROC, tied scores together. DCF08, DCF10: least detection cost over "
    "thresholds at\n  (C_miss 10, C_fa 1, P_target 0.01) and (1, 1, 0.001), over that of the better trivial system.",
    "sdsv": "EER, DCF08 (C_miss 10, C_fa 1, P_target 0.01), DCF10 (1, 1, 0.001): official arithmetic of the SdSV "
    "challenges; tied scores\n  one by one in the order of the trials, accept-all not counted. min Cllr and intervals: "
    "svtok's own, tied scores together.",
}


def evaluation_table(evaluation: Evaluation) -> str:
    """The evaluation as plain text: caption, a row a condition (and value of a column), notes."""
    taken_apart = any(condition.by for condition in evaluation.conditions)
    columns = [place for place, name in enumerate(HEADER) if name not in ("by", "value") or taken_apart]
    rows = [[row[place] for place in columns] for row in map(_row, evaluation.conditions)]
    header = [HEADER[place] for place in columns]
    table = text_table(header, rows, left=3 if taken_apart else 1)
    return "\n".join([_caption(evaluation), "", table, "", *_notes(evaluation)])


def _row(condition: Condition) -> list[str]:
    return [
        condition.name,
        condition.by or "-",
        condition.value or ("macro-averaged" if condition.macro_averaged else "pooled"),
        str(condition.targets),
        str(condition.nontargets),
        percent(condition.eer, condition.eer_ci),
        number(condition.dcf08, condition.dcf08_ci),
        number(condition.dcf10),
        number(condition.cllr),
        number(condition.min_cllr),
    ]


def _caption(evaluation: Evaluation) -> str:
    return f"{evaluation.scores}" + (f" on {evaluation.corpus}" if evaluation.corpus else "")


def _notes(evaluation: Evaluation) -> list[str]:
    notes = [_counted(evaluation)]
    if any(condition.by for condition in evaluation.conditions):
        notes.append(
            "By a column: its value for the trial's model or, where models lack the column, for its test utterance; "
            "pooled: all\n  values, also those without a row; macro-averaged: the mean of the rows above."
        )
    notes.append(ARITHMETIC[evaluation.arithmetic])
    notes.append(
        "Cllr: bits, of the scores taken as log-likelihood ratios as they are, which cosines are not; min Cllr: after "
        "the best\n  monotone calibration."
    )
    notes.append(_intervals(evaluation))
    return notes


def _counted(evaluation: Evaluation) -> str:
    pooled = evaluation.condition(POOLED)
    types = " + ".join(TYPE_NAMES[name] for name in pooled.nontarget_types) if pooled else "none"
    return f"Non-targets counted: those that the condition names; pooled: {types}."


def _intervals(evaluation: Evaluation) -> str:
    if evaluation.resamples == 0:
        return "No confidence intervals (--resamples 0)."
    what = "speakers" if evaluation.resampled == "speakers" else "models (the speakers are not known)"
    text = f"[low, high]: 95 % confidence interval, by drawing the {what} again, {evaluation.resamples} times"
    return f"{text} (seed {evaluation.seed})."
