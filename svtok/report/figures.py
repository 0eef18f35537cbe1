"""What all plots share: figures without a display, written as PNG, and colours that are told apart in grey too."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from svtok.files import writing_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DOTS_PER_INCH = 150
COLOURS = ("#000000", "#d55e00", "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9")
"""Of the palette for the colour-blind by Okabe and Ito (2008), all but its yellow, which is too light for lines."""
DASHES = ("-", "--", ":", "-.")
MARKERS = ("o", "s", "^", "v", "D", "X", "<", "P", ">")
"""The numbers of colours, dashes and markers have no common factor: combinations repeat as late as they can."""


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of so many inches, which needs no display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save_png(figure: Figure, path: Path) -> None:
    """Write the figure as a PNG, whole or not at all."""
    with writing_file(path) as temporary:
        figure.savefig(temporary, format="png")
