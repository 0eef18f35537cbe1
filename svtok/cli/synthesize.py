"""`svtok synthesize CORPUS`: synthetic speech in the layout of a real corpus, or random embeddings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import click

from svtok import corpora, embeddings
from svtok.cli.fresh import makes
from svtok.cli.options import Command, anew_option, data_option, jobs_option, part_option, seed_option
from svtok.cli.values import AT_LEAST_ONE, FOLDER

_out_option = click.option("--out", type=FOLDER, required=True, help="Folder of the corpus.")
_seed_option = seed_option("Another seed gives other speakers.", default=1)
_lists_only_option = click.option("--lists-only", is_flag=True, help="Write the lists, and no recordings.")


def _sessions_option(sessions: int) -> Callable[[Command], Command]:
    return click.option(
        "--sessions", type=int, default=sessions, show_default=True, help="Sessions of each speaker: 4 to 9."
    )


def _scale_option(what: str) -> Callable[[Command], Command]:
    """--scale, for lists alone: as the options of sizes say, or those of the real corpus."""
    return click.option(
        "--scale", type=click.Choice(["small", "full"]), default="small", show_default=True, help=f"full: {what}"
    )


@click.group()
def synthesize() -> None:
    """Speak a synthetic corpus in the on-disk layout of a real one, by espeak-ng (pip install 'svtok[synth]').

    \b
    Example:
      svtok synthesize rsr2015 --out corpus
    """


@synthesize.command("rsr2015", short_help="RSR2015: sentences, home-control commands or digits.")
@_out_option
@part_option("2", "1: sentences, 2: home-control commands, 3: strings of digits.")
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
@_sessions_option(9)
@_seed_option
@_lists_only_option
@anew_option("a synthetic corpus of other options")
@_scale_option("lists of the published size (of part 2, 29.4 million trials), whatever the options of sizes say.")
@jobs_option
@makes("out", format=corpora.FORMAT)
def synthesize_rsr2015(
    out: Path,
    part: str,
    speakers: int,
    dev_speakers: int,
    eval_speakers: int,
    phrases: int,
    sessions: int,
    seed: int,
    lists_only: bool,
    anew: bool,
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

    from svtok.corpora.synthetic.marker import give_up_other
    from svtok.corpora.synthetic.rsr2015 import synthesize as speak
    from svtok.corpora.synthetic.rsr2015 import write_full_lists
    from svtok.corpora.synthetic.rsr2015_lists import FullScale, Settings

    if scale == "full":
        write_full_lists(out, FullScale(part=int(part)))
        click.echo(f"wrote {out}: the lists of a SYNTHETIC corpus of full size, without recordings")
        return
    settings = Settings(speakers, dev_speakers, eval_speakers, phrases, sessions, seed, int(part))
    if anew:
        give_up_other(out, settings)
    number = speak(out, settings, audio=not lists_only, jobs=jobs)
    what = "their lists without them" if lists_only else "with enrollment and trial lists"
    click.echo(f"wrote {out}: {number} recordings of SYNTHETIC speech, {what}")


@synthesize.command("deepmine", short_help="DeepMine of the SdSV and TdSV challenges: ten phrases.")
@_out_option
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
@_sessions_option(6)
@_seed_option
@_lists_only_option
@anew_option("a synthetic corpus of other options")
@_scale_option("lists of the size of SdSV 2020 (8.3 million trials), whatever the options above say but --seed.")
@jobs_option
@makes("out", format=corpora.FORMAT)
def synthesize_deepmine(
    out: Path,
    layout: Literal["sdsv", "tdsv2024"],
    speakers: int,
    dev_speakers: int | None,
    eval_speakers: int,
    phrases: int,
    sessions: int,
    seed: int,
    lists_only: bool,
    anew: bool,
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

    from svtok.corpora.synthetic.deepmine import synthesize as speak
    from svtok.corpora.synthetic.deepmine import write_full_lists
    from svtok.corpora.synthetic.deepmine_lists import FullScale, Settings
    from svtok.corpora.synthetic.marker import give_up_other

    if scale == "full":
        write_full_lists(out, FullScale(seed=seed))
        click.echo(f"wrote {out}: the lists of a SYNTHETIC corpus of full size, without recordings")
        return
    tdsv2024 = layout == "tdsv2024"
    dev_speakers = (10 if tdsv2024 else 0) if dev_speakers is None else dev_speakers
    settings = Settings(speakers, dev_speakers, eval_speakers, phrases, sessions, seed, int(tdsv2024))
    if anew:
        give_up_other(out, settings)
    number = speak(out, settings, audio=not lists_only, jobs=jobs)
    what = "their lists without them" if lists_only else "with enrollment and trial lists"
    click.echo(f"wrote {out}: {number} recordings of SYNTHETIC speech, {what}")


@synthesize.command("embeddings", short_help="Random embeddings for a prepared set, to try out scoring.")
@data_option("eval")
@click.option("--out", type=FOLDER, required=True, help="Folder of the embeddings.")
@click.option("--dim", type=AT_LEAST_ONE, default=256, show_default=True, help="Dimension of the embeddings.")
@seed_option("Of all that is random.")
@makes("out", format=embeddings.FORMAT)
def synthesize_embeddings(data: Path, out: Path, dim: int, seed: int) -> None:
    """Random embeddings for a prepared set, without audio or network, to try out scoring and evaluation at any size.

    Each is the sum of a vector of its speaker, a vector of its phrase, and noise, so that error rates are neither 0 nor
    50 %. They are no results: they say nothing about a system.

    \b
    Example:
      svtok synthesize embeddings --data data/full/eval --out embeddings
      svtok score --embeddings embeddings --data data/full/eval --out scores.tsv
    """
    from svtok.embeddings.store import write_embeddings
    from svtok.embeddings.synthetic import random_embeddings
    from svtok.manifest.sets import read_set

    utterances = read_set(data).utterances
    vectors = random_embeddings(utterances, dim=dim, seed=seed)
    write_embeddings(out, utterances["utt"].tolist(), vectors, network_hash=f"random, seed {seed}")
    click.echo(f"wrote {out}: {len(vectors)} RANDOM embeddings of dimension {dim}")
