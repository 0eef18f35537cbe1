"""`svtok prepare CORPUS`: a corpus in, a prepared corpus (manifests) out."""

import click

from svtok.cli.lazy import LazyCommand, LazyGroup

CORPORA = {
    "arabic-commands": LazyCommand(
        "svtok.cli.prepare.arabic_commands", "command", "Arabic Speech Commands: 30 speakers, 40 words, real speech."
    ),
    "rsr2015": LazyCommand("svtok.cli.prepare.rsr2015", "command", "RSR2015, or a synthetic corpus in its layout."),
    "deepmine": LazyCommand(
        "svtok.cli.prepare.deepmine", "command", "DeepMine of the SdSV challenges 2020 and 2021, Task 1, or synthetic."
    ),
    "tdsv2024": LazyCommand("svtok.cli.prepare.tdsv2024", "command", "DeepMine of the TdSV Challenge 2024."),
    "audio-mnist": LazyCommand("svtok.cli.prepare.audio_mnist", "command", "AudioMNIST: 60 speakers, ten digits."),
    "hi-mia": LazyCommand("svtok.cli.prepare.hi_mia", "command", "HI-MIA: 340 speakers, one wake word, near and far."),
    "reddots": LazyCommand("svtok.cli.prepare.reddots", "command", "RedDots: pass-phrases over many sessions."),
    "speech-commands": LazyCommand(
        "svtok.cli.prepare.speech_commands", "command", "Google Speech Commands v2: 2,618 speakers, 35 words."
    ),
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
