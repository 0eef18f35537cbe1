"""Which system of an ablation to take: by its error rates on dev sets, never by speakers who are reported."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from svtok.errors import Problem, SvtokError, raise_problems, unknown_name
from svtok.experiments.results import CONDITIONS, Row, eer_of, runs_of
from svtok.report.tables import markdown_table, percent, text_table


@dataclass(frozen=True)
class Choices:
    """The systems of each fold's choice.

    `figures`: for each system and fold that is reported, the mean over the conditions of the mean EER (a fraction) on
    the dev sets that the fold may look at. `chosen`: for each fold the system whose figure is the least.
    `left_out`: systems that lack a run, which cannot be compared.
    """

    figures: dict[str, dict[int, float]]
    chosen: dict[int, str]
    left_out: list[str]

    @property
    def agreed(self) -> str | None:
        """The system that all folds chose, which then was not chosen by any speaker that a fold reports."""
        return next(iter(self.chosen.values())) if len(set(self.chosen.values())) == 1 else None


def speakers_of_dev(fold: int, folds: int) -> int:
    """The fold whose evaluation speakers are the dev set of a fold: the next one, the first after the last.

    >>> [speakers_of_dev(fold, 5) for fold in (1, 2, 5)]
    [2, 3, 1]
    """
    return fold % folds + 1


def choose(rows: Iterable[Row], systems: Sequence[str], conditions: Sequence[str]) -> Choices:
    """For each of N rotating folds, the system with the least error on dev speakers who are not evaluated in the fold.

    Where the dev set of fold K is the evaluation set of fold K + 1, as `svtok prepare --folds` makes them, what fold K
    reports may not be chosen by the dev set of fold K - 1, whose speakers it reports. All others count alike.

    Args:
        rows: of runs that were evaluated on the dev sets of all folds 1 to N.
        systems: those to choose from; none: all.
        conditions: those whose EERs are averaged.

    Raises:
        ProblemsError: a system or condition is unknown.
        SvtokError: rows of another set than dev, fewer than 3 folds, a fold without any run, or no system has all runs.
    """
    rows = [row for row in rows if row.condition]
    known = list(dict.fromkeys(row.system for row in rows))
    asked = (("system", systems, known), ("condition", conditions, CONDITIONS))
    raise_problems([Problem(unknown_name(what, n, of)) for what, names, of in asked for n in names if n not in of])
    if others := sorted({row.test_set for row in rows} - {"dev"}):
        raise SvtokError(f"runs evaluated on {', '.join(others)}: choices are made on dev (test_set: dev in the plan)")
    folds = max((row.fold for row in rows), default=0)
    if folds < 3 or {row.fold for row in rows} != set(range(1, folds + 1)):
        raise SvtokError("a choice takes the dev sets of all folds, 3 or more, from 1 on; run the others first")
    seeds = {row.seed for row in rows}
    figures: dict[str, dict[int, float]] = {}
    left_out = []
    for system in systems or known:
        runs = [runs_of(rows, system, condition) for condition in conditions]
        if any(len(of) < folds * len(seeds) for of in runs):
            left_out.append(system)
            continue
        figures[system] = {
            fold: fmean(eer_of(row) for of in runs for (k, _), row in of.items() if speakers_of_dev(k, folds) != fold)
            for fold in range(1, folds + 1)
        }
    if not figures:
        raise SvtokError(f"no system has all runs: {folds} folds x {len(seeds)} seeds")
    chosen = {fold: min(figures, key=lambda system: figures[system][fold]) for fold in range(1, folds + 1)}
    return Choices(figures, chosen, left_out)


def choices_text(choices: Choices, *, markdown: bool = False) -> str:
    """The figures as a table, a row a system and a column a fold, with the choices marked by `*`; and what follows."""
    header = ["system", *(f"fold {fold}" for fold in choices.chosen)]
    rows = [
        [system, *(percent(of[fold]) + ("*" if choices.chosen[fold] == system else "") for fold in choices.chosen)]
        for system, of in choices.figures.items()
    ]
    notes = [
        "Mean EER in % on the dev sets whose speakers the fold does not evaluate; *: the least, which is chosen.",
        f"All folds choose {choices.agreed}."
        if choices.agreed
        else "The folds do not agree: report each fold by the system that it chose.",
        *(f"Left out, as runs are missing: {system}." for system in choices.left_out),
    ]
    table = markdown_table(header, rows) if markdown else text_table(header, rows)
    return "\n".join([table, "", *(f"- {note}" if markdown else note for note in notes)])
