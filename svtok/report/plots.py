"""Plots: DET curves, training curves; and what all plots share."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from svtok.config import load_yaml
from svtok.errors import SvtokError
from svtok.files import writing_file
from svtok.manifest.sets import CorpusInfo, read_corpus_info
from svtok.metrics import Reliability, Roc
from svtok.places import corpus_folder, work_folders

if TYPE_CHECKING:
    from matplotlib.axes import Axes
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


TICKS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)
LOWEST, HIGHEST = 0.0005, 0.9
"""The axes end here, in fractions: beyond them a curve goes on along the edge."""


def draw_det(curves: Mapping[str, Roc], path: Path, *, title: str) -> None:
    """Draw one curve a name as a PNG: misses over false alarms, in percent on normal-deviate axes, EERs marked.

    A. Martin et al., "The DET curve in assessment of detection task performance", Eurospeech 1997.

    Args:
        curves: by what the legend calls them.
        path: the PNG.
        title: above it.
    """
    figure = new_figure(6.4, 6.4)
    axes = figure.add_subplot()
    limits = float(ndtri(LOWEST)), float(ndtri(HIGHEST))
    axes.plot(limits, limits, color="0.8", linewidth=0.8, zorder=1)
    for name, curve in curves.items():
        eer = curve.eer().item()
        (line,) = axes.plot(_deviates(curve.p_fa), _deviates(curve.p_miss), label=f"{name}, EER {100 * eer:.2f} %")
        point = _deviates(np.clip([eer], LOWEST, HIGHEST))
        axes.plot(point, point, marker="o", markersize=5, color=line.get_color(), clip_on=False)
    axes.set(xlim=limits, ylim=limits, aspect="equal", xlabel="False alarms (%)", ylabel="Misses (%)")
    axes.set_title(title, wrap=True)
    labels = [f"{100 * tick:g}" for tick in TICKS]
    axes.set_xticks(ndtri(TICKS), labels)
    axes.set_yticks(ndtri(TICKS), labels)
    axes.grid(color="0.9", linewidth=0.6)
    axes.legend(loc="upper right", framealpha=1)
    save_png(figure, path)


def draw_reliability(found: Mapping[str, Reliability], path: Path, *, title: str) -> None:
    """Draw, as a PNG, what log likelihood ratios say against what is so, a line a condition with 95 % intervals.

    On the diagonal they are what they say; less steep than it, they promise too much.

    Args:
        found: by what the legend calls them.
        path: the PNG.
        title: above it.
    """
    figure = new_figure(6.4, 6.4)
    axes = figure.add_subplot()
    most = max(float(np.abs(one[:2]).max(initial=1)) for one in found.values())
    axes.plot([-most, most], [-most, most], color="0.8", linewidth=0.8, zorder=1)
    for number, (name, one) in enumerate(found.items()):
        colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
        axes.plot(one.said, one.observed, color=colour, marker=marker, markersize=4, linewidth=1, label=name)
        axes.vlines(one.said, one.low, one.high, color=colour, linewidth=1)
    axes.set(xlabel="Log likelihood ratio, as the scores say", ylabel="Log likelihood ratio, observed")
    axes.set_title(title, wrap=True)
    axes.grid(color="0.9", linewidth=0.6)
    axes.legend(loc="upper left", framealpha=1)
    save_png(figure, path)


def _deviates(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(ndtri(np.clip(shares, LOWEST / 10, 1 - LOWEST / 10)))


class Panel(NamedTuple):
    """A value of the log: its name there, its label, and what it is multiplied by."""

    key: str
    label: str
    factor: float = 1


ALWAYS_FIRST = (
    Panel("loss", "Training loss"),
    Panel("accuracy", "Training accuracy (%)", 100),
    Panel("dev_eer", "Dev EER (%)", 100),
    Panel("dev_phone_error_rate", "Dev phone error rate (%)", 100),
    Panel("learning_rate", "Learning rate"),
)
NOT_DRAWN = ("epoch", "seconds")


def corpus_of(folder: Path) -> CorpusInfo | None:
    """The corpus that the network of a folder was trained on; None where that is not known, or not there any more.

    Its place, as config.yaml says it, is relative to the working folder or to WORK of a folder WORK/exp/NAME.
    """
    from svtok.trained.folder import CONFIG  # which loads torch, that most plots need not

    run = load_yaml(folder / CONFIG).get("run", {})
    if "train" not in run:
        return None
    infos = (read_corpus_info(corpus_folder(root / run["train"]["data"])) for root in work_folders(folder))
    return next((info for info in infos if info), None)


def title_of(folders: Sequence[Path]) -> str:
    """What the curves of these networks are, with the corpora that they were trained on where these are known."""
    infos = [corpus_of(folder) for folder in folders]
    captions = dict.fromkeys(info.caption if info else "an unnamed corpus" for info in infos)
    what = f"Training of {folders[0].absolute().name}" if len(folders) == 1 else f"Training of {len(folders)} networks"
    return f"{what} on {', '.join(captions)}" if any(infos) else what


def short_names(folders: Sequence[Path]) -> list[str]:
    """The last part of each folder's path, with as many parts before it as it takes to distinguish all.

    Raises SvtokError for a folder that is named twice.
    """
    paths = [Path(os.path.abspath(folder)).parts for folder in folders]
    for count in range(1, max(map(len, paths)) + 1):
        names = ["/".join(parts[-count:]) for parts in paths]
        if len(set(names)) == len(names):
            return names
    twice = next(folder for number, folder in enumerate(folders) if paths[number] in paths[:number])
    raise SvtokError(f"{twice} is named twice")


def panels_of(logs: Sequence[pd.DataFrame]) -> list[Panel]:
    """Loss, accuracy, dev error rate, learning rate, then what else is logged; none that has no value in any log."""
    known = [panel.key for panel in ALWAYS_FIRST]
    others = dict.fromkeys(key for log in logs for key in log.columns if key not in (*known, *NOT_DRAWN))
    panels = [*ALWAYS_FIRST, *(Panel(key, key) for key in others)]
    return [panel for panel in panels if any(panel.key in log and log[panel.key].notna().any() for log in logs)]


def points_of(log: pd.DataFrame, panel: Panel) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The epochs for which a log has the panel's value, and the values as they are drawn: each (epochs,)."""
    if panel.key not in log:
        return np.empty(0), np.empty(0)
    known = log.dropna(subset=panel.key)
    return known["epoch"].to_numpy(), panel.factor * known[panel.key].to_numpy()


