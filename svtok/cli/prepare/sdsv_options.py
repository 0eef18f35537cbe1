"""Options that the two `prepare` commands for DeepMine share."""

from __future__ import annotations

from pathlib import Path

import click

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)

genders_option = click.option(
    "--genders",
    type=FILE,
    show_default="task1_spk2gender or spk2gender in the root or in docs/, where it is there",
    help="List of speakers (or also of models) and their gender: `spk_000001 f`.",
)
keys_option = click.option(
    "--keys",
    type=FILE,
    show_default="keys.txt in the root or in docs/, where it is there",
    help="Types of the trials of eval: a header, then a line for each trial whose first column is TC, TW, IC or IW.",
)
audio_option = click.option(
    "--audio/--no-audio", default=True, show_default=True, help="Look at the recordings, or only at the lists."
)
