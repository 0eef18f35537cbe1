"""svtok pack"""

from __future__ import annotations

from pathlib import Path

import click

from svtok.cli.fresh import makes
from svtok.cli.options import jobs_option
from svtok.cli.values import AT_LEAST_ONE, EXISTING_FOLDER, FOLDER
from svtok.fresh import recordings


@click.command("pack")
@click.argument("folder", type=EXISTING_FOLDER, metavar="DIR")
@click.option("--out", type=FOLDER, required=True, help="Folder of the packed set or corpus.")
@click.option(
    "--sample-rate",
    type=AT_LEAST_ONE,
    metavar="HZ",
    show_default="that of the recordings",
    help="Rate of the networks that are to read it; recordings of another rate are resampled.",
)
@jobs_option
@makes("out", reads=lambda given: recordings(given["folder"]))
def pack(folder: Path, out: Path, sample_rate: int | None, jobs: int) -> None:
    """Put the recordings of a prepared set, or of a corpus with all its sets, into one memory-mapped file of 16-bit
    samples a set.

    What is written is a prepared set like any other, with the same models and trials: name it with --data, and it is
    read several times faster than files one by one. Only what its utterances are of each recording is in it, one
    channel at one rate. Recordings of more than 16 bits are rounded, and named in a warning. The recordings themselves
    are not needed any more.

    \b
    Example:
      svtok pack data/rsr2015 --out data/rsr2015-packed
      svtok extract-features --data data/rsr2015-packed
    """
    from svtok.errors import SvtokError
    from svtok.features.pack import pack as pack_set
    from svtok.manifest.sets import is_set, read_corpus_info, read_set, set_folders, write_corpus_info
    from svtok.places import corpus_folder

    if is_set(folder):
        pairs, corpus, packed_corpus = [(folder, out)], corpus_folder(folder), corpus_folder(out)
    else:
        pairs = [(one, out / one.name) for one in set_folders(folder)]
        corpus, packed_corpus = folder, out
        if out.resolve() == folder.resolve():
            raise SvtokError(f"{out}: is the corpus that is to be packed; name another folder with --out")
    for one, target in pairs:
        prepared = read_set(one)
        seconds = pack_set(prepared, target, sample_rate=sample_rate, jobs=jobs)
        click.echo(f"{target}: {len(prepared.utterances)} utterances, {seconds / 3600:.2f} hours")
    if (info := read_corpus_info(corpus)) and read_corpus_info(packed_corpus) is None:
        write_corpus_info(packed_corpus, info)
