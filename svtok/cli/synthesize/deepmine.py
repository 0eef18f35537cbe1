"""svtok synthesize deepmine"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from svtok.cli.options import jobs_option
from svtok.cli.synthesize.options import lists_only_option, out_option, scale_option, seed_option, sessions_option


@click.command("deepmine")
@out_option
@click.option(
    "--layout",
    type=click.Choice(["sdsv", "tdsv2024"]),
    default="sdsv",
    show_default=True,
    help="As the SdSV challenge gives DeepMine out, or the TdSV Challenge 2024, which has free text too.",
)
@click.option("--speakers", type=int, default=60, show_default=True, help="Speakers in the training set.")
@click.option(
    "--dev-speakers", type=int, show_default="0 for sdsv, 10 for tdsv2024", help="Speakers of whom there are dev lists."
)
@click.option("--eval-speakers", type=int, default=24, show_default=True, help="Speakers in the evaluation set.")
@click.option("--phrases", type=int, default=10, show_default=True, help="Phrases that each speaker says: 2 to 10.")
@sessions_option(6)
@seed_option
@lists_only_option
@scale_option("lists of the size of SdSV 2020 (8.3 million trials), whatever the options above say but --seed.")
@jobs_option
def command(
    out: Path,
    layout: Literal["sdsv", "tdsv2024"],
    speakers: int,
    dev_speakers: int | None,
    eval_speakers: int,
    phrases: int,
    sessions: int,
    seed: int,
    lists_only: bool,
    scale: Literal["small", "full"],
    jobs: int,
) -> None:
    """A synthetic corpus in the layout of DeepMine for the SdSV challenge: docs/, wav/, and also keys.txt.

    Of the ten phrases five are spoken by Persian voices, five by English ones. Half of the speakers are female, half
    male. The same options give the same speech; a run that was interrupted is gone on with. The default sizes make
    5,040 recordings (about 400 MB) in about two minutes on two cores.

    \b
    Example:
      svtok synthesize deepmine --out corpus --speakers 60
      svtok prepare deepmine --root corpus --hold-out 10
    \b
      svtok synthesize deepmine --out lists --lists-only --scale full
      svtok prepare deepmine --root lists --no-audio --out data/full
    """
    if scale == "full" and (not lists_only or layout != "sdsv"):
        raise click.UsageError("--scale full is for --lists-only and --layout sdsv")

    from svtok.corpora.synthetic.deepmine import synthesize, write_full_lists
    from svtok.corpora.synthetic.deepmine_lists import FullScale, Settings

    if scale == "full":
        write_full_lists(out, FullScale(seed=seed))
        click.echo(f"wrote {out}: the lists of a SYNTHETIC corpus of full size, without recordings")
        return
    tdsv2024 = layout == "tdsv2024"
    dev_speakers = (10 if tdsv2024 else 0) if dev_speakers is None else dev_speakers
    settings = Settings(speakers, dev_speakers, eval_speakers, phrases, sessions, seed, int(tdsv2024))
    number = synthesize(out, settings, audio=not lists_only, jobs=jobs)
    what = "their lists without them" if lists_only else "with enrollment and trial lists"
    click.echo(f"wrote {out}: {number} recordings of SYNTHETIC speech, {what}")
