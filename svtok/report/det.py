"""The plot of detection error trade-offs (DET curves)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from svtok.metrics import Roc
from svtok.report.figures import new_figure, save_png

TICKS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)
LOWEST, HIGHEST = 0.0005, 0.9
"""The axes end here, in fractions: beyond them a curve goes on along the edge."""


def draw_det(curves: Mapping[str, Roc], path: Path, *, title: str) -> None:
    """Draw one curve a name as a PNG: misses over false alarms, in percent on normal-deviate axes, EERs marked.

    A. Martin et al., "The DET curve in assessment of detection task performance", Eurospeech 1997.
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


def _deviates(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(ndtri(np.clip(shares, LOWEST / 10, 1 - LOWEST / 10)))
