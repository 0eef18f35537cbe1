"""One table of several systems, from their evaluations."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from svtok.report.results import POOLED, Condition, Evaluation
from svtok.report.tables import Rows, markdown_table, number, percent, text_table

Cell = Callable[[Condition], str]


def _eer(condition: Condition) -> str:
    return percent(condition.eer, condition.eer_ci)


def _dcf08(condition: Condition) -> str:
    return number(condition.dcf08, condition.dcf08_ci)


COLUMNS: tuple[tuple[str, str, Cell], ...] = (
    ("TC-vs-IC", "EER %", _eer),
    ("TC-vs-IC", "DCF08", _dcf08),
    ("TC-vs-TW", "EER %", _eer),
    ("TC-vs-IW", "EER %", _eer),
    (POOLED, "EER %", _eer),
)
"""Condition, name of the metric, and how it is told."""


def comparison_text(systems: Mapping[str, Evaluation]) -> str:
    """The table as plain text, systems in the order given, and its notes."""
    header, rows = _table(systems)
    return "\n".join([_caption(systems), "", text_table(header, rows), "", *_notes(systems)])


def comparison_markdown(systems: Mapping[str, Evaluation]) -> str:
    """The table as Markdown, systems in the order given, and its notes."""
    header, rows = _table(systems)
    notes = [f"- {note}" for note in _notes(systems)]
    return "\n".join([f"**{_caption(systems)}**", "", markdown_table(header, rows), "", *notes]) + "\n"


def _table(systems: Mapping[str, Evaluation]) -> tuple[list[str], Rows]:
    """Header and rows; a condition that no system was evaluated on has no column."""
    columns = [column for column in COLUMNS if any(one.condition(column[0]) for one in systems.values())]
    header = ["system", *(f"{condition} {metric}" for condition, metric, _ in columns)]
    rows = []
    for name, evaluation in systems.items():
        conditions = [(evaluation.condition(condition), cell) for condition, _, cell in columns]
        rows.append([name, *("-" if condition is None else cell(condition) for condition, cell in conditions)])
    return header, rows


def _caption(systems: Mapping[str, Evaluation]) -> str:
    corpora = dict.fromkeys(evaluation.corpus or "unnamed trials" for evaluation in systems.values())
    return f"Error rates on {', '.join(corpora)}"


def _notes(systems: Mapping[str, Evaluation]) -> list[str]:
    notes = []
    official = {name: one.arithmetic for name, one in systems.items() if one.arithmetic != "svtok"}
    synthetic = [name for name, evaluation in systems.items() if evaluation.synthetic]
    if synthetic:
        which = "These numbers" if len(synthetic) == len(systems) else f"The numbers of {', '.join(synthetic)}"
        notes.append(f"{which} are from SYNTHETIC speech: they tell that the recipe runs, not how well it would do.")
    notes += [f"The numbers of {name} are by the official arithmetic of {which}." for name, which in official.items()]
    notes.append(_trials(systems))
    notes += [f"[low, high]: 95 % confidence intervals by drawing the {what} again." for what in _resampled(systems)]
    return notes


def _trials(systems: Mapping[str, Evaluation]) -> str:
    """How many trials the conditions have; or that the systems were not evaluated on the same."""
    counts = {name: _counts(evaluation) for name, evaluation in systems.items()}
    if len(set(counts.values())) == 1:
        return f"Trials (targets / non-targets): {next(iter(counts.values()))}."
    told = "; ".join(f"{name}: {text}" for name, text in counts.items())
    return f"CAUTION, the systems were NOT evaluated on the same trials (targets / non-targets): {told}."


def _counts(evaluation: Evaluation) -> str:
    names = dict.fromkeys(name for name, _, _ in COLUMNS)
    present = [condition for condition in map(evaluation.condition, names) if condition]
    return ", ".join(f"{one.name} {one.targets} / {one.nontargets}" for one in present)


def _resampled(systems: Mapping[str, Evaluation]) -> list[str]:
    return sorted({evaluation.resampled for evaluation in systems.values() if evaluation.resamples})
