"""The report on several systems as one HTML file that needs nothing else: no network, no other file, no library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from platform import python_version
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

import svtok
from svtok.manifest.schema import UNKNOWN
from svtok.manifest.sets import CorpusInfo
from svtok.metrics.bootstrap import FEWEST_SPEAKERS, Interval
from svtok.report.clips import Clip
from svtok.report.evaluate import CONDITIONS, Condition
from svtok.report.findings import Trials, Worst
from svtok.report.plots import ALWAYS_FIRST, lowest_dev_eer, points_of
from svtok.report.svg import Axis, Line, chart, det_chart, histogram
from svtok.report.systems import System
from svtok.report.tables import TYPE_NAMES, is_noise

VERSIONS = ("numpy", "torch", "soundfile", "pandas")
"""Packages whose versions are named."""


@dataclass(frozen=True)
class Cell:
    """A cell of a table: what is read, what it is sorted by, and what is added in small print."""

    text: str
    value: float | str | None = None
    small: str = ""
    share: float | None = None
    """Of the longest bar of the column, where the cell has a bar."""


@dataclass(frozen=True)
class Table:
    """A table that can be sorted: its columns, the first of which names the row."""

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    opened: bool = True


@dataclass(frozen=True)
class Seen:
    """What the tokens of a system attend to, as a picture; or why there is none."""

    utt: str
    picture: Markup | None
    why_not: str = ""


@dataclass(frozen=True)
class Report:
    """All that a page shows."""

    systems: Sequence[System]
    trials: Trials | None
    corpus: CorpusInfo | None
    columns: Sequence[str] = ()
    clips: Mapping[str, Clip] = field(default_factory=dict)
    """By utterance."""
    attention: Mapping[str, Seen] = field(default_factory=dict)
    """By system."""
    false_accept_rate: float | None = None
    resamples: int = 0
    notes: Sequence[str] = ()
    """What the report lacks, and why."""


def render(report: Report) -> str:
    """The page."""
    environment = Environment(
        loader=PackageLoader("svtok.report", "template"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    numbers = {system.name: number for number, system in enumerate(report.systems)}
    return environment.get_template("report.html").render(
        report=report,
        title=f"{report.corpus.caption if report.corpus else 'svtok'}: {_counted(report.systems)}",
        numbers=numbers,
        styles=8,
        overview=_overview(report),
        dets=_dets(report, numbers),
        groups=_groups(report),
        histograms={one.name: _histogram(one) for one in report.systems if one.measured},
        speakers={one.name: _worst_speakers(one.speakers) for one in report.systems},
        phrases={one.name: _worst_phrases(one.phrases, _texts(report.trials)) for one in report.systems},
        texts=_texts(report.trials),
        curves=_curves(report.systems, numbers),
        best_epochs={one.name: lowest_dev_eer(one.log) for one in report.systems if one.log is not None},
        differences=_differences(report.systems),
        type_names=TYPE_NAMES,
        noise=_noise(report.systems),
        fewest=FEWEST_SPEAKERS,
        versions=_versions(),
    )


def _counted(systems: Sequence[System]) -> str:
    return "1 system" if len(systems) == 1 else f"{len(systems)} systems"


def _interval(interval: Interval | None, factor: float, decimals: int, speakers: int | None) -> str:
    if interval is None:
        return ""
    low, high = (f"{factor * end:.{decimals}f}" for end in interval)
    return f"[{low}, {high}]" + ("?" if is_noise(speakers) else "")


def _noise(systems: Sequence[System]) -> bool:
    rows = [row for one in systems if one.measured for row in one.measured.conditions]
    return any(is_noise(row.speakers) and row.eer_ci for row in rows)


def _percent(row: Condition | None, *, bar: float = 0) -> Cell:
    """The EER of a condition in percent, with a bar whose whole length is `bar`."""
    if row is None:
        return Cell("-")
    small = _interval(row.eer_ci, 100, 2, row.speakers)
    return Cell(f"{100 * row.eer:.2f}", row.eer, small, row.eer / bar if bar else None)


def _overview(report: Report) -> Table | None:
    """A row a system: EER of each condition, and costs of the first, with intervals."""
    measured = {one.name: one.measured for one in report.systems if one.measured}
    if not measured:
        return None
    rows_of = {name: {row.name: row for row in one.conditions} for name, one in measured.items()}
    names = [name for name in CONDITIONS if any(name in rows for rows in rows_of.values())]
    first = names[0]
    header = ["system", *(f"{name} EER %" for name in names), f"{first} DCF08", f"{first} DCF10", "Cllr", "min Cllr"]
    rows = []
    for one in report.systems:
        found = rows_of.get(one.name)
        if found is None:
            rows.append([Cell(one.name, one.name), *[Cell("-")] * (len(header) - 1)])
            continue
        main = found.get(first)
        cells = [Cell(one.name, one.name), *(_percent(found.get(name)) for name in names)]
        if main is None:
            cells += [Cell("-")] * 4
        else:
            cells.append(Cell(f"{main.dcf08:.3f}", main.dcf08, _interval(main.dcf08_ci, 1, 3, main.speakers)))
            cells += [Cell(f"{value:.3f}", value) for value in (main.dcf10, main.cllr, main.min_cllr)]
        rows.append(cells)
    counts = next(iter(rows_of.values()))
    trials = ", ".join(f"{row.name} {row.targets:,} / {row.nontargets:,}" for row in counts.values())
    return Table(f"Trials (targets / non-targets): {trials}", header, rows)


def _dets(report: Report, numbers: Mapping[str, int]) -> dict[str, Markup]:
    curves = {one.name: one.measured.curves for one in report.systems if one.measured}
    drawn = {}
    for name in CONDITIONS:
        there = {system: of_system[name] for system, of_system in curves.items() if name in of_system}
        if there:
            drawn[name] = det_chart(there, numbers, title=f"DET curves, {name}")
    return drawn


def _groups(report: Report) -> dict[str, list[Table]]:
    """By column, a table for each condition: a row a value, a column a system; the first is open."""
    tables: dict[str, list[Table]] = {}
    measured = {one.name: one.measured for one in report.systems if one.measured}
    for column in report.columns:
        for name in CONDITIONS:
            rows = {
                system: {row.value: row for row in one.groups if (row.by, row.name) == (column, name) and row.value}
                for system, one in measured.items()
            }
            values = dict.fromkeys(value for found in rows.values() for value in found)
            if not values:
                continue
            bar = max(row.eer for found in rows.values() for row in found.values())
            lines = []
            for value in values:
                one = next(found[value] for found in rows.values() if value in found)
                counts = [Cell(f"{number:,}", float(number)) for number in (one.targets, one.nontargets)]
                cells = [_percent(found.get(value), bar=bar) for found in rows.values()]
                lines.append([_named(str(value), _texts(report.trials) if column == "phrase" else {}), *counts, *cells])
            header = [column, "targets", "non-targets", *rows]
            first = column not in tables
            tables.setdefault(column, []).append(Table(f"{name} EER %", header, lines, opened=first))
    return tables


def _named(value: str, texts: Mapping[str, str]) -> Cell:
    return Cell(value, value, texts.get(value, ""))


def _histogram(system: System) -> Markup:
    assert system.measured is not None
    measured = system.measured
    kinds = [*("TC", "TW", "IC", "IW"), "target", "nontarget"]
    scores = {kind: measured.score[np.asarray(measured.type == kind)] for kind in kinds}
    scores = {kind: some for kind, some in scores.items() if len(some)}
    return histogram(scores, system.measured.threshold, title=f"Scores of {system.name} by the type of trials")


def _share(wrong: int, number: int) -> Cell:
    return Cell(f"{100 * wrong / number:.1f}", wrong / number, f"{wrong:,} of {number:,}") if number else Cell("-")


def _worst_speakers(rows: Sequence[Worst]) -> Table:
    header = ("speaker", "missed %", "accepted as them %", "they as others %")
    return Table(
        "Worst speakers",
        header,
        [
            [
                Cell(row.name, row.name),
                _share(row.missed, row.targets),
                _share(row.accepted, row.nontargets),
                _share(row.claims_accepted, row.claims),
            ]
            for row in rows
        ],
    )


def _worst_phrases(rows: Sequence[Worst], texts: Mapping[str, str]) -> Table:
    header = ("phrase", "missed %", "falsely accepted %")
    return Table(
        "Worst phrases",
        header,
        [
            [_named(row.name, texts), _share(row.missed, row.targets), _share(row.accepted, row.nontargets)]
            for row in rows
        ],
    )


def _texts(trials: Trials | None) -> dict[str, str]:
    """The words of each phrase, where all its utterances have the same."""
    if trials is None or "text" not in trials.prepared.utterances:
        return {}
    of_phrases = trials.prepared.utterances.groupby("phrase", observed=True)["text"].agg(["first", "nunique"])
    return {
        str(phrase): str(row["first"])
        for phrase, row in of_phrases.iterrows()
        if row["nunique"] == 1 and row["first"] not in (phrase, UNKNOWN)
    }


def _curves(systems: Sequence[System], numbers: Mapping[str, int]) -> dict[str, Markup]:
    """A chart for each of the known values of the training logs."""
    logs = {one.name: one.log for one in systems if one.log is not None}
    charts = {}
    for panel in ALWAYS_FIRST:
        lines = [_line(numbers[name], name, *points_of(log, panel)) for name, log in logs.items()]
        lines = [line for line in lines if len(line.points)]
        if lines:
            every = np.concatenate([line.points for line in lines])  # (points, 2)
            axes = Axis.over(every[:, 0], "Epoch", whole=True), Axis.over(every[:, 1], "")
            charts[panel.label] = chart(lines, *axes, title=f"{panel.label} by epoch")
    return charts


def _line(number: int, name: str, epochs: np.ndarray, values: np.ndarray) -> Line:
    points = np.stack([epochs, values], axis=1).astype(float)  # (epochs, 2)
    points = points[np.isfinite(points).all(axis=1)]
    return Line(points, number, name, points if len(points) == 1 else np.empty((0, 2)))


def _differences(systems: Sequence[System]) -> Table | None:
    """The fields of the configurations in which the systems differ, a column a system."""
    configs = {one.name: one.config for one in systems if one.config}
    fields = dict.fromkeys(name for config in configs.values() for name in config if not name.startswith("run.train."))
    rows = []
    for name in fields:
        values = [config.get(name, "-") for config in configs.values()]
        if len(set(values)) > 1:
            rows.append([Cell(name, name), *(Cell(value, value) for value in values)])
    return Table("Where the configurations differ", ["field", *configs], rows) if rows else None


def _versions() -> dict[str, Any]:
    found = {"svtok": svtok.__version__, "Python": python_version()}
    for name in VERSIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # one that does not come by pip
            continue
    return found
