"""svtok prepare table, kaldi: recordings of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from svtok.cli.fresh import makes
from svtok.cli.options import (
    channel_option,
    corpus_out_option,
    cross_session_option,
    enroll_takes_option,
    jobs_option,
    kaldi_options,
    list_option,
    new_phrases_option,
    seed_option,
    together,
)
from svtok.cli.prepare import write_prepared
from svtok.cli.values import EXISTING_FILE, EXISTING_FOLDER, FILE, SHARE, ParamType, Weighted
from svtok.corpora import FORMAT
from svtok.places import DATA

protocol_options = together(
    list_option(
        "--split",
        item=Weighted(),
        metavar="SET=SHARE,...",
        show_default="train=0.6,dev=0.2,eval=0.2 where the list does not name sets",
        help="Draw the speakers into sets by these shares.",
    ),
    enroll_takes_option(3, "Takes that enroll."),
    click.option("--iw-share", type=SHARE, default=0.5, show_default=True, help="Part of IW trials kept."),
    click.option("--same-gender", is_flag=True, help="Only trials within one gender."),
    cross_session_option,
    channel_option,
    new_phrases_option,
    seed_option("Of the draw of speakers, of IW trials and of new phrases."),
    jobs_option,
)
"""How sets, models and trials are made of a list of recordings: the options of `svtok.corpora.table.prepare`."""

SETS = ("train", "dev", "eval")


def _asked(options: dict[str, Any]) -> dict[str, Any]:
    """The values of `protocol_options` but --split, by the names that `prepare` has for them."""
    return {"same_gender_only" if name == "same_gender" else name: value for name, value in options.items()}


@click.command("table")
@click.option("--csv", "listing", type=EXISTING_FILE, required=True, help="List of the recordings.")
@corpus_out_option("NAME-OF-THE-CSV", varies=True)
@protocol_options
@makes("out", format=FORMAT, default=lambda given: DATA / given["listing"].stem)
def prepare_table(listing: Path, out: Path, split: tuple[tuple[str, float], ...], **options: Any) -> None:
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

    write_prepared(listing.stem, prepare(listing, split=dict(split) or None, **_asked(options)), out)


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


class _Cuts(ParamType):
    """A manifest of cuts, or the set that they are and their manifest, `train=cuts.jsonl.gz`."""

    name = "[set=]file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str | None, Path]:
        if isinstance(value, tuple):
            return value
        name, _, file = value.partition("=")
        known = name in SETS and bool(file)
        path: Path = FILE.convert(file if known else value, param, ctx)
        return (name if known else None), path


@click.command("lhotse")
@click.option(
    "--cuts",
    type=_Cuts(),
    multiple=True,
    required=True,
    metavar="[SET=]FILE",
    help="Manifest of cuts, .jsonl or .jsonl.gz; once for each set where they are named: --cuts train=... --cuts "
    "eval=...",
)
@corpus_out_option("NAME-OF-THE-FILE", varies=True)
@click.option("--phrase", metavar="ID", help="The one phrase that all cuts say.")
@click.option(
    "--wav-root", type=EXISTING_FOLDER, show_default="working folder", help="What recordings' paths are relative to."
)
@protocol_options
@makes("out", format=FORMAT, default=lambda given: DATA / given["cuts"][0][1].name.split(".")[0])
def prepare_lhotse(
    cuts: tuple[tuple[str | None, Path], ...],
    out: Path,
    phrase: str | None,
    wav_root: Path | None,
    split: tuple[tuple[str, float], ...],
    **options: Any,
) -> None:
    """Prepare a corpus that lhotse describes, from its manifests of cuts; lhotse itself is not needed.

    A cut is an utterance. Its one supervision has the speaker, and the phrase as custom.phrase or else as its text; of
    gender, language, text and custom.session is kept what all cuts have. Its recording is a file: nothing is fetched,
    and no command is run. Sets, models and trials are made as by `svtok prepare table`.

    \b
    Example:
      svtok prepare lhotse --cuts cuts.jsonl.gz --out data/mine
      svtok prepare lhotse --cuts train=cuts_train.jsonl.gz --cuts eval=cuts_eval.jsonl.gz --out data/mine
    """
    from svtok.corpora.lhotse import read_cuts
    from svtok.corpora.table import prepare

    names = [name for name, _ in cuts]
    if (len(cuts) > 1 and None in names) or len(set(names)) < len(names):
        raise click.UsageError("name the set of each of several manifests, and each once: --cuts train=FILE")
    listings = read_cuts(cuts, phrase=phrase, wav_root=wav_root)
    write_prepared(out.name, prepare(listings, split=dict(split) or None, **_asked(options)), out)
