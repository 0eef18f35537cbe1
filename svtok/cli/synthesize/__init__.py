"""`svtok synthesize CORPUS`: synthetic speech in the layout of a real corpus."""

import click

from svtok.cli.lazy import LazyCommand, LazyGroup

CORPORA = {
    "rsr2015": LazyCommand("svtok.cli.synthesize.rsr2015", "command", "Part II of RSR2015: home-control commands."),
    "deepmine": LazyCommand(
        "svtok.cli.synthesize.deepmine", "command", "DeepMine of the SdSV and TdSV challenges: ten phrases."
    ),
    "embeddings": LazyCommand(
        "svtok.cli.synthesize.embeddings", "command", "Random embeddings for a prepared set, to try out scoring."
    ),
}


@click.group(cls=LazyGroup, lazy=CORPORA)
def synthesize() -> None:
    """Speak a synthetic corpus in the on-disk layout of a real one, by espeak-ng (pip install 'svtok[synth]').

    \b
    Example:
      svtok synthesize rsr2015 --out corpus
    """
