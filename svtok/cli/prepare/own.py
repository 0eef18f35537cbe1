"""svtok prepare table, kaldi: recordings of one's own."""

from __future__ import annotations

from pathlib import Path

import click

from svtok.cli.fresh import makes
from svtok.cli.options import (
    EXISTING_FILE,
    EXISTING_FOLDER,
    SHARE,
    Weighted,
    channel_option,
    corpus_out_option,
    cross_session_option,
    enroll_takes_option,
    jobs_option,
    kaldi_options,
    list_option,
    new_phrases_option,
    seed_option,
)
from svtok.cli.prepare import write_prepared
from svtok.corpora import FORMAT
from svtok.places import DATA


@click.command("table")
@click.option("--csv", "listing", type=EXISTING_FILE, required=True, help="List of the recordings.")
@corpus_out_option("NAME-OF-THE-CSV", varies=True)
@list_option(
    "--split",
    item=Weighted(),
    metavar="SET=SHARE,...",
    show_default="train=0.6,dev=0.2,eval=0.2 where there is no column 'set'",
    help="Draw the speakers into sets by these shares.",
)
@enroll_takes_option(3, "Takes that enroll.")
@click.option("--iw-share", type=SHARE, default=0.5, show_default=True, help="Part of IW trials kept.")
@click.option("--same-gender", is_flag=True, help="Only trials within one gender.")
@cross_session_option
@channel_option
@new_phrases_option
@seed_option("Of the draw of speakers, of IW trials and of new phrases.")
@jobs_option
@makes("out", format=FORMAT, default=lambda given: DATA / given["listing"].stem)
def prepare_table(
    listing: Path,
    out: Path,
    split: tuple[tuple[str, float], ...],
    enroll_takes: int,
    iw_share: float,
    same_gender: bool,
    cross_session: bool,
    channel: str | None,
    new_phrases: int | Path | None,
    seed: int,
    jobs: int,
) -> None:
    """Prepare any corpus, your own recordings say, from one CSV with a header and a recording a row.

    Needed columns are path (relative to the CSV), spk and phrase. Others, each filled in every row or left out:
    set (train, dev or eval), utt (an id), gender, lang, session, text, start and end (seconds, for a part of a file;
    an empty start is 0, an empty end is the file's), channel (1, 2 or mean, of a file of several; an empty one is
    --channel), enroll (1: this take enrolls, 0: it is a test).

    In dev and eval each speaker's phrase is enrolled with its first takes (by session, then path); the other takes are
    tests. All TC, TW and IC trials are made, and a share of the IW trials. With the column
    session and --cross-session, no model is tested by its speaker with the room and the day that enrolled it.

    \b
    Example:
      path,spk,phrase
      anna/open_1.wav,anna,open the door
    \b
      svtok prepare table --csv recordings.csv --out data/mine
    """
    from svtok.corpora.table import prepare

    sets = prepare(
        listing,
        split=dict(split) or None,
        enroll_takes=enroll_takes,
        iw_share=iw_share,
        same_gender_only=same_gender,
        cross_session=cross_session,
        channel=channel,
        new_phrases=new_phrases,
        seed=seed,
        jobs=jobs,
    )
    write_prepared(listing.stem, sets, out)


@click.command("kaldi")
@click.option("--root", type=EXISTING_FOLDER, required=True, help="Folder with the data directories train, dev, eval.")
@corpus_out_option("NAME-OF-ROOT", varies=True)
@kaldi_options
@jobs_option
@makes("out", format=FORMAT, default=lambda given: DATA / given["root"].resolve().name)
def prepare_kaldi(root: Path, out: Path, phrase: str | None, wav_root: Path | None, jobs: int) -> None:
    """Prepare a corpus that comes as Kaldi data directories train, dev and eval, or eval_enroll and eval_test.

    Read of each: wav.scp, utt2spk, utt2phrase and, where they are there, segments, text, spk2gender, utt2lang,
    enroll_spk2utt (a model, then its utterances) and trials. A pipe in wav.scp is refused: run it, and list its output.

    \b
    Example:
      svtok prepare kaldi --root ~/kaldi/egs/hi_mia/v1/data --phrase himia --out data/himia
    """
    from svtok.corpora.kaldi import prepare

    write_prepared(root.resolve().name, prepare(root, phrase=phrase, wav_root=wav_root, jobs=jobs), out)
