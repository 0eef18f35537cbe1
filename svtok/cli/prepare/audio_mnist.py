"""svtok prepare audio-mnist"""

from __future__ import annotations

from pathlib import Path

import click

from svtok.cli.options import jobs_option
from svtok.cli.prepare.options import allow_missing_option, enroll_takes_option, out_option, root_option, seed_option


@click.command("audio-mnist")
@root_option("data/01 to data/60 and data/audioMNIST_meta.txt")
@out_option("audio-mnist")
@click.option(
    "--fold",
    type=click.IntRange(1, 5),
    default=1,
    show_default=True,
    help="Which of the authors' five groups of speakers is eval; the one before it is dev.",
)
@enroll_takes_option(3, "Takes that enroll a speaker's digit; the others are tests.")
@seed_option
@allow_missing_option
@jobs_option
def command(root: Path, out: Path, fold: int, enroll_takes: int, seed: int, allow_missing: bool, jobs: int) -> None:
    """AudioMNIST: 60 speakers say ten English digits 50 times each, with their gender; real speech, MIT licence.

    Get it with git from the authors' public repository. It is at 48 kHz: extract its features with 'resample: true'
    in the configuration, or the rate of the features is an error.

    \b
    Example:
      git clone https://github.com/soerenab/AudioMNIST corpus
      svtok prepare audio-mnist --root corpus --out data/audio-mnist
    """
    from svtok.cli.prepare.report import finish
    from svtok.corpora.audio_mnist import prepare

    sets = prepare(root, fold=fold, enroll_takes=enroll_takes, seed=seed, allow_missing=allow_missing, jobs=jobs)
    finish("audio-mnist", sets, out, description=f"60 speakers, ten English digits, real speech; fold {fold}")
