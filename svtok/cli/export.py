"""svtok export: a network for others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from svtok.cli.fresh import Options, makes
from svtok.cli.hub import hub_options, write_hub
from svtok.cli.options import FOLDER, network_option


def _scorer(given: Options) -> Path | None:
    """The scorer that goes along: the one named, or that of the network's folder."""
    if given["scorer"] is not None:
        return Path(given["scorer"])
    beside = Path(given["network"]) / "scorer"
    return beside if beside.is_dir() else None


@click.command("export")
@network_option()
@click.option(
    "--scorer", type=FOLDER, show_default="NETWORK/scorer, if it is there", help="Folder of a scorer to go along."
)
@hub_options
@makes("hub", reads=_scorer)
def export(network: Path, scorer: Path | None, hub: Path | None, **card: Any) -> None:
    """Write a network as a folder for the Hugging Face hub: with --hub.

    \b
    Example:
      svtok export --network exp/cls --hub hub/door --license cc-by-4.0 --language en --evaluation exp/cls/eval.json
    """
    if hub is None:
        given = [f"--{name.removesuffix('_name').replace('_', '-')}" for name, value in card.items() if value]
        raise click.UsageError(f"{given[0]} is of --hub" if given else "name the folder to write with --hub")
    write_hub(network, hub, _scorer({"network": network, "scorer": scorer}), **card)
