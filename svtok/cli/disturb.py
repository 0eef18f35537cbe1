"""svtok disturb"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from svtok.cli.fresh import makes
from svtok.cli.options import jobs_option, seed_option
from svtok.cli.values import AT_LEAST_ONE, FILE, FOLDER
from svtok.fresh import recordings

if TYPE_CHECKING:
    from svtok.training.disturb import Side


@click.command("disturb")
@click.option("--data", required=True, type=FOLDER, help="Prepared set.")
@click.option("--out", required=True, type=FOLDER, help="Folder of the new set; audio/ in it gets FLAC files.")
@click.option("--config", "config_file", type=FILE, help="YAML file with fields of training.waveform.")
@click.option(
    "--set",
    "settings",
    metavar="KEY=VALUE",
    multiple=True,
    help="Set one of these fields, such as babble_probability=1. May be repeated.",
)
@click.option(
    "--side",
    type=click.Choice(["tests", "enrollment", "all"]),
    default="tests",
    show_default=True,
    help="Which recordings are changed: those that are only tests, those that enroll, or all.",
)
@click.option(
    "--draw",
    type=AT_LEAST_ONE,
    show_default="all",
    help="With speeds: at how many of them each recording is, drawn for it.",
)
@seed_option("Fixes what is drawn for each recording.")
@jobs_option
@makes("out", reads=lambda given: recordings(given["data"]))
def disturb(
    data: Path,
    out: Path,
    config_file: Path | None,
    settings: tuple[str, ...],
    side: Side,
    draw: int | None,
    seed: int,
    jobs: int,
) -> None:
    """Copy a prepared set with noise, other voices, rooms, lines or codecs added to its recordings, or at other speeds.

    What is done are the fields of training.waveform (svtok config train prints them), with every chance 0 that is not
    named; noise files are added to each recording, unless noise_probability says otherwise. Models and trials stay as
    they are, so that error rates can be compared with those of the set itself. With speeds, the new set has each
    recording at each of them, by speakers of their own such as anna#0.9, and neither models nor trials.

    \b
    Examples:
      svtok disturb --data data/my/eval --out data/my-babble/eval --set babble_probability=1 --set babble_snr=[5,5]
      svtok disturb --data data/my/eval --out data/my-noise/eval --set noise=musan/noise --set noise_snr=[0,10]
      svtok disturb --data data/my/train --out data/my-speeds/train --side all --set speeds=[0.9,1.1]
    """
    from svtok.manifest.sets import read_set
    from svtok.training.disturb import disturb as write
    from svtok.training.disturb import read_disturbance

    config, prepared = read_disturbance(config_file, settings), read_set(data)
    changed = write(prepared, config, out, side=side, seed=seed, jobs=jobs, draw=draw)
    if config.speeds:
        click.echo(f"{out}: {changed} recordings of other speakers, made of {len(prepared.utterances)}")
    else:
        click.echo(f"{out}: {changed} of {len(prepared.utterances)} recordings changed")
