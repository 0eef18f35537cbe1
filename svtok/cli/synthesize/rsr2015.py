"""svtok synthesize rsr2015"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from svtok.cli.options import jobs_option
from svtok.cli.synthesize.options import lists_only_option, out_option, scale_option, seed_option, sessions_option


@click.command("rsr2015")
@out_option
@click.option(
    "--part",
    type=click.Choice(["1", "2", "3"]),
    default="2",
    show_default=True,
    help="1: sentences, 2: home-control commands, 3: strings of digits.",
)
@click.option("--speakers", type=int, default=60, show_default=True, help="Speakers in the background (training) set.")
@click.option("--dev-speakers", type=int, default=10, show_default=True, help="Speakers in the development set.")
@click.option("--eval-speakers", type=int, default=24, show_default=True, help="Speakers in the evaluation set.")
@click.option(
    "--phrases",
    type=int,
    default=5,
    show_default=True,
    help="Phrases that each speaker says: up to 30; of part 3, tests a session: up to 10, beside 3 that enroll.",
)
@sessions_option(9)
@seed_option
@lists_only_option
@scale_option("lists of the published size (of part 2, 29.4 million trials), whatever the options of sizes say.")
@jobs_option
def command(
    out: Path,
    part: str,
    speakers: int,
    dev_speakers: int,
    eval_speakers: int,
    phrases: int,
    sessions: int,
    seed: int,
    lists_only: bool,
    scale: Literal["small", "full"],
    jobs: int,
) -> None:
    """A synthetic corpus in the layout of a part of RSR2015: sph/, key/partN/trn and key/partN/ndx.

    Half of the speakers of each set are male, half female. The same options give the same speech; a run that was
    interrupted is gone on with. The default sizes make 4,230 recordings (about 300 MB) in about a minute on two cores.

    \b
    Example:
      svtok synthesize rsr2015 --out corpus --speakers 60
      svtok prepare rsr2015 --root corpus --part 2 --out data/rsr2015-part2
    \b
      svtok synthesize rsr2015 --out lists --part 2 --lists-only --scale full
      svtok prepare rsr2015 --root lists --part 2 --no-audio --out data/full
    """
    if scale == "full" and not lists_only:
        raise click.UsageError("--scale full is for --lists-only")

    from svtok.corpora.synthetic.rsr2015 import synthesize, write_full_lists
    from svtok.corpora.synthetic.rsr2015_lists import FullScale, Settings

    if scale == "full":
        write_full_lists(out, FullScale(part=int(part)))
        click.echo(f"wrote {out}: the lists of a SYNTHETIC corpus of full size, without recordings")
        return
    settings = Settings(speakers, dev_speakers, eval_speakers, phrases, sessions, seed, int(part))
    number = synthesize(out, settings, audio=not lists_only, jobs=jobs)
    what = "their lists without them" if lists_only else "with enrollment and trial lists"
    click.echo(f"wrote {out}: {number} recordings of SYNTHETIC speech, {what}")
