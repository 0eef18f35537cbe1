"""Options that the `synthesize` commands of several corpora share."""

from __future__ import annotations

from collections.abc import Callable

import click

from svtok.cli.options import FOLDER, Command

out_option = click.option("--out", type=FOLDER, required=True, help="Folder of the corpus.")
seed_option = click.option("--seed", type=int, default=1, show_default=True, help="Another seed gives other speakers.")
lists_only_option = click.option("--lists-only", is_flag=True, help="Write the lists, and no recordings.")


def sessions_option(sessions: int) -> Callable[[Command], Command]:
    """--sessions of each speaker."""
    return click.option(
        "--sessions", type=int, default=sessions, show_default=True, help="Sessions of each speaker: 4 to 9."
    )


def scale_option(what: str) -> Callable[[Command], Command]:
    """--scale, for lists alone: as the options of sizes say, or those of the real corpus."""
    return click.option(
        "--scale", type=click.Choice(["small", "full"]), default="small", show_default=True, help=f"full: {what}"
    )
