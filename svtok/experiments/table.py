"""The table of an ablation: a row a system, and notes that name every run that is not counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

from svtok.errors import Problem, raise_problems, unknown_name
from svtok.experiments.plan import Choice, run_name
from svtok.experiments.results import (
    CONDITIONS,
    RESAMPLED,
    Pair,
    Row,
    Runs,
    mean_difference,
    mean_eer,
    runs_of,
    seed_deviation,
)
from svtok.report.tables import Rows, markdown_table, noise_notes, percent, text_table

NONE = "-"


class Ablated:
    """The results of the folds, seeds and systems chosen, in the order of the systems.

    `keys`: what the plan asks of each system, see `svtok.experiments.plan.run_key`; none where there is no plan.
    Raises ProblemsError where a system to compare with, or a condition, is unknown.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        chosen: Choice,
        against: Sequence[str] = (),
        conditions: Sequence[str] = RESAMPLED,
        keys: Mapping[str, str] | None = None,
    ) -> None:
        known = (("system", against, dict.fromkeys(row.system for row in rows)), ("condition", conditions, CONDITIONS))
        raise_problems(
            [Problem(unknown_name(what, name, of)) for what, names, of in known for name in names if name not in of]
        )
        self.rows = [row for row in rows if row.fold in chosen.folds and row.seed in chosen.seeds]
        self.chosen, self.against, self.conditions, self.keys = chosen, against, conditions, keys or {}
        self.pairs = [(fold, seed) for seed in chosen.seeds for fold in chosen.folds]

    def done(self, system: str) -> Runs:
        """The runs of a system that ended well, in any condition."""
        return {(row.fold, row.seed): row for row in self.rows if row.system == system and row.condition}

    def failed(self, system: str) -> dict[Pair, str]:
        """The errors of the runs of a system that failed."""
        return {(row.fold, row.seed): row.error for row in self.rows if row.system == system and row.error}

    def caution(self, system: str) -> str | None:
        """What is wrong with the settings of a system's runs."""
        settings = {row.settings for row in self.rows if row.system == system}
        if len(settings) > 1:
            return f"CAUTION, the runs of {system} are NOT all of the same settings: run svtok ablate again."
        if settings and self.keys.get(system, *settings) not in settings:
            return f"CAUTION, the runs of {system} are NOT of the settings of this plan: run svtok ablate again."
        return None

    def missing(self, system: str) -> list[Pair]:
        """The runs of a system of which nothing is known."""
        return [pair for pair in self.pairs if pair not in {**self.done(system), **self.failed(system)}]


def with_results(known: Choice, rows: Iterable[Row]) -> Choice:
    """The folds, seeds and systems known from a plan, and after them what else has results."""
    rows = list(rows)
    return Choice(
        list(dict.fromkeys([*known.folds, *sorted(row.fold for row in rows)])),
        list(dict.fromkeys([*known.seeds, *sorted(row.seed for row in rows)])),
        list(dict.fromkeys([*known.systems, *(row.system for row in rows)])),
    )


def ablation_text(ablated: Ablated) -> str:
    """The table as plain text."""
    header, rows = _table(ablated)
    return "\n".join([_caption(ablated), "", text_table(header, rows), "", *_notes(ablated)])


def ablation_markdown(ablated: Ablated) -> str:
    """The table as Markdown."""
    header, rows = _table(ablated)
    notes = [f"- {note}" for note in _notes(ablated)]
    return "\n".join([f"**{_caption(ablated)}**", "", markdown_table(header, rows), "", *notes]) + "\n"


def _table(ablated: Ablated) -> tuple[list[str], Rows]:
    header = ["system", "runs"]
    for condition in ablated.conditions:
        header += [f"{condition} EER %", *_if_seeds(ablated, "SD"), *(f"minus {other}" for other in ablated.against)]
    rows = [[system, *_cells(ablated, system)] for system in ablated.chosen.systems]
    return [*header, "parameters", "seconds"], rows


