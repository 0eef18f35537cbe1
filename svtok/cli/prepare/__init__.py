"""`svtok prepare CORPUS`: a corpus in, a prepared corpus (manifests) out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from svtok.cli.lazy import LazyCommand, LazyGroup

if TYPE_CHECKING:
    from svtok.manifest.sets import PreparedSet

CORPORA = {
    "arabic-commands": LazyCommand(
        "svtok.cli.prepare.public",
        "prepare_arabic_commands",
        "Arabic Speech Commands: 30 speakers, 40 words, real speech.",
    ),
    "rsr2015": LazyCommand(
        "svtok.cli.prepare.licensed", "prepare_rsr2015", "RSR2015, or a synthetic corpus in its layout."
    ),
    "deepmine": LazyCommand(
        "svtok.cli.prepare.licensed",
        "prepare_deepmine",
        "DeepMine of the SdSV challenges 2020 and 2021, Task 1, or synthetic.",
    ),
    "tdsv2024": LazyCommand("svtok.cli.prepare.licensed", "prepare_tdsv2024", "DeepMine of the TdSV Challenge 2024."),
    "audio-mnist": LazyCommand(
        "svtok.cli.prepare.public", "prepare_audio_mnist", "AudioMNIST: 60 speakers, ten digits."
    ),
    "hi-mia": LazyCommand(
        "svtok.cli.prepare.public", "prepare_hi_mia", "HI-MIA: 340 speakers, one wake word, near and far."
    ),
    "reddots": LazyCommand(
        "svtok.cli.prepare.licensed", "prepare_reddots", "RedDots: pass-phrases over many sessions."
    ),
    "speech-commands": LazyCommand(
        "svtok.cli.prepare.public", "prepare_speech_commands", "Google Speech Commands v2: 2,618 speakers, 35 words."
    ),
    "speechocean762": LazyCommand(
        "svtok.cli.prepare.public", "prepare_speechocean762", "speechocean762: 250 speakers, free text, to train on."
    ),
    "table": LazyCommand("svtok.cli.prepare.own", "prepare_table", "Your own recordings: one CSV that lists them."),
    "lhotse": LazyCommand("svtok.cli.prepare.own", "prepare_lhotse", "A corpus that lhotse describes: cuts.jsonl.gz."),
    "kaldi": LazyCommand("svtok.cli.prepare.own", "prepare_kaldi", "Kaldi data directories train, dev and eval."),
}


@click.group(cls=LazyGroup, lazy=CORPORA)
def prepare() -> None:
    """Turn a corpus into manifests: utterances, enrollment models and trials of each set.

    \b
    Example:
      svtok prepare table --csv recordings.csv --out data/mine
    """


def write_prepared(
    name: str, sets: Mapping[str, PreparedSet], out: Path, *, synthetic: bool = False, description: str = ""
) -> None:
    """The end of every `prepare` command: write the corpus `name` to the folder `out`, and print what it holds."""
    from svtok.manifest.sets import CorpusInfo, write_corpus
    from svtok.manifest.validate import describe_sets

    write_corpus(CorpusInfo(name=name, synthetic=synthetic, description=description), sets, out)
    click.echo(describe_sets(sets))
    click.echo(f"wrote {out}")
