"""Where a command takes trials from: a prepared set (--data), or a list alone (--trials), which can be another
toolkit's; and in what toolkit's form it writes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from svtok.cli.options import Command, only_prepared, together
from svtok.cli.values import FILE, FOLDER

if TYPE_CHECKING:
    from svtok.manifest.sets import PreparedSet


def data_or_trials_options(set_name: str) -> Callable[[Command], Command]:
    """--data as `data_option`; or in its place --trials, a list, which the command gets as `trial_list`."""

    def settled(ctx: click.Context, _: click.Parameter, data: Path | None) -> Path | None:
        if data and ctx.params.get("trial_list"):
            raise click.UsageError("--data and --trials are two ways to give the trials; give one of them")
        return data or (None if ctx.params.get("trial_list") else only_prepared(set_name))

    return together(
        click.option(
            "--data",
            type=FOLDER,
            callback=settled,
            show_default=f"data/CORPUS/{set_name}, where one corpus is prepared",
            help="Prepared set.",
        ),
        click.option(
            "--trials",
            "trial_list",
            type=FILE,
            is_eager=True,  # before --data, which is not looked for where there is one
            help="Instead of --data: a list of trials, ours or another toolkit's, and nothing else.",
        ),
    )


def set_or_list(data: Path | None, trial_list: Path | None, model_list: Path | None = None) -> PreparedSet:
    """The set that --data names, or that of --trials and --models."""
    if data is not None:
        from svtok.manifest.sets import read_set

        return read_set(data)
    from svtok.manifest.kaldi.listed import listed_set

    assert trial_list is not None  # or --data would be known
    return listed_set(trial_list, model_list)


def format_option(what: str) -> Callable[[Command], Command]:
    """--format, whose form of trials or scores is written; the command gets it as `toolkit`."""
    known = ("kaldi", "wespeaker", "3d-speaker", "speechbrain", *(("voxceleb",) if what == "trials" else ()))
    choice = click.Choice(known)
    help_text = f"Toolkit whose form the {what} are to have."
    return click.option("--format", "toolkit", type=choice, default="kaldi", show_default=True, help=help_text)
