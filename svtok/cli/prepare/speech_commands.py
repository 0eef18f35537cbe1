"""svtok prepare speech-commands"""

from __future__ import annotations

from pathlib import Path

import click

from svtok.cli.options import jobs_option
from svtok.cli.prepare.options import (
    allow_missing_option,
    enroll_takes_option,
    impostors_option,
    out_option,
    root_option,
    seed_option,
)


@click.command("speech-commands")
@root_option("a folder for each word, validation_list.txt and testing_list.txt")
@out_option("speech-commands")
@enroll_takes_option(2, "Takes that enroll a speaker's word, where there are more; the others are tests.")
@impostors_option(20, "Models of other speakers that a test meets: so many of its word, and of other words.")
@seed_option
@allow_missing_option
@jobs_option
def command(
    root: Path, out: Path, enroll_takes: int, impostors: int, seed: int, allow_missing: bool, jobs: int
) -> None:
    """Google Speech Commands v2: 2,618 speakers, 35 English words, one second each; real speech, CC BY 4.0.

    Get it (2.4 GB) from its authors. The sets are theirs, and share no speaker; the trials are svtok's: for each test
    all models of its speaker, and a seeded few of the others'.

    \b
    Example:
      mkdir corpus
      curl -O https://storage.googleapis.com/download.tensorflow.org/data/speech_commands_v0.02.tar.gz
      tar -xzf speech_commands_v0.02.tar.gz -C corpus
      svtok prepare speech-commands --root corpus --out data/speech-commands
    """
    from svtok.cli.prepare.report import finish
    from svtok.corpora.speech_commands import prepare

    sets = prepare(
        root, enroll_takes=enroll_takes, impostors=impostors, seed=seed, allow_missing=allow_missing, jobs=jobs
    )
    finish("speech-commands", sets, out, description="2,618 speakers, 35 English words, real speech")
