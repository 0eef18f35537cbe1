"""The network in the box: what `svtok verify` uses where no other is named."""

from __future__ import annotations

from pathlib import Path

from svtok.errors import SvtokError

PRETRAINED = "pretrained"
"""The name by which commands are asked for it, in place of a folder."""
WEIGHTS = "network.safetensors"


def pretrained_folder() -> Path:
    """Where it lies, if it came with this svtok."""
    return Path(__file__).parent / "network"


def pretrained_network() -> Path:
    """The folder of the network that comes with svtok, with its card and scorer; egs/pretrained makes it.

    Raises SvtokError where it is not there.
    """
    folder = pretrained_folder()
    if not (folder / WEIGHTS).is_file():
        raise SvtokError("no network comes with this svtok: name one that you trained, with --network exp/NAME")
    return folder
