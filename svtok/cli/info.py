"""svtok info: what a file or folder is."""

from __future__ import annotations

from pathlib import Path

import click

from svtok.cli.values import FILE_OR_FOLDER


@click.command("info")
@click.argument("paths", nargs=-1, required=True, type=FILE_OR_FOLDER, metavar="PATH...")
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects instead.")
def info(paths: tuple[Path, ...], as_json: bool) -> None:
    """Print what files and folders of svtok's are, and what they hold: networks, trained and exported ones, features,
    embeddings, frame states, scorers, prepared corpora and sets, tables, stores of voices, calibrations, plans,
    results, evaluations.

    Exits with 1 where any is unknown or damaged; the others are described all the same.

    \b
    Example:
      svtok info exp/cls data/my/eval exp/cls/scores.tsv
      svtok info --json voices.db
    """
    from svtok.errors import Problem, ProblemsError, SvtokError, raise_problems
    from svtok.info import Facts, describe, info_text
    from svtok.info import as_json as to_json

    described: dict[Path, Facts] = {}
    problems: list[Problem] = []
    for path in paths:
        try:
            described[path] = describe(path)
        except ProblemsError as error:
            problems += error.problems
        except SvtokError as error:
            problems.append(Problem(str(error)))
    if as_json:
        click.echo(to_json(described))
    else:
        click.echo("\n".join(info_text(path, facts) for path, facts in described.items()), nl=bool(described))
    raise_problems(problems)