def legend_entry(name: str, log: pd.DataFrame) -> str:
    """The name of a network and, where it was measured on a dev set, its lowest EER there."""
    best = lowest_dev_eer(log)
    return f"{name}: lowest dev EER {100 * best[1]:.2f} % (epoch {best[0]:.0f} of {len(log)})" if best else name


def lowest_dev_eer(log: pd.DataFrame) -> tuple[float, float] | None:
    """The first epoch with the lowest EER on the dev set, and that EER; None where none was measured."""
    if "dev_eer" not in log or log["dev_eer"].isna().all():
        return None
    row = int(np.nanargmin(log["dev_eer"]))
    return float(log["epoch"].iloc[row]), float(log["dev_eer"].iloc[row])


def draw_curves(logs: Mapping[str, pd.DataFrame], path: Path, *, title: str) -> None:
    """Draw the logs of trainings as a PNG: a panel a value, a line a network, over epochs, the lowest dev EER marked.

    Args:
        logs: of `read_training_log`, by what the legend calls them.
        path: the PNG.
        title: above it.
    """
    from matplotlib.lines import Line2D

    panels = panels_of(list(logs.values()))
    rows, legend_columns = (len(panels) + 1) // 2, 1 + (len(logs) > 6)
    figure = new_figure(10, 0.8 + 3 * rows + 0.25 * -(-len(logs) // legend_columns))
    grid = figure.subplots(rows, 2, squeeze=False, sharex=True)
    styles = [_style(number) for number in range(len(logs))]
    for axes, panel in zip(grid.flat, panels, strict=False):
        _draw_panel(axes, panel, list(logs.values()), styles)
    for axes in grid.flat[len(panels) :]:
        axes.remove()
    entries = [legend_entry(*named) for named in logs.items()]
    handles = [Line2D([], [], label=entry, **style) for entry, style in zip(entries, styles, strict=True)]
    figure.suptitle(title, wrap=True)
    figure.legend(handles=handles, loc="outside lower center", ncols=legend_columns, frameon=False, handlelength=3)
    save_png(figure, path)


def _style(number: int) -> dict[str, Any]:
    colour, dash = COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)]
    return {"color": colour, "linestyle": dash, "linewidth": 1.5}


def _draw_panel(axes: Axes, panel: Panel, logs: Sequence[pd.DataFrame], styles: Sequence[dict[str, Any]]) -> None:
    from matplotlib.ticker import MaxNLocator

    for log, style in zip(logs, styles, strict=True):
        epochs, values = points_of(log, panel)
        marker = "." if len(epochs) == 1 else ""  # a line of one point is not seen
        axes.plot(epochs, values, marker=marker, **style)
        if panel.key == "dev_eer" and (best := lowest_dev_eer(log)):
            axes.plot(best[0], panel.factor * best[1], "o", color=style["color"], markersize=5)
    axes.set(title=panel.label, xlabel="Epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.tick_params(labelbottom=True)
    axes.grid(color="0.9", linewidth=0.6)
