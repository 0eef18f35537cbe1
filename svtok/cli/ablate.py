"""svtok ablate, ablation-table."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from svtok.cli.fresh import is_up_to_date
from svtok.cli.options import device_option, list_option, markdown_option, together
from svtok.cli.values import AT_LEAST_ONE, FILE, FOLDER

choice_options = together(
    list_option("--folds", item=click.INT, metavar="K,...", show_default="all", help="Such as 1,2."),
    list_option("--seeds", item=click.INT, metavar="N,...", show_default="all", help="Such as 0,1."),
    list_option("--systems", metavar="NAME,...", show_default="all", help="Such as avg,cls."),
)
"""--folds, --seeds and --systems, which choose among those that are there."""


@click.command("ablate")
@click.argument("plan", type=FILE)
@click.option("--work", type=FOLDER, required=True, help="Folder of data/foldK and feats/foldK; gets exp/.")
@click.option("--results", type=FILE, required=True, help="JSON file that gets a row for each condition of each run.")
@choice_options
@click.option(
    "--jobs",
    type=AT_LEAST_ONE,
    show_default="all processors; gpu_jobs of the plan on a GPU",
    help="Runs at once; they share the processors.",
)
@device_option
def ablate(
    plan: Path,
    work: Path,
    results: Path,
    folds: tuple[int, ...],
    seeds: tuple[int, ...],
    systems: tuple[str, ...],
    jobs: int | None,
    device: str,
) -> None:
    """Train, score and evaluate every system of a plan on every fold with every seed, several at once.

    Runs whose results are there are kept, unless the plan has changed what the system is, or what the run wrote in WORK
    is not up to date with the sets and features there; then what has changed is done again, and a network of other
    settings given up. Half work is gone on with; failed runs are noted in the results and tried again the next time. A
    network that a system needs is trained even if that system was not asked for. Stop it at any time and run the same
    command again. Under torchrun, each process does a part of the runs, on its GPU.

    \b
    Example:
      svtok ablate conf/ablation.plan.yaml --work work --results results.json
      svtok ablate conf/ablation.plan.yaml --work work --results results.json --folds 1,2 --systems avg,cls
    """
    from svtok.experiments.ablate import Ablation
    from svtok.experiments.plan import Choice, read_plan, runs_of_plan
    from svtok.ranks import current_ranks
    from svtok.trained.inference import pick_device

    read = read_plan(plan)
    runs = runs_of_plan(read, Choice(folds, seeds, systems))
    up_to_date = partial(is_up_to_date, work=work)
    Ablation(read, work, results, pick_device(device), up_to_date, jobs, _say, current_ranks()).run(runs)
    click.echo(f"{results}: all {len(runs)} runs are done")


def _say(text: str) -> None:
    import time

    click.echo(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}", err=True)


@click.command("ablation-table")
@click.argument("results", type=FILE)
@choice_options
@click.option(
    "--plan", type=FILE, help="The plan: says which runs there should be, of which settings, and in which order."
)
@list_option(
    "--against",
    metavar="SYSTEM,...",
    show_default="avg, where it is there",
    help="A column each with the difference of all systems from this one.",
)
@list_option(
    "--conditions",
    metavar="NAME,...",
    default=["TC-vs-IC,TC-vs-TW"],
    show_default="TC-vs-IC,TC-vs-TW",
    help="Also: TC-vs-IW, pooled, without intervals.",
)
@markdown_option
def ablation_table(
    results: Path,
    folds: tuple[int, ...],
    seeds: tuple[int, ...],
    systems: tuple[str, ...],
    plan: Path | None,
    against: tuple[str, ...],
    conditions: tuple[str, ...],
    markdown: Path | None,
) -> None:
    """Print the table of an ablation from RESULTS, which `svtok ablate` writes, and nothing else.

    For each system the mean EER over folds and seeds, and its difference from other systems over the same folds and
    seeds, both with 95 % confidence intervals by drawing the speakers again. Failed and missing runs are named.

    \b
    Example:
      svtok ablation-table results.json --against avg,ecapa --markdown table.md
    """
    from svtok.errors import SvtokError
    from svtok.experiments.plan import Choice, all_of, read_plan, run_key
    from svtok.experiments.results import read_results
    from svtok.experiments.table import Ablated, ablation_markdown, ablation_text, with_results
    from svtok.files import write_text

    rows = read_results(results)
    if not rows:
        raise SvtokError(f"{results}: there are no results; svtok ablate writes them")
    asked = read_plan(plan) if plan else None
    keys = {name: run_key(asked, name) for name in asked.systems} if asked else {}
    known = all_of(asked) if asked else Choice()
    chosen = Choice(folds, seeds, systems).among(with_results(known, rows))
    if not against and "avg" in chosen.systems:
        against = ("avg",)
    ablated = Ablated(rows, chosen, against, conditions, keys)
    click.echo(ablation_text(ablated))
    if markdown:
        write_text(markdown, ablation_markdown(ablated))


@click.command("ablation-choose")
@click.argument("results", type=FILE)
@list_option("--systems", metavar="NAME,...", show_default="all", help="Those to choose from.")
@list_option(
    "--conditions",
    metavar="NAME,...",
    default=["TC-vs-IC,TC-vs-TW"],
    show_default="TC-vs-IC,TC-vs-TW",
    help="Whose EERs are averaged.",
)
@markdown_option
def ablation_choose(
    results: Path, systems: tuple[str, ...], conditions: tuple[str, ...], markdown: Path | None
) -> None:
    """Choose a system for each fold by dev sets whose speakers the fold does not evaluate, and print all figures.

    RESULTS is written by `svtok ablate` from a plan with `test_set: dev` and all folds. Where folds rotate, the dev
    speakers of one fold are evaluated in the next: a choice by all dev sets would be one by the speakers reported.

    \b
    Example:
      svtok ablation-choose dev.json --systems cls-plain,cls-factored --markdown choice.md
    """
    from svtok.experiments.choice import choices_text, choose
    from svtok.experiments.results import read_results
    from svtok.files import write_text

    choices = choose(read_results(results), systems, conditions)
    click.echo(choices_text(choices))
    if markdown:
        write_text(markdown, choices_text(choices, markdown=True) + "\n")
