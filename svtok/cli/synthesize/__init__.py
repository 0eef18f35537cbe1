"""`svtok synthesize CORPUS`: synthetic speech in the layout of a real corpus."""

import click

from svtok.cli.lazy import LazyCommand, LazyGroup

CORPORA = {
    "rsr2015": LazyCommand("svtok.cli.synthesize.rsr2015", "command", "Part II of RSR2015: home-control commands."),
}


@click.group(cls=LazyGroup, lazy=CORPORA)
def synthesize() -> None:
    """Speak a synthetic corpus in the on-disk layout of a real one, by espeak-ng (pip install 'svtok[synth]').

    \b
    Example:
      svtok synthesize rsr2015 --out corpus
    """
