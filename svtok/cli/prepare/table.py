"""svtok prepare table"""

from __future__ import annotations

from pathlib import Path

import click

from svtok.cli.options import jobs_option

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command("table")
@click.option("--csv", "listing", type=FILE, required=True, help="List of the recordings.")
@click.option("--out", type=click.Path(path_type=Path), show_default="data/NAME-OF-THE-CSV", help="Folder to write.")
@click.option(
    "--split",
    metavar="SET=SHARE,...",
    show_default="train=0.6,dev=0.2,eval=0.2 where there is no column 'set'",
    help="Draw the speakers into sets by these shares.",
)
@click.option("--enroll-takes", type=click.IntRange(min=1), default=3, show_default=True, help="Takes that enroll.")
@click.option("--iw-share", type=click.FloatRange(0, 1), default=0.5, show_default=True, help="Part of IW trials kept.")
@click.option("--same-gender", is_flag=True, help="Only trials within one gender.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the draw of speakers and of IW trials.")
@jobs_option
def command(
    listing: Path,
    out: Path | None,
    split: str | None,
    enroll_takes: int,
    iw_share: float,
    same_gender: bool,
    seed: int,
    jobs: int,
) -> None:
    """Prepare any corpus, your own recordings say, from one CSV with a header and a recording a row.

    Needed columns are path (relative to the CSV), spk and phrase. Others, each filled in every row or left out:
    set (train, dev or eval), utt (an id), gender, lang, session, text, start and end (seconds, for a part of a file;
    an empty start is 0, an empty end is the file's), enroll (1: this take enrolls, 0: it is a test).

    In dev and eval each speaker's phrase is enrolled with its first takes (by session, then path); the other takes are
    tests. All TC, TW and IC trials are made, and a share of the IW trials.

    \b
    Example:
      path,spk,phrase
      anna/open_1.wav,anna,open the door
    \b
      svtok prepare table --csv recordings.csv --out data/mine
    """
    from svtok.cli.prepare.report import finish
    from svtok.corpora.table import parse_split, prepare

    sets = prepare(
        listing,
        split=parse_split(split) if split else None,
        enroll_takes=enroll_takes,
        iw_share=iw_share,
        same_gender_only=same_gender,
        seed=seed,
        jobs=jobs,
    )
    finish(listing.stem, sets, out or Path("data") / listing.stem)
