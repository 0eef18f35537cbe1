"""Options that the `prepare` commands of several corpora share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from svtok.cli.options import FOLDER, Command

AT_LEAST_ONE = click.IntRange(min=1)

allow_missing_option = click.option(
    "--allow-missing",
    is_flag=True,
    help="Prepare what is there where it is not the whole corpus, and tell what is missing.",
)
seed_option = click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the draw of impostor trials."
)


def root_option(what: str) -> Callable[[Command], Command]:
    """--root, the folder of the corpus."""
    return click.option("--root", type=FOLDER, required=True, help=f"Folder of the corpus, which holds {what}.")


def out_option(name: str) -> Callable[[Command], Command]:
    """--out, by default data/NAME."""
    help_text = "Folder of the prepared corpus."
    return click.option("--out", type=FOLDER, default=Path("data") / name, show_default=True, help=help_text)


def enroll_takes_option(takes: int, what: str) -> Callable[[Command], Command]:
    """--enroll-takes, how many recordings a model is made of."""
    return click.option("--enroll-takes", type=AT_LEAST_ONE, default=takes, show_default=True, help=what)


def impostors_option(number: int, what: str) -> Callable[[Command], Command]:
    """--impostors, how many models of other speakers a test meets."""
    return click.option("--impostors", type=AT_LEAST_ONE, default=number, show_default=True, help=what)
