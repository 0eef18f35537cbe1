"""The table of one system's evaluation, and what a reader must know to compare it with others."""

from __future__ import annotations

from svtok.report.results import POOLED, Condition, Evaluation
from svtok.report.tables import number, percent, text_table

HEADER = ("condition", "gender", "targets", "non-targets", "EER %", "DCF08", "DCF10", "Cllr", "min Cllr")
TYPE_NAMES = {"TW": "target-wrong", "IC": "impostor-correct", "IW": "impostor-wrong", "nontarget": "all non-target"}


def evaluation_table(evaluation: Evaluation) -> str:
    """The evaluation as plain text: caption, a row a condition (and gender), notes."""
    by_gender = any(condition.gender for condition in evaluation.conditions)
    columns = [place for place, name in enumerate(HEADER) if name != "gender" or by_gender]
    rows = [[row[place] for place in columns] for row in map(_row, evaluation.conditions)]
    header = [HEADER[place] for place in columns]
    table = text_table(header, rows, left=2 if by_gender else 1)
    return "\n".join([_caption(evaluation), "", table, "", *_notes(evaluation)])


def _row(condition: Condition) -> list[str]:
    return [
        condition.name,
        condition.gender or "all",
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
    if any(condition.gender for condition in evaluation.conditions):
        notes.append("Gender: that of the model; tests of any gender are counted.")
    notes.append(
        "EER: linear between the points of the ROC, tied scores together. DCF08, DCF10: least detection cost over "
        "thresholds at\n  (C_miss 10, C_fa 1, P_target 0.01) and (1, 1, 0.001), over that of the better trivial system."
    )
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
    what = "speakers" if evaluation.resampled == "speakers" else "models (speakers are not known without --data)"
    text = f"[low, high]: 95 % confidence interval, by drawing the {what} again, {evaluation.resamples} times"
    return f"{text} (seed {evaluation.seed})."
