"""svtok prepare hi-mia"""

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


@click.command("hi-mia")
@root_option("train/, dev/ and test/ (those of them that there are, with --allow-missing)")
@out_option("hi-mia")
@click.option(
    "--trials",
    type=click.Choice(["mic", "1m"]),
    default="mic",
    show_default=True,
    help="Official trials: enrolled by the close-talking microphone (mic), or by an array at one metre (1m).",
)
@click.option(
    "--microphone",
    "microphones",
    multiple=True,
    metavar="NN",
    show_default="all",
    help="Take only this microphone of the arrays, such as 01; can be given several times.",
)
@enroll_takes_option(3, "Close-talking recordings that enroll a speaker of dev.")
@impostors_option(10, "Models of other speakers that a test of dev meets.")
@seed_option
@allow_missing_option
@jobs_option
def command(
    root: Path,
    out: Path,
    trials: str,
    microphones: tuple[str, ...],
    enroll_takes: int,
    impostors: int,
    seed: int,
    allow_missing: bool,
    jobs: int,
) -> None:
    """HI-MIA: 340 speakers say one Chinese wake word, near and far; real speech, Apache-2.0.

    Get it (46 GB, 1.3 million recordings) from OpenSLR 85; test_v2.tar.gz, not the withdrawn test.tar.gz. The sets are
    the official ones, and so are the trials of eval; those of dev are svtok's. All trials are of the types TC and IC,
    since there is one phrase.

    \b
    Example:
      for part in train dev test_v2; do curl -LO https://www.openslr.org/resources/85/$part.tar.gz; done
      mkdir corpus && for part in train dev test_v2; do tar -xzf $part.tar.gz -C corpus; done
      svtok prepare hi-mia --root corpus --microphone 01 --out data/hi-mia
    """
    from svtok.cli.prepare.report import finish
    from svtok.corpora.hi_mia import prepare

    sets = prepare(
        root,
        trials=trials,
        microphones=microphones,
        enroll_takes=enroll_takes,
        impostors=impostors,
        seed=seed,
        allow_missing=allow_missing,
        jobs=jobs,
    )
    finish("hi-mia", sets, out, description=f"340 speakers, one Chinese wake word, real speech; trials_{trials}")
