"""svtok prepare deepmine"""

from __future__ import annotations

from pathlib import Path

import click

from svtok.cli.options import FOLDER, jobs_option
from svtok.cli.prepare.options import allow_missing_option, out_option
from svtok.cli.prepare.sdsv_options import audio_option, genders_option, keys_option


@click.command("deepmine")
@click.option(
    "--root",
    type=FOLDER,
    envvar="DEEPMINE_ROOT",
    show_envvar=True,
    required=True,
    help="Folder of the release for Task 1, which holds docs/ and wav/.",
)
@out_option("deepmine")
@click.option(
    "--hold-out",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="SPEAKERS",
    help="Make a dev set of so many training speakers, who train no more; 83 is a customary number.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Draws the held-out speakers.")
@genders_option
@keys_option
@audio_option
@allow_missing_option
@jobs_option
def command(
    root: Path,
    out: Path,
    hold_out: int,
    seed: int,
    genders: Path | None,
    keys: Path | None,
    audio: bool,
    allow_missing: bool,
    jobs: int,
) -> None:
    """DeepMine (licensed by its owners) of the SdSV challenges 2020 and 2021, Task 1, or a synthetic corpus in its
    layout: see `svtok synthesize deepmine`.

    The keys of the challenge are secret. Without them eval can be scored, for `svtok submit`, but not evaluated; that
    is what --hold-out is for: TC, TW and IC trials within each gender and language, models of three recordings.

    \b
    Example:
      svtok prepare deepmine --root /corpora/sdsv2020/task1 --genders task1_spk2gender --hold-out 83
    """
    from svtok.cli.prepare.report import finish
    from svtok.corpora.deepmine import prepare
    from svtok.corpora.synthetic.marker import is_synthetic

    sets = prepare(
        root,
        genders=genders,
        keys=keys,
        hold_out=hold_out,
        seed=seed,
        audio=audio,
        allow_missing=allow_missing,
        jobs=jobs,
    )
    description = "ten phrases, five Persian and five English, over the telephone and on mobile devices"
    if synthetic := is_synthetic(root):
        description = "spoken by espeak-ng in the layout of DeepMine for SdSV, of which it holds nothing but phrases"
    finish("deepmine", sets, out, synthetic=synthetic, description=description)
