"""svtok prepare arabic-commands."""

from __future__ import annotations

from pathlib import Path

import click

from svtok.cli.options import FOLDER, jobs_option


@click.command("arabic-commands")
@click.option("--root", type=FOLDER, required=True, help="Folder of the corpus, which holds dataset/.")
@click.option(
    "--out", type=FOLDER, default=Path("data/arabic-commands"), show_default=True, help="Folder of the prepared corpus."
)
@click.option("--folds", type=int, help="Split the speakers into so many folds, instead of as the authors did.")
@click.option("--fold", type=int, help="The fold (from 1) that is eval; the next one is dev.")
@click.option(
    "--enroll-takes",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="Takes that enroll a speaker's word; the others are tests.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Draws half of the IW trials.")
@jobs_option
def command(
    root: Path, out: Path, folds: int | None, fold: int | None, enroll_takes: int, seed: int, jobs: int
) -> None:
    """Arabic Speech Commands: 30 speakers say 40 command words, one second each; real speech, CC BY 4.0.

    Get it with git from the authors' public repository.

    \b
    Example:
      git clone https://github.com/abdulkaderghandoura/arabic-speech-commands-dataset corpus
      svtok prepare arabic-commands --root corpus --out data/arabic-commands
    """
    from svtok.cli.prepare.report import finish
    from svtok.corpora.arabic_commands import prepare

    sets = prepare(root, folds=folds, fold=fold, enroll_takes=enroll_takes, seed=seed, jobs=jobs)
    finish("arabic-commands", sets, out, description="30 speakers, 40 Arabic command words, real speech")
