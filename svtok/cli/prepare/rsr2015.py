"""svtok prepare rsr2015"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from svtok.cli.options import FOLDER, jobs_option
from svtok.cli.prepare.options import allow_missing_option

if TYPE_CHECKING:
    from svtok.corpora.rsr2015.prepare import TrainOn


@click.command("rsr2015")
@click.option(
    "--root",
    type=FOLDER,
    envvar="RSR2015_ROOT",
    show_envvar=True,
    required=True,
    help="Folder of the corpus, which holds sph/ (or wav/, a converted copy) and key/.",
)
@click.option(
    "--part",
    type=click.Choice(["1", "2", "3"]),
    default="2",
    show_default=True,
    help="1: sentences, 2: home-control commands, 3: strings of digits (of whose lists little is published).",
)
@click.option("--out", type=FOLDER, show_default="data/rsr2015-partN", help="Folder of the prepared corpus.")
@click.option(
    "--train-on",
    type=click.Choice(["bkg", "bkg+dev"]),
    default="bkg",
    show_default=True,
    help="Train on the background speakers, or also on the dev speakers (then dev is no unseen set any more).",
)
@click.option(
    "--audio-root",
    type=FOLDER,
    show_default="wav/ or sph/ in the root",
    help="Folder of the recordings where they are elsewhere, such as a decompressed copy.",
)
@click.option(
    "--audio/--no-audio", default=True, show_default=True, help="Look at the recordings, or only at the lists."
)
@allow_missing_option
@jobs_option
def command(
    root: Path,
    part: str,
    out: Path | None,
    train_on: TrainOn,
    audio_root: Path | None,
    audio: bool,
    allow_missing: bool,
    jobs: int,
) -> None:
    """RSR2015 (licensed by its owners), or a synthetic corpus in its layout: see `svtok synthesize rsr2015`.

    Models and trials of dev and eval are those of the lists key/partN/trn and key/partN/ndx, male and female together.
    Background speakers are those who are in no list. The counts are compared with the published ones. Recordings are
    NIST SPHERE (compressed: pip install 'svtok[sphere]', or sph2pipe on the PATH), WAV or FLAC.

    \b
    Example:
      svtok prepare rsr2015 --root /corpora/RSR2015 --part 2 --out data/rsr2015-part2
    """
    from svtok.cli.prepare.report import finish
    from svtok.corpora.rsr2015.prepare import prepare
    from svtok.corpora.synthetic.marker import is_synthetic

    sets = prepare(
        root,
        part=int(part),
        train_on=train_on,
        audio_root=audio_root,
        audio=audio,
        allow_missing=allow_missing,
        jobs=jobs,
    )
    name = f"rsr2015-part{part}"
    synthetic = is_synthetic(root)
    what = {"1": "sentences", "2": "home-control commands", "3": "strings of digits"}[part]
    description = f"{what} on mobile devices"
    if synthetic:
        description = "spoken by espeak-ng in the layout of RSR2015, of which it holds nothing"
    finish(name, sets, out or Path("data") / name, synthetic=synthetic, description=description)
