"""svtok compare."""

from __future__ import annotations

from pathlib import Path

import click

from svtok.cli.options import FILE


@click.command("compare")
@click.argument("systems", nargs=-1, required=True, metavar="NAME=FILE...")
@click.option("--markdown", type=FILE, help="Write the table here as Markdown, as well.")
def compare(systems: tuple[str, ...], markdown: Path | None) -> None:
    """Print one table of several systems; FILE is what `svtok evaluate --json` wrote of the system NAME.

    \b
    Example:
      svtok compare avg=exp/avg/eval.json cls=exp/cls/eval.json --markdown RESULTS.md
    """
    files = dict(_named(system) for system in systems)
    if len(files) < len(systems):
        raise click.UsageError("each system needs a name of its own")

    from svtok.files import write_text
    from svtok.report.compare import comparison_markdown, comparison_text
    from svtok.report.results import read_evaluation

    evaluations = {name: read_evaluation(file) for name, file in files.items()}
    click.echo(comparison_text(evaluations))
    if markdown:
        write_text(markdown, comparison_markdown(evaluations))


def _named(system: str) -> tuple[str, Path]:
    name, equals, file = system.partition("=")
    if not (name and equals and file):
        raise click.UsageError(f"'{system}' is not NAME=FILE, such as cls=exp/cls/eval.json")
    return name, Path(file)
