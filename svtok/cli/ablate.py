"""svtok ablate."""

from __future__ import annotations

from pathlib import Path

import click

from svtok.cli.options import FILE, FOLDER, device_option, together


def _numbers(context: click.Context, parameter: click.Parameter, value: str) -> list[int]:
    try:
        return [int(word) for word in value.split()]
    except ValueError:
        raise click.BadParameter(f"'{value}' is no list of numbers, such as \"1 2\"") from None


def _words(context: click.Context, parameter: click.Parameter, value: str) -> list[str]:
    return value.split()


choice_options = together(
    click.option("--folds", callback=_numbers, default="", show_default="all", help='Such as "1 2".'),
    click.option("--seeds", callback=_numbers, default="", show_default="all", help='Such as "0 1".'),
    click.option("--systems", callback=_words, default="", show_default="all", help='Such as "avg cls".'),
)
"""--folds, --seeds and --systems, which choose among those that are there."""


@click.command("ablate")
@click.argument("plan", type=FILE)
@click.option("--work", type=FOLDER, required=True, help="Folder of data/foldK and feats/foldK; gets exp/.")
@click.option("--results", type=FILE, required=True, help="JSON file that gets a row for each condition of each run.")
@choice_options
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    show_default="all processors; gpu_jobs of the plan on a GPU",
    help="Runs at once; they share the processors.",
)
@device_option
def ablate(
    plan: Path,
    work: Path,
    results: Path,
    folds: list[int],
    seeds: list[int],
    systems: list[str],
    jobs: int | None,
    device: str,
) -> None:
    """Train, score and evaluate every system of a plan on every fold with every seed, several at once.

    Runs whose results are there are kept, unless the plan has changed what the system is, or the sets or features in
    WORK are others than those of the run; half work is gone on with; failed runs are noted in the results and tried
    again the next time. A network that a system needs is trained even if that system was not asked for. Stop it at any
    time and run the same command again.

    \b
    Example:
      svtok ablate conf/ablation.plan.yaml --work work --results results.json
      svtok ablate conf/ablation.plan.yaml --work work --results results.json --folds "1 2" --systems "avg cls"
    """
    from svtok.experiments.ablate import Ablation
    from svtok.experiments.plan import read_plan
    from svtok.experiments.runs import Choice, runs_of_plan
    from svtok.training.inputs import pick_device

    read = read_plan(plan)
    runs = runs_of_plan(read, Choice(folds, seeds, systems))
    Ablation(read, work, results, pick_device(device), jobs, _tell).run(runs)
    click.echo(f"{results}: all {len(runs)} runs are done")


def _tell(text: str) -> None:
    import time

    click.echo(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}", err=True)
