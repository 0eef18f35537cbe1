"""svtok ablation-table."""

from __future__ import annotations

from pathlib import Path

import click

from svtok.cli.ablate import choice_options
from svtok.cli.options import FILE


@click.command("ablation-table")
@click.argument("results", type=FILE)
@choice_options
@click.option("--plan", type=FILE, help="The plan: tells which runs there should be, of which settings, and the order.")
@click.option(
    "--against",
    multiple=True,
    metavar="SYSTEM",
    show_default="avg, where it is there",
    help="A column with the difference of each system from this one. May be given again.",
)
@click.option(
    "--conditions", default="TC-vs-IC TC-vs-TW", show_default=True, help="Also: TC-vs-IW, pooled, without intervals."
)
@click.option("--markdown", type=FILE, help="Write the table here as Markdown, as well.")
def ablation_table(
    results: Path,
    folds: list[int],
    seeds: list[int],
    systems: list[str],
    plan: Path | None,
    against: tuple[str, ...],
    conditions: str,
    markdown: Path | None,
) -> None:
    """Print the table of an ablation from RESULTS, which `svtok ablate` writes, and nothing else.

    For each system the mean EER over folds and seeds, and its difference from other systems over the same folds and
    seeds, both with 95 % confidence intervals by drawing the speakers again. Failed and missing runs are named.

    \b
    Example:
      svtok ablation-table results.json --against avg --against ecapa --markdown table.md
    """
    from svtok.errors import SvtokError
    from svtok.experiments.plan import read_plan
    from svtok.experiments.results import read_results
    from svtok.experiments.runs import Choice, all_of, run_key
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
    ablated = Ablated(rows, chosen, against, conditions.split(), keys)
    click.echo(ablation_text(ablated))
    if markdown:
        write_text(markdown, ablation_markdown(ablated))
