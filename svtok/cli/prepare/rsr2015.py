"""svtok prepare rsr2015"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from svtok.cli.options import FOLDER
from svtok.parallel import default_jobs

if TYPE_CHECKING:
    from svtok.corpora.rsr2015 import TrainOn


@click.command("rsr2015")
@click.option(
    "--root",
    type=FOLDER,
    envvar="RSR2015_ROOT",
    show_envvar=True,
    required=True,
    help="Folder of the corpus, which holds sph/ (or wav/, a converted copy) and key/.",
)
@click.option("--part", type=click.Choice(["2"]), default="2", show_default=True, help="2: home-control commands.")
@click.option("--out", type=FOLDER, show_default="data/rsr2015-partN", help="Folder of the prepared corpus.")
@click.option(
    "--train-on",
    type=click.Choice(["bkg", "bkg+dev"]),
    default="bkg",
    show_default=True,
    help="Train on the background speakers, or also on the dev speakers (then dev is no unseen set any more).",
)
@click.option(
    "--jobs", type=click.IntRange(min=1), default=default_jobs, show_default="all processors", help="Processes to use."
)
def command(root: Path, part: str, out: Path | None, train_on: TrainOn, jobs: int) -> None:
    """RSR2015 (licensed by its owners), or a synthetic corpus in its layout: see `svtok synthesize rsr2015`.

    Models and trials of dev and eval are those of the lists key/partN/trn and key/partN/ndx, male and female together.
    Background speakers are those who are in no list.

    \b
    Example:
      svtok prepare rsr2015 --root /corpora/RSR2015 --part 2 --out data/rsr2015-part2
    """
    from svtok.cli.prepare.report import finish
    from svtok.corpora.rsr2015 import prepare
    from svtok.corpora.synthetic.marker import is_synthetic

    sets = prepare(root, part=int(part), train_on=train_on, jobs=jobs)
    name = f"rsr2015-part{part}"
    synthetic = is_synthetic(root)
    description = "home-control commands on mobile devices"
    if synthetic:
        description = "spoken by espeak-ng in the layout of RSR2015, of which it holds nothing"
    finish(name, sets, out or Path("data") / name, synthetic=synthetic, description=description)
