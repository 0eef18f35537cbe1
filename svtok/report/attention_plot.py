"""The picture of what tokens attend to: a column a token, its spectrogram, and below it a panel a layer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from svtok.report.attention import Attention, Spectrogram
from svtok.report.figures import new_figure, save_png
from svtok.report.phones import Phone, label_levels

NAMES = {"cls": "Class token", "dist": "Distillation token"}
FREQUENCIES = (100, 250, 500, 1000, 2000, 4000, 8000, 16000)
"""Hz at which the axis of a spectrogram is marked."""
STRIP = 0.42
"""Height of a head's strip, inches."""
LABEL_SIZE = 8
LEVEL_HEIGHT = 0.17
"""Height of a row of phone labels, inches."""


def draw_attention(
    attention: Attention,
    spectrogram: Spectrogram,
    path: Path,
    *,
    title: str,
    phones: Sequence[Phone] = (),
    phones_label: str = "Phones",
) -> None:
    """Draw the attention as a PNG: a column a token, a panel a layer, a strip a head, over time in seconds.

    A strip's height is how often a frame has what an equal share would be, on one scale for the whole picture; a line
    marks the equal share. `phones` are named under each spectrogram and bounded by lines throughout; `phones_label`
    tells where they come from.
    """
    columns, layers, heads = len(attention.tokens), len(attention.layers), len(attention.layers[0])
    width = float(np.clip(3 * spectrogram.duration, 4.5, 11))  # of the time axis, inches
    levels = _levels(phones, spectrogram.duration / width)
    heights = [1.8, LEVEL_HEIGHT * (max(levels) + 1) if levels else 0.01, *[STRIP * heads] * layers]
    figure = new_figure(columns * (width + 1.2), sum(heights) + 0.42 * layers + 1.5)
    grid = figure.subplots(2 + layers, columns, squeeze=False, sharex=True, height_ratios=heights)
    highest = max(float(attention.over_frames(layer).max()) for layer in range(layers))
    for column, token in enumerate(attention.tokens):
        _draw_spectrogram(grid[0, column], spectrogram)
        grid[0, column].set_title(NAMES.get(token, token))
        _draw_phones(grid[1, column], phones, levels, phones_label)
        for layer in range(layers):
            axes = grid[2 + layer, column]
            weights, on_tokens = attention.over_frames(layer)[:, column], attention.on_tokens(layer)[:, column]
            _draw_heads(axes, attention.spans, weights, on_tokens, highest)
            axes.set_title(f"layer {layer + 1}", fontsize=9, loc="left", pad=3)
        for axes in grid[:, column]:
            for boundary in {time for phone in phones for time in phone[:2]}:
                axes.axvline(boundary, color="0.45", linewidth=0.6, zorder=3)
        grid[-1, column].set(xlim=(0, spectrogram.duration), xlabel="Time (s)")
    _write_captions(figure, title, highest)
    save_png(figure, path)


def _write_captions(figure: Figure, title: str, highest: float) -> None:
    figure.suptitle(title, wrap=True)
    figure.supxlabel(
        f"Dotted: an equal share of attention for each frame. Top of a strip: {highest:.1f} times that.\n"
        "Right: the share that goes to tokens instead of frames.",
        fontsize=LABEL_SIZE,
    )


def _draw_spectrogram(axes: Axes, spectrogram: Spectrogram) -> None:
    """Frames as columns of grey, dark where there is energy, on a mel axis marked in Hz."""
    lowest, highest = mel(np.array([spectrogram.lowest, spectrogram.highest]))
    energies = spectrogram.energies.T  # (bands, T)
    floor, top = np.percentile(energies, [5, 99.5])
    axes.imshow(
        energies,
        cmap="Greys",
        vmin=floor,
        vmax=top,
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        extent=(*spectrogram.span, lowest, highest),
    )
    ticks = [hertz for hertz in FREQUENCIES if spectrogram.lowest <= hertz <= spectrogram.highest]
    axes.set_yticks(mel(np.array(ticks)), [f"{hertz:g}" for hertz in ticks])
    axes.set_ylabel("Frequency (Hz)")


def mel(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Kaldi's mel scale (feat/mel-computations.h), on which bands are equally far apart."""
    values: NDArray[np.float64] = 1127 * np.log1p(hertz / 700)
    return values


def _levels(phones: Sequence[Phone], seconds_an_inch: float) -> list[int]:
    """The row of each phone's label, such that none overlaps another."""
    a_letter = 0.75 * LABEL_SIZE / 72 * seconds_an_inch
    centres = [(phone.start + phone.end) / 2 for phone in phones]
    return label_levels(centres, [a_letter * (len(phone.name) + 0.5) for phone in phones])


def _draw_phones(axes: Axes, phones: Sequence[Phone], levels: Sequence[int], label: str) -> None:
    axes.set(ylim=(max(levels, default=0) + 0.6, -0.6), yticks=[])
    axes.tick_params(bottom=False)
    axes.spines[:].set_visible(False)
    if phones:
        axes.set_ylabel(label, fontsize=LABEL_SIZE, rotation=0, ha="right", va="center")
    box = {"facecolor": "white", "edgecolor": "none", "pad": 0.4}
    for phone, level in zip(phones, levels, strict=True):
        centre = (phone.start + phone.end) / 2
        axes.text(centre, level, phone.name, ha="center", va="center", fontsize=LABEL_SIZE, bbox=box, zorder=4)


def _draw_heads(
    axes: Axes,
    spans: NDArray[np.float64],
    weights: NDArray[np.float32],
    on_tokens: NDArray[np.float32],
    highest: float,
) -> None:
    """One strip a head, the first at the top, of weights (heads, T') whose top is `highest`; on_tokens (heads,)."""
    heads = len(weights)
    for head in range(heads):
        floor = heads - 1 - head
        heights = outline(weights[head] / highest)
        axes.fill_between(np.repeat(spans, 2), floor, floor + heights, color="#0072b2", linewidth=0, zorder=2)
        axes.axhline(floor, color="0.6", linewidth=0.6)
        axes.axhline(floor + 1 / highest, color="0.3", linewidth=0.7, linestyle=":", zorder=3)
    middles = np.arange(heads)[::-1] + 0.5
    axes.set(ylim=(0, heads))
    axes.set_yticks(middles, [f"head {head + 1}" for head in range(heads)], fontsize=LABEL_SIZE)
    right = axes.secondary_yaxis("right")
    right.set_yticks(middles, [f"{100 * share:.0f} %" for share in on_tokens], fontsize=LABEL_SIZE)
    for side in (axes, right):
        side.tick_params(axis="y", length=0)


def outline(heights: NDArray[np.float32]) -> NDArray[np.float32]:
    """The corners (4 T',) of steps of the given heights (T',) that start and end at 0, as frames may be left out."""
    corners: NDArray[np.float32] = (heights[:, None] * np.array([0, 1, 1, 0])).ravel()
    return corners
