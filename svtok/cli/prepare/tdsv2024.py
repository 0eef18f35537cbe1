"""svtok prepare tdsv2024"""

from __future__ import annotations

from pathlib import Path

import click

from svtok.cli.options import FOLDER, jobs_option
from svtok.cli.prepare.options import allow_missing_option, out_option
from svtok.cli.prepare.sdsv_options import audio_option, genders_option, keys_option


@click.command("tdsv2024")
@click.option(
    "--root",
    type=FOLDER,
    envvar="TDSV2024_ROOT",
    show_envvar=True,
    required=True,
    help="Folder of the release for Task 1, which holds docs/ and wav/.",
)
@out_option("tdsv2024")
@genders_option
@keys_option
@audio_option
@allow_missing_option
@jobs_option
def command(
    root: Path, out: Path, genders: Path | None, keys: Path | None, audio: bool, allow_missing: bool, jobs: int
) -> None:
    """DeepMine v2 (licensed by its owners) of the TdSV Challenge 2024, Task 1, or a synthetic corpus in its layout: see
    `svtok synthesize deepmine --layout tdsv2024`.

    The keys of eval are secret. Without them eval can be scored, for `svtok submit`, but not evaluated; dev has the
    types of its trials.

    \b
    Example:
      svtok prepare tdsv2024 --root /corpora/tdsv2024/task1 --out data/tdsv2024
    """
    from svtok.cli.prepare.report import finish
    from svtok.corpora.synthetic.marker import is_synthetic
    from svtok.corpora.tdsv2024 import prepare

    sets = prepare(root, genders=genders, keys=keys, audio=audio, allow_missing=allow_missing, jobs=jobs)
    description = "ten phrases, five Persian and five English, and free text to train on"
    if synthetic := is_synthetic(root):
        description = "spoken by espeak-ng in the layout of TdSV 2024, of which it holds nothing but phrases"
    finish("tdsv2024", sets, out, synthetic=synthetic, description=description)
