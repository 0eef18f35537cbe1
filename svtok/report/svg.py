"""Small charts as SVG for a page that is light or dark: lines are coloured by its style sheet, texts take its colour.

A line of number n has the class `s{n}`; the style sheet has a colour for each, and the next round is dashed.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from markupsafe import Markup, escape
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from scipy.special import ndtri

from svtok.metrics import Roc
from svtok.report.attention import NAMES, Attention, outline
from svtok.report.plots import HIGHEST, LOWEST

Points = NDArray[np.float64]

STYLES = 8
"""Colours of the style sheet."""
TICKS = (0.001, 0.005, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
"""Of a DET curve, so many that their labels do not touch."""
DASHES = ("", "6 3", "2 2")
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 8, 38
"""Margins of a chart, for its labels."""


@dataclass(frozen=True)
class Axis:
    """From where to where, what is marked (position and label), and the name."""

    low: float
    high: float
    label: str
    ticks: Sequence[tuple[float, str]] = ()

    @classmethod
    def over(cls, values: Points, label: str, *, whole: bool = False) -> Axis:
        """An axis with round ticks over some values; with `whole` numbers alone."""
        low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
        if low == high:
            low, high = low - 0.5, high + 0.5
        marks = np.asarray(MaxNLocator(nbins=5, integer=whole).tick_values(low, high))
        return cls(low, high, label, [(mark, f"{mark:.6g}") for mark in marks.tolist() if low <= mark <= high])

    def place(self, values: Points | float) -> Points:
        """Shares of the way from low to high; what lies outside is on the edge."""
        return np.clip((np.asarray(values, float) - self.low) / (self.high - self.low), 0, 1)


@dataclass(frozen=True)
class Line:
    """A line through points (N, 2), its number among the chart's, its name, and points of it that are marked."""

    points: Points
    number: int
    name: str
    marked: Points = field(default_factory=lambda: np.empty((0, 2)))
    filled: bool = False


def chart(
    lines: Sequence[Line],
    x: Axis,
    y: Axis,
    *,
    title: str,
    width: int = 360,
    height: int = 260,
    diagonal: bool = False,
    at: tuple[float, str] | None = None,
) -> Markup:
    """Lines in a frame with ticks and grid.

    Args:
        lines: to draw.
        x: the horizontal axis.
        y: the vertical axis.
        title: what a screen reader says of the picture.
        width: of the whole, in units of which a letter is about 6 wide.
        height: of the whole.
        diagonal: whether a faint line goes from corner to corner.
        at: a place on the x axis that an upright line marks, and its label.
    """
    right, foot = width - RIGHT, height - BOTTOM

    def across(values: Points | float) -> Points:
        return LEFT + (right - LEFT) * x.place(values)

    def up(values: Points | float) -> Points:
        return foot - (foot - TOP) * y.place(values)

    parts = [f'<svg class="chart" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">']
    for mark, label in x.ticks:
        place = f"{float(across(mark)):.1f}"
        parts.append(f'<path class="grid" d="M{place} {TOP}V{foot}"/>')
        parts.append(f'<text x="{place}" y="{foot + 14}" text-anchor="middle">{escape(label)}</text>')
    for mark, label in y.ticks:
        level = float(up(mark))
        parts.append(f'<path class="grid" d="M{LEFT} {level:.1f}H{right}"/>')
        parts.append(f'<text x="{LEFT - 5}" y="{level + 3.5:.1f}" text-anchor="end">{escape(label)}</text>')
    if diagonal:
        parts.append(f'<path class="grid" d="M{LEFT} {foot}L{right} {TOP}"/>')
    parts.append(f'<path class="frame" d="M{LEFT} {TOP}V{foot}H{right}"/>')
    middle = (LEFT + right) / 2
    parts.append(f'<text x="{middle}" y="{height - 6}" text-anchor="middle">{escape(x.label)}</text>')
    if y.label:
        centre = (TOP + foot) / 2
        turned = f'transform="rotate(-90 11 {centre})"'
        parts.append(f'<text x="11" y="{centre}" text-anchor="middle" {turned}>{escape(y.label)}</text>')
    for line in lines:
        places = np.stack([across(line.points[:, 0]), up(line.points[:, 1])], axis=1)  # (N, 2)
        fill = " filled" if line.filled else ""
        dash = DASHES[line.number // STYLES % len(DASHES)]
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        style = f"s{line.number % STYLES}"
        named = f"<title>{escape(line.name)}</title>"
        parts.append(f'<path class="line {style}{fill}"{dashes} d="{_path(places)}">{named}</path>')
        for one in np.stack([across(line.marked[:, 0]), up(line.marked[:, 1])], axis=1):
            parts.append(f'<circle class="{style}" cx="{one[0]:.1f}" cy="{one[1]:.1f}" r="3.5"/>')
    if at is not None:
        spot = float(across(at[0]))
        anchor, shift = ("end", -4) if spot > middle else ("start", 4)
        parts.append(f'<path class="at" d="M{spot:.1f} {TOP}V{foot}"/>')
        parts.append(f'<text x="{spot + shift:.1f}" y="{TOP + 10}" text-anchor="{anchor}">{escape(at[1])}</text>')
    return Markup("".join([*parts, "</svg>"]))


def _path(places: Points) -> str:
    """The points (N, 2) as a path, without those that fall onto the one before them."""
    whole = places.round()
    kept = np.append(True, (whole[1:] != whole[:-1]).any(axis=1)) if len(places) else np.empty(0, bool)
    if len(kept):
        kept[-1] = True
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places[kept].tolist())


