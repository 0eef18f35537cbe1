"""svtok calibrate fit | apply, svtok fuse fit | apply: a calibration is the fusion of one file of scores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from svtok.cli.fresh import always, makes
from svtok.cli.options import fitted_for_options, together
from svtok.cli.trials import data_or_trials_options, set_or_list
from svtok.cli.values import FILE
from svtok.scoring import FORMAT

if TYPE_CHECKING:
    from svtok.scoring.fusion import Rule

_fit_options = together(
    data_or_trials_options("dev"),
    click.option("--out", type=FILE, required=True, help="YAML file to write."),
    fitted_for_options,
)
"""--data or --trials, --out, and for what the fit is to be best."""


_llr_out_option = click.option(
    "--out", type=FILE, required=True, help="Table to write, with the log likelihood ratios as scores."
)
_systems_option = click.option(
    "--scores",
    type=FILE,
    required=True,
    multiple=True,
    help="Table of scores of one system; given once for each, all with the same trials in the same order.",
)


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
@_fit_options
@makes("out", format=FORMAT, shows=always)
def fit_calibration(scores: Path, **options: Any) -> None:
    """Fit a calibration on a prepared set that is not evaluated, such as dev: log likelihood ratio = weight * score +
    offset, by prior-weighted logistic regression. Prints what it does to Cllr, and the errors at the threshold.

    \b
    Example:
      svtok calibrate fit --scores exp/cls/scores-dev.tsv --data data/my/dev --out exp/cls/calibration.yaml \\
        --p-target 0.5 --c-miss 1 --c-fa 10
      svtok calibrate fit --scores wespeaker/dev.score --trials wespeaker/dev.trials \\
        --out exp/wespeaker/calibration.yaml
    """
    _fit([scores], rule="linear", **options)


@calibrate.command("apply")
@click.argument("calibration", type=FILE)
@click.option("--scores", type=FILE, required=True, help="Table of scores of any trials; their types do not matter.")
@_llr_out_option
@makes("out", format=FORMAT)
def apply_calibration(calibration: Path, scores: Path, out: Path) -> None:
    """Calibrate scores by CALIBRATION, the file that `svtok calibrate fit` wrote.

    \b
    Example:
      svtok calibrate apply exp/cls/calibration.yaml --scores exp/cls/scores.tsv --out exp/cls/calibrated.tsv
      svtok evaluate --scores exp/cls/calibrated.tsv --data data/my/eval
    """
    _apply(calibration, [scores], out)


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
@_systems_option
@click.option(
    "--rule",
    type=click.Choice(["linear", "both"]),
    default="linear",
    show_default=True,
    help="linear: a weighted sum of the scores. both: one such sum against each type of non-targets, joined so that "
    "what any of them refuses is refused; speaker and phrase must both be right.",
)
@click.option(
    "--ridge",
    type=click.FloatRange(min=0),
    default=0.0,
    show_default=True,
    help="What large weights cost in the fit. Where a few speakers are fitted on, 1 gives each system about the weight "
    "that it would have without the others.",
)
@_fit_options
@makes("out", format=FORMAT, shows=always)
def fit_fusion(scores: tuple[Path, ...], rule: Any, **options: Any) -> None:
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
    _fit(scores, rule=rule, **options)


@fuse.command("apply")
@click.argument("fusion", type=FILE)
@_systems_option
@_llr_out_option
@makes("out", format=FORMAT)
def apply_fusion(fusion: Path, scores: tuple[Path, ...], out: Path) -> None:
    """Fuse scores by FUSION, the file that `svtok fuse fit` wrote. Systems are given in the order of the fit.

    \b
    Example:
      svtok fuse apply exp/fused/fusion.yaml --scores exp/avg/scores.tsv --scores exp/cls/scores.tsv \\
        --out exp/fused/scores.tsv
    """
    _at_least_two(scores)
    _apply(fusion, scores, out)


def _at_least_two(scores: tuple[Path, ...]) -> None:
    if len(scores) < 2:
        raise click.UsageError("a fusion needs --scores at least twice; for one system, use svtok calibrate")


def _fit(
    scores: Sequence[Path],
    *,
    data: Path | None,
    trial_list: Path | None,
    out: Path,
    nontargets: Sequence[tuple[str, float]],
    c_miss: float,
    c_fa: float,
    p_target: float,
    rule: Rule,
    ridge: float = 0.0,
) -> None:
    """Fit on the trials of a set, write the file, print what it does there."""
    from svtok.metrics import Cost
    from svtok.report.calibration import fusion_table
    from svtok.scoring.fusion import by_type, fit_fusion, read_stack, write_fusion

    trials, stacked = read_stack(scores)
    typed = by_type(trials, stacked, set_or_list(data, trial_list), path=scores[0])
    cost = Cost(c_miss=c_miss, c_fa=c_fa, p_target=p_target)
    names, shares = [str(path) for path in scores], dict(nontargets) or None
    fusion = fit_fusion(typed, names, rule=rule, shares=shares, cost=cost, ridge=ridge)
    write_fusion(out, fusion)
    click.echo(f"{out}: fitted on {data or trial_list}\n\n{fusion_table(fusion, typed)}")


def _apply(file: Path, scores: Sequence[Path], out: Path) -> None:
    """Write the likelihood ratios of the trials of some files of scores."""
    from svtok.errors import SvtokError
    from svtok.scoring.fusion import read_fusion, read_stack
    from svtok.scoring.scores import write_scores

    fusion = read_fusion(file)
    if len(fusion.scores) != len(scores):
        raise SvtokError(
            f"{file} was fitted on {len(fusion.scores)} files of scores ({', '.join(fusion.scores)}); "
            f"{len(scores)} given ({', '.join(map(str, scores))})"
        )
    trials, stacked = read_stack(scores)
    ratios = fusion.llr(stacked)
    write_scores(out, trials, ratios)
    for fitted, applied in zip(fusion.scores, scores, strict=True):
        click.echo(f"{applied}: as {fitted} in the fit")
    accepted = int((ratios >= fusion.threshold).sum())
    click.echo(f"{out}: {len(ratios)} log likelihood ratios, {accepted} from the threshold {fusion.threshold:.4g} on")
