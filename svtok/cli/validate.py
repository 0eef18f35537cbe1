"""svtok validate"""

from __future__ import annotations

from pathlib import Path

import click

from svtok.cli.options import jobs_option
from svtok.cli.values import EXISTING_FOLDER


@click.command("validate")
@click.argument("folders", nargs=-1, required=True, type=EXISTING_FOLDER, metavar="DIR...")
@click.option("--no-audio", is_flag=True, help="Check the tables alone, not the recordings.")
@jobs_option
def validate(folders: tuple[Path, ...], no_audio: bool, jobs: int) -> None:
    """Check prepared sets, or prepared corpora with all their sets, and print every problem with its file and line.

    Checked are the tables (columns, ids, order), the tables against each other (models and trials name what is there,
    trial types are what speakers and phrases say) and the recordings: each is decoded, and its length and rate
    compared with the table; of a packed set, also the samples with their sum, and the recordings that were packed with
    what they were then. Exits with 1 if there is any problem. Recordings that are silent, constant, clipped or
    streamed are listed as warnings, which change no exit code.

    \b
    Example:
      svtok validate data/rsr2015
      svtok validate --no-audio data/rsr2015/dev data/rsr2015/eval
    """
    from svtok.errors import Problem, ProblemsError, raise_problems, warn
    from svtok.features.pack import pack_problems
    from svtok.manifest.sets import PreparedSet, set_folders
    from svtok.manifest.validate import describe_sets, validate_set

    problems: list[Problem] = []
    warned = 0
    for folder in folders:
        sound: dict[str, PreparedSet] = {}
        for set_folder in set_folders(folder):
            try:
                prepared, found, warnings = validate_set(set_folder, audio=not no_audio, jobs=jobs)
            except ProblemsError as error:
                problems += error.problems
                continue
            for warning in warnings:
                warn(str(warning))
            warned += len(warnings)
            found += [] if no_audio else pack_problems(set_folder)
            problems += found
            if not found:
                sound[set_folder.name] = prepared
        if sound:
            click.echo(f"{folder}: no problem in {', '.join(sound)}\n{describe_sets(sound)}")
    if warned:
        warn(f"{warned} in all; they are no problems")
    raise_problems(problems)
