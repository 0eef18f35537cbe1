"""svtok synthesize rsr2015"""

from __future__ import annotations

from pathlib import Path

import click

from svtok.cli.options import FOLDER
from svtok.parallel import default_jobs


@click.command("rsr2015")
@click.option("--out", type=FOLDER, required=True, help="Folder of the corpus.")
@click.option("--speakers", type=int, default=60, show_default=True, help="Speakers in the background (training) set.")
@click.option("--dev-speakers", type=int, default=10, show_default=True, help="Speakers in the development set.")
@click.option("--eval-speakers", type=int, default=24, show_default=True, help="Speakers in the evaluation set.")
@click.option("--phrases", type=int, default=5, show_default=True, help="Phrases that each speaker says: up to 30.")
@click.option("--sessions", type=int, default=9, show_default=True, help="Sessions of each speaker: 4 to 9.")
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed gives other speakers.")
@click.option(
    "--jobs", type=click.IntRange(min=1), default=default_jobs, show_default="all processors", help="Processes to use."
)
def command(
    out: Path,
    speakers: int,
    dev_speakers: int,
    eval_speakers: int,
    phrases: int,
    sessions: int,
    seed: int,
    jobs: int,
) -> None:
    """A synthetic corpus in the layout of RSR2015 Part II: sph/, key/part2/trn and key/part2/ndx.

    Half of the speakers of each set are male, half female. The same options give the same speech; a run that was
    interrupted is gone on with. The default sizes make 4,230 recordings (about 300 MB) in about a minute on two cores.

    \b
    Example:
      svtok synthesize rsr2015 --out corpus --speakers 60
      svtok prepare rsr2015 --root corpus --part 2 --out data/rsr2015-part2
    """
    from svtok.corpora.synthetic.marker import Settings
    from svtok.corpora.synthetic.rsr2015 import synthesize

    settings = Settings(speakers, dev_speakers, eval_speakers, phrases, sessions, seed)
    number = synthesize(out, settings, jobs=jobs)
    click.echo(f"wrote {out}: {number} recordings of SYNTHETIC speech, with enrollment and trial lists")