def _cells(ablated: Ablated, system: str) -> list[str]:
    cells = [_counts(ablated, system)]
    for condition in ablated.conditions:
        runs = runs_of(ablated.rows, system, condition)
        mean, deviation = mean_eer(runs), seed_deviation(runs)
        cells.append(percent(mean.value, mean.interval, mean.speakers) if mean else NONE)
        cells += _if_seeds(ablated, NONE if deviation is None else percent(deviation))
        for other in ablated.against:
            minus = mean_difference(runs, runs_of(ablated.rows, other, condition)) if other != system else None
            cells.append(percent(minus.value, minus.interval, minus.speakers, sign="+") if minus else NONE)
    done = ablated.done(system).values()
    parameters = [row.parameters for row in done if row.parameters is not None]
    seconds = [row.seconds for row in done if row.seconds is not None]
    return [
        *cells,
        f"{fmean(parameters):,.0f}" if parameters else NONE,
        f"{fmean(seconds):.0f}" if seconds else NONE,
    ]


def _if_seeds(ablated: Ablated, text: str) -> list[str]:
    """The text where there are several seeds, which have a deviation."""
    return [text] if len(ablated.chosen.seeds) > 1 else []


def _counts(ablated: Ablated, system: str) -> str:
    failed = len(ablated.failed(system))
    text = f"{len(ablated.done(system))}/{len(ablated.pairs)}"
    return f"{text}, {failed} failed" if failed else text


def _caption(ablated: Ablated) -> str:
    corpora = dict.fromkeys(row.corpus for row in ablated.rows if row.corpus)
    sets = dict.fromkeys(row.test_set for row in ablated.rows)
    where = f"{', '.join(corpora) or 'unnamed trials'} ({' and '.join(sets)})"
    return f"Mean error rates on {where}: folds {_listed(ablated.chosen.folds)}, seeds {_listed(ablated.chosen.seeds)}"


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(numbers)))


def _notes(ablated: Ablated) -> list[str]:
    notes = [
        " ".join(
            [
                "Runs: ended well / planned.",
                *_if_seeds(ablated, "SD: standard deviation over the seeds of the mean over the folds."),
            ]
        ),
        "[low, high]: 95 % confidence interval, by drawing the evaluation speakers of each fold again, the same draws "
        "for all systems.",
        *noise_notes(
            mean.speakers
            for condition in ablated.conditions
            for system in ablated.chosen.systems
            if (mean := mean_eer(runs_of(ablated.rows, system, condition))) and mean.interval
        ),
        *(f"Minus {other}: difference of the EERs over the runs that both have." for other in ablated.against),
        f"Seconds: of training, the mean of a run, on {_tally(row.hardware for row in _ended(ablated))}.",
        *_precisions(ablated),
        f"Commits: {_tally(row.commit for row in _ended(ablated))}.",
    ]
    for system in ablated.chosen.systems:
        notes += _partial(ablated, system)
        if caution := ablated.caution(system):
            notes.append(caution)
        notes += [f"FAILED: {run_name(system, *pair)}: {error}" for pair, error in ablated.failed(system).items()]
        if missing := ablated.missing(system):
            notes.append(f"Missing: {', '.join(run_name(system, *pair) for pair in missing)}.")
    return notes


def _ended(ablated: Ablated) -> list[Row]:
    """A row for each run that ended well."""
    return [row for system in ablated.chosen.systems for row in ablated.done(system).values()]


def _precisions(ablated: Ablated) -> list[str]:
    """A note on the arithmetic of the trainings, where it is known of any."""
    known = [row.precision for row in _ended(ablated) if row.precision]
    return [f"Networks trained in: {_tally(known)}."] if known else []


def _tally(names: Iterable[str]) -> str:
    """Each name with how often it stands there."""
    listed = list(names)
    counts = {name: listed.count(name) for name in listed}
    return ", ".join(f"{name} ({n} run{'' if n == 1 else 's'})" for name, n in counts.items()) or "nothing"


def _partial(ablated: Ablated, system: str) -> list[str]:
    """A note for each comparison that leaves out runs of a system."""
    mine = ablated.done(system).keys()
    return [
        f"{system} minus {other}: over {len(mine & theirs)} of the {len(mine)} runs of {system}."
        for other in ablated.against
        if mine and len(mine & (theirs := ablated.done(other).keys())) < len(mine)
    ]
