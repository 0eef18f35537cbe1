"""svtok calibrate fit | apply"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from svtok.cli.fusion_options import apply, fit, fit_options
from svtok.cli.options import FILE


@click.group()
def calibrate() -> None:
    """Turn scores into log likelihood ratios, and find the threshold.

    \b
    Example:
      svtok calibrate fit --scores exp/cls/scores-dev.tsv --data data/my/dev --out exp/cls/calibration.yaml
      svtok calibrate apply exp/cls/calibration.yaml --scores exp/cls/scores.tsv --out exp/cls/calibrated.tsv
    """


@calibrate.command("fit")
@click.option("--scores", type=FILE, required=True, help="Table of scores of the set's trials.")
@fit_options
def fit_command(scores: Path, **options: Any) -> None:
    """Fit a calibration on a prepared set that is not evaluated, such as dev: log likelihood ratio = weight * score +
    offset, by prior-weighted logistic regression. Prints what it does to Cllr, and the errors at the threshold.

    \b
    Example:
      svtok calibrate fit --scores exp/cls/scores-dev.tsv --data data/my/dev --out exp/cls/calibration.yaml \\
        --p-target 0.5 --c-miss 1 --c-fa 10
    """
    fit([scores], rule="linear", **options)


@calibrate.command("apply")
@click.argument("calibration", type=FILE)
@click.option("--scores", type=FILE, required=True, help="Table of scores of any trials; their types do not matter.")
@click.option("--out", type=FILE, required=True, help="Table to write, with the log likelihood ratios as scores.")
def apply_command(calibration: Path, scores: Path, out: Path) -> None:
    """Calibrate scores by CALIBRATION, the file that `svtok calibrate fit` wrote.

    \b
    Example:
      svtok calibrate apply exp/cls/calibration.yaml --scores exp/cls/scores.tsv --out exp/cls/calibrated.tsv
      svtok evaluate --scores exp/cls/calibrated.tsv --data data/my/eval
    """
    apply(calibration, [scores], out)