def det_chart(curves: Mapping[str, Roc], numbers: Mapping[str, int], *, title: str) -> Markup:
    """DET curves: misses over false alarms on normal-deviate axes, each EER marked. See `plots.draw_det`."""
    lines = []
    for name, curve in curves.items():
        points = ndtri(np.clip(np.stack([curve.p_fa, curve.p_miss], axis=1), LOWEST / 10, 1 - LOWEST / 10))
        equal = ndtri(np.clip([[curve.eer().item()] * 2], LOWEST, HIGHEST))
        lines.append(Line(points, numbers[name], name, equal))
    ticks = [(float(ndtri(tick)), f"{100 * tick:g}") for tick in TICKS]
    ends = float(ndtri(LOWEST)), float(ndtri(HIGHEST))
    return chart(
        lines,
        Axis(*ends, "False accepts (%)", ticks),
        Axis(*ends, "Misses (%)", ticks),
        title=title,
        height=340,
        diagonal=True,
    )


def histogram(scores: Mapping[str, NDArray[np.float64]], threshold: float, *, title: str, bins: int = 60) -> Markup:
    """How the scores of each type of trials are spread, each of the same area, and where the threshold is."""
    every = np.concatenate(list(scores.values()))
    low, high = float(min(every.min(), threshold)), float(max(every.max(), threshold))
    edges = np.linspace(low, high if high > low else low + 1, bins + 1)
    lines = []
    for number, (name, some) in enumerate(scores.items()):
        shares = np.histogram(some, edges)[0] / len(some)
        steps = np.concatenate([[0.0], np.repeat(shares, 2), [0.0]])  # (2 bins + 2,)
        lines.append(Line(np.stack([np.repeat(edges, 2), steps], axis=1), number, name, filled=True))
    top = max(float(line.points[:, 1].max()) for line in lines)
    axes = Axis.over(edges, "Score"), Axis(0, 1.05 * top, "Trials")
    return chart(lines, *axes, title=title, width=480, height=200, at=(threshold, "threshold"))


STRIP, GAP, PICTURE = 18, 16, 90
"""Heights of a head's strip, of a label above strips, and of the spectrogram."""


def attention_chart(attention: Attention, spectrogram: bytes, duration: float, *, title: str) -> Markup:
    """A spectrogram over time, and below it a strip a head of each layer of each token: how much a frame gets.

    Each layer of a token has a scale of its own, on which a dotted line is an equal share for each frame; the number on
    the right is the share that goes to tokens.

    Args:
        attention: over an utterance.
        spectrogram: of the same utterance, a JPEG.
        duration: seconds.
        title: what a screen reader says of the picture.
    """
    width, left, right = 640, 58, 600
    x = Axis.over(np.array([0, duration]), "Time (s)")
    ends = left + (right - left) * x.place(np.repeat(attention.spans, 2))  # (4 T',)
    picture = base64.b64encode(spectrogram).decode()
    place = f'x="{left}" y="4" width="{right - left}" height="{PICTURE}" preserveAspectRatio="none"'
    parts = [f'<image class="spectrogram" {place} href="data:image/jpeg;base64,{picture}"/>']
    level = PICTURE + 4
    for token, name in enumerate(attention.tokens):
        for layer in range(len(attention.layers)):
            level += GAP
            parts.append(f'<text x="{left}" y="{level - 4}">{escape(NAMES.get(name, name))}, layer {layer + 1}</text>')
            weights = attention.over_frames(layer)[:, token]  # (heads, T')
            highest = float(weights.max())
            for head, (heights, share) in enumerate(
                zip(weights, attention.on_tokens(layer)[:, token].tolist(), strict=True)
            ):
                level += STRIP
                steps = level - (STRIP - 2) * outline(heights / highest)  # (4 T',)
                way = "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(ends.tolist(), steps.tolist(), strict=True))
                parts.append(f'<path class="strip s{token}" d="M{way}"/>')
                parts.append(f'<path class="frame" d="M{left} {level}H{right}"/>')
                equal = level - (STRIP - 2) / highest
                parts.append(f'<path class="equal" d="M{left} {equal:.1f}H{right}"/>')
                parts.append(f'<text x="{left - 5}" y="{level - 5}" text-anchor="end">head {head + 1}</text>')
                parts.append(f'<text x="{right + 5}" y="{level - 5}">{100 * share:.0f} %</text>')
    for mark, label in x.ticks:
        at = left + (right - left) * float(x.place(mark))
        parts.append(f'<text x="{at:.1f}" y="{level + 15}" text-anchor="middle">{escape(label)}</text>')
    parts.append(f'<text x="{(left + right) / 2}" y="{level + 30}" text-anchor="middle">{escape(x.label)}</text>')
    begin = f'<svg class="chart wide" viewBox="0 0 {width} {level + 36}" role="img" aria-label="{escape(title)}">'
    return Markup("".join([begin, *parts, "</svg>"]))
