"""Tables as plain text and Markdown: of one evaluation, of several systems."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

from svtok.metrics.bootstrap import FEWEST_SPEAKERS, Interval
from svtok.report.evaluate import POOLED, Arithmetic, Condition, Evaluation

Rows = Sequence[Sequence[str]]


def text_table(header: Sequence[str], rows: Rows, *, left: int = 1) -> str:
    """Columns aligned by blanks, the first `left` of them to the left and the others to the right.

    >>> print(text_table(["system", "EER"], [["cls", "1.50"], ["average", "12.00"]]))
    system     EER
    -------  -----
    cls       1.50
    average  12.00
    """
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [_aligned(cells, widths, left) for cells in (header, ["-" * width for width in widths], *rows)]
    return "\n".join("  ".join(cells).rstrip() for cells in lines)


def markdown_table(header: Sequence[str], rows: Rows, *, left: int = 1) -> str:
    """A Markdown table, also aligned as text, the first `left` columns to the left and the others to the right."""
    rows = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    widths = [max(3, *map(len, column)) for column in zip(header, *rows, strict=True)]
    rule = ["-" * width if place < left else "-" * (width - 1) + ":" for place, width in enumerate(widths)]
    lines = [_aligned(cells, widths, left) for cells in (header, rule, *rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _aligned(cells: Sequence[str], widths: Sequence[int], left: int) -> list[str]:
    return [
        cell.ljust(width) if place < left else cell.rjust(width)
        for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]


def percent(
    share: float, interval: Interval | None = None, speakers: int | None = None, *, sign: Literal["+", "-"] = "-"
) -> str:
    """A fraction in percent, with its interval behind it, see `number`.

    >>> percent(0.0123, (0.0091, 0.016))
    '1.23 [0.91, 1.60]'
    """
    in_percent = interval and (100 * interval[0], 100 * interval[1])
    return number(100 * share, in_percent, speakers, decimals=2, sign=sign)


def number(
    value: float,
    interval: Interval | None = None,
    speakers: int | None = None,
    *,
    decimals: int = 3,
    sign: Literal["+", "-"] = "-",
) -> str:
    """A number, with its interval behind it, and a question mark where this is of so few speakers that it is noise.

    Args:
        value: the number.
        interval: its confidence interval, if it has one.
        speakers: how many were drawn again for the interval; None where that is not known.
        decimals: of all numbers.
        sign: "+" for a sign before positive numbers, too.

    Returns:
        The text; `noise_notes` explains the question mark.

    >>> number(0.123, (0.101, 0.145), speakers=30)
    '0.123 [0.101, 0.145]'
    >>> number(0.123, (0.101, 0.145), speakers=4, sign="+")
    '+0.123 [+0.101, +0.145]?'
    """
    text = f"{value:{sign}.{decimals}f}"
    if interval is None:
        return text
    low, high = (f"{end:{sign}.{decimals}f}" for end in interval)
    return f"{text} [{low}, {high}]" + ("?" if is_noise(speakers) else "")


def is_noise(speakers: int | None) -> bool:
    """Whether a confidence interval by drawing so many speakers again says next to nothing."""
    return speakers is not None and speakers < FEWEST_SPEAKERS


def noise_notes(speakers: Iterable[int | None], what: str = "speakers") -> list[str]:
    """A note on the intervals that have a question mark, of which `speakers` are the numbers; none where none has."""
    few = sorted({str(count) for count in speakers if is_noise(count)}, key=int)
    if not few:
        return []
    return [f"[low, high]?: noise, for it is by drawing fewer than {FEWEST_SPEAKERS} {what} again ({', '.join(few)})."]


COUNTS = ("condition", "by", "value", "targets", "non-targets")
HEADER = (*COUNTS, "EER %", "DCF08", "actual", "DCF10", "actual", "Cllr", "min Cllr")
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
    caption = f"{evaluation.scores}" + (f" on {evaluation.corpus}" if evaluation.corpus else "")
    return "\n".join([caption, "", table, "", *_notes(evaluation)])


def _row(condition: Condition) -> list[str]:
    return [
        condition.name,
        condition.by or "-",
        condition.value or ("macro-averaged" if condition.macro_averaged else "pooled"),
        str(condition.targets),
        str(condition.nontargets),
        _eer(condition),
        _dcf08(condition),
        _known(condition.actual_dcf08),
        number(condition.dcf10),
        _known(condition.actual_dcf10),
        number(condition.cllr),
        number(condition.min_cllr),
    ]


def _known(value: float | None) -> str:
    return "" if value is None else number(value)


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
        "the best\n  monotone calibration. actual: the detection cost at the threshold that follows from the costs, of "
        "the same scores."
    )
    notes.append(_intervals(evaluation))
    return notes + noise_notes(map(_drawn, evaluation.conditions), evaluation.resampled)


def _drawn(condition: Condition) -> int | None:
    """How many speakers were drawn again for the intervals of a row that has some."""
    return condition.speakers if condition.eer_ci or condition.dcf08_ci else None


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


Cell = Callable[[Condition], str]


def _eer(condition: Condition) -> str:
    return percent(condition.eer, condition.eer_ci, condition.speakers)


def _dcf08(condition: Condition) -> str:
    return number(condition.dcf08, condition.dcf08_ci, condition.speakers)


COLUMNS: tuple[tuple[str, str, Cell], ...] = (
    ("TC-vs-IC", "EER %", _eer),
    ("TC-vs-IC", "DCF08", _dcf08),
    ("TC-vs-TW", "EER %", _eer),
    ("TC-vs-IW", "EER %", _eer),
    (POOLED, "EER %", _eer),
)
"""Condition, name of the metric, and its text."""


def comparison_text(systems: Mapping[str, Evaluation]) -> str:
    """The table as plain text, systems in the order given, and its notes."""
    header, rows = _table(systems)
    return "\n".join([_comparison_caption(systems), "", text_table(header, rows), "", *_comparison_notes(systems)])


def comparison_markdown(systems: Mapping[str, Evaluation]) -> str:
    """The table as Markdown, systems in the order given, and its notes."""
    header, rows = _table(systems)
    notes = [f"- {note}" for note in _comparison_notes(systems)]
    return "\n".join([f"**{_comparison_caption(systems)}**", "", markdown_table(header, rows), "", *notes]) + "\n"


def _table(systems: Mapping[str, Evaluation]) -> tuple[list[str], Rows]:
    """Header and rows; a condition that no system was evaluated on has no column."""
    columns = [column for column in COLUMNS if any(one.condition(column[0]) for one in systems.values())]
    header = ["system", *(f"{condition} {metric}" for condition, metric, _ in columns)]
    rows = []
    for name, evaluation in systems.items():
        conditions = [(evaluation.condition(condition), cell) for condition, _, cell in columns]
        rows.append([name, *("-" if condition is None else cell(condition) for condition, cell in conditions)])
    return header, rows


def _comparison_caption(systems: Mapping[str, Evaluation]) -> str:
    corpora = dict.fromkeys(evaluation.corpus or "unnamed trials" for evaluation in systems.values())
    return f"Error rates on {', '.join(corpora)}"


def _comparison_notes(systems: Mapping[str, Evaluation]) -> list[str]:
    notes = []
    official = {name: one.arithmetic for name, one in systems.items() if one.arithmetic != "svtok"}
    synthetic = [name for name, evaluation in systems.items() if evaluation.synthetic]
    if synthetic:
        which = "These numbers" if len(synthetic) == len(systems) else f"The numbers of {', '.join(synthetic)}"
        notes.append(f"{which} are from SYNTHETIC speech: they show that the recipe runs, not how well it would do.")
    notes += [f"The numbers of {name} are by the official arithmetic of {which}." for name, which in official.items()]
    notes.append(_trials(systems))
    for what in sorted({one.resampled for one in systems.values() if one.resamples}):
        notes.append(f"[low, high]: 95 % confidence intervals by drawing the {what} again.")
        rows = [row for one in systems.values() if one.resampled == what for row in map(one.condition, _names()) if row]
        notes += noise_notes(map(_drawn, rows), what)
    return notes


def _trials(systems: Mapping[str, Evaluation]) -> str:
    """How many trials the conditions have; or that the systems were not evaluated on the same."""
    counts = {name: _counts(evaluation) for name, evaluation in systems.items()}
    if len(set(counts.values())) == 1:
        return f"Trials (targets / non-targets): {next(iter(counts.values()))}."
    listed = "; ".join(f"{name}: {text}" for name, text in counts.items())
    return f"CAUTION, the systems were NOT evaluated on the same trials (targets / non-targets): {listed}."


def _names() -> list[str]:
    """The conditions that have columns."""
    return list(dict.fromkeys(name for name, _, _ in COLUMNS))


def _counts(evaluation: Evaluation) -> str:
    present = [condition for condition in map(evaluation.condition, _names()) if condition]
    return ", ".join(f"{one.name} {one.targets} / {one.nontargets}" for one in present)
