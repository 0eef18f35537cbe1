"""Scoring on one thread: reading trials, cosines, writing scores, error rates, AS-norm, against what is usual."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchmarks import on_one_thread, table
from benchmarks.sidebyside import rounds_option

if TYPE_CHECKING:
    from benchmarks.scoring_parts import Row


@click.command("scoring")
@click.option("--full/--quick", default=True, show_default=True, help="quick: a hundredth of the sizes, to try it out.")
@rounds_option(5)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the numbers to this file too.")
def scoring(full: bool, rounds: int, json_file: Path | None) -> None:
    """Trials, cosines, scores, error rates and AS-norm against what is usual, on one thread.

    \b
    Example:
      python -m benchmarks scoring --json scoring.json
    """
    on_one_thread()
    try:
        import sklearn  # noqa: F401
    except ImportError:
        raise click.UsageError(
            "scikit-learn is what is compared to: pip install -c constraints.txt -e '.[bench]'"
        ) from None
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for row in _rows(Path(folder), 1 if full else 100, rounds):
            click.echo(
                f"{row.name}: {row.ours:.3g} {row.unit}, {row.against} {row.peer:.3g}: {row.ratio:.3g} times", err=True
            )
            rows.append(row)
    click.echo("| name | peer | unit | peer | svtok | times |\n|---|---|---|---|---|---|")
    for row in rows:
        click.echo(f"| {row.name} | {row.against} | {row.unit} | {row.peer:.3g} | {row.ours:.3g} | {row.ratio:.3g} |")
    if json_file:
        from svtok.files import write_text

        numbers = [{name: value for name, value in row._asdict().items() if name != "against"} for row in rows]
        write_text(json_file, json.dumps(numbers, indent=1) + "\n")


def _rows(folder: Path, less: int, rounds: int) -> Iterator[Row]:
    from benchmarks import scoring_parts as parts

    trials = parts.some_trials(2_000_000 // less)
    yield parts.read_trials(folder, trials, rounds)
    yield parts.cosine_trials(10_000_000 // less, 1_000 // less, rounds)
    yield parts.write_scores(folder, trials, rounds)
    yield parts.eer_and_min_dcf(10_000_000 // less, rounds)
    for size in (5_000, 20_000):
        yield parts.as_norm(f"as-norm-{size // 1000}k", size // less, 2_048 // less, rounds)


GOALS = {
    "read-trials": 5.0,
    "cosine-trials": 1000.0,
    "write-scores": 3.0,
    "eer-mindcf": 15.0,
    "as-norm-5k": 1.5,
    "as-norm-20k": 2.5,
}


def rows() -> Iterator[table.Row]:
    """For the table."""
    with tempfile.TemporaryDirectory() as folder:
        for row in _rows(Path(folder), 1, 3):
            measured = f"{row.ours:.3g} {row.unit} beside {row.peer:.3g}"
            yield table.Row(row.name, row.against, row.ratio, GOALS[row.name], measured)
