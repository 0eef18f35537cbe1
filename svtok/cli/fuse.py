"""svtok fuse fit | apply"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from svtok.cli.fusion_options import apply, fit, fit_options
from svtok.cli.options import FILE

scores_option = click.option(
    "--scores",
    type=FILE,
    required=True,
    multiple=True,
    help="Table of scores of one system; given once for each, all with the same trials in the same order.",
)


@click.group()
def fuse() -> None:
    """Make one log likelihood ratio of the scores of several systems.

    \b
    Example:
      svtok fuse fit --scores exp/cls/scores-dev.tsv --scores exp/cls/phrases-dev.tsv --data data/my/dev \\
        --rule both --out exp/fused/fusion.yaml
      svtok fuse apply exp/fused/fusion.yaml --scores exp/cls/scores.tsv --scores exp/cls/phrases.tsv \\
        --out exp/fused/scores.tsv
    """


@fuse.command("fit")
@scores_option
@click.option(
    "--rule",
    type=click.Choice(["linear", "both"]),
    default="linear",
    show_default=True,
    help="linear: a weighted sum of the scores. both: one such sum against each type of non-targets, joined so that "
    "what any of them refuses is refused; speaker and phrase must both be right.",
)
@fit_options
def fit_command(scores: tuple[Path, ...], rule: Any, **options: Any) -> None:
    """Fit a fusion on a prepared set that is not evaluated, such as dev, by prior-weighted logistic regression. The
    result is a log likelihood ratio. Prints weights, Cllr, and the errors at the threshold.

    \b
    Example:
      svtok fuse fit --scores exp/avg/scores-dev.tsv --scores exp/cls/scores-dev.tsv --data data/my/dev \\
        --out exp/fused/fusion.yaml
      svtok fuse fit --scores exp/cls/scores-dev.tsv --scores exp/cls/phrases-dev.tsv --data data/my/dev \\
        --rule both --nontargets IC,TW,IW --out exp/fused/fusion.yaml
    """
    _at_least_two(scores)
    fit(scores, rule=rule, **options)


@fuse.command("apply")
@click.argument("fusion", type=FILE)
@scores_option
@click.option("--out", type=FILE, required=True, help="Table to write, with the log likelihood ratios as scores.")
def apply_command(fusion: Path, scores: tuple[Path, ...], out: Path) -> None:
    """Fuse scores by FUSION, the file that `svtok fuse fit` wrote. Systems are given in the order of the fit.

    \b
    Example:
      svtok fuse apply exp/fused/fusion.yaml --scores exp/avg/scores.tsv --scores exp/cls/scores.tsv \\
        --out exp/fused/scores.tsv
    """
    _at_least_two(scores)
    apply(fusion, scores, out)


def _at_least_two(scores: tuple[Path, ...]) -> None:
    if len(scores) < 2:
        raise click.UsageError("a fusion needs --scores at least twice; for one system, use svtok calibrate")
