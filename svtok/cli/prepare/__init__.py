"""`svtok prepare CORPUS`: a corpus in, a prepared corpus (manifests) out."""

import click

from svtok.cli.lazy import LazyCommand, LazyGroup

CORPORA = {
    "arabic-commands": LazyCommand(
        "svtok.cli.prepare.arabic_commands", "command", "Arabic Speech Commands: 30 speakers, 40 words, real speech."
    ),
    "rsr2015": LazyCommand("svtok.cli.prepare.rsr2015", "command", "RSR2015, or a synthetic corpus in its layout."),
    "table": LazyCommand("svtok.cli.prepare.table", "command", "Your own recordings: one CSV that lists them."),
    "kaldi": LazyCommand("svtok.cli.prepare.kaldi", "command", "Kaldi data directories train, dev and eval."),
}


@click.group(cls=LazyGroup, lazy=CORPORA)
def prepare() -> None:
    """Turn a corpus into manifests: utterances, enrollment models and trials of each set.

    \b
    Example:
      svtok prepare table --csv recordings.csv --out data/mine
    """
