"""svtok prepare arabic-commands, audio-mnist, hi-mia, speech-commands, speechocean762: corpora that anyone can get."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from svtok.cli.fresh import makes
from svtok.cli.options import (
    Command,
    allow_missing_option,
    corpus_out_option,
    cross_session_option,
    enroll_takes_option,
    jobs_option,
    list_option,
    new_phrases_option,
    root_option,
    seed_option,
)
from svtok.cli.prepare import write_prepared
from svtok.cli.values import AT_LEAST_ONE
from svtok.corpora import FORMAT


def impostors_option(number: int, what: str) -> Callable[[Command], Command]:
    """--impostors, how many models of other speakers a test meets."""
    return click.option("--impostors", type=AT_LEAST_ONE, default=number, show_default=True, help=what)


@click.command("arabic-commands")
@root_option("the corpus, which holds dataset/")
@corpus_out_option("arabic-commands")
@click.option("--folds", type=int, help="Split the speakers into so many folds, instead of as the authors did.")
@click.option("--fold", type=int, help="The fold (from 1) that is eval; the next one is dev.")
@enroll_takes_option(3, "Takes that enroll a speaker's word; the others are tests.")
@cross_session_option
@new_phrases_option
@seed_option("Draws half of the IW trials, and the new words.")
@jobs_option
@makes("out", format=FORMAT)
def prepare_arabic_commands(
    root: Path,
    out: Path,
    folds: int | None,
    fold: int | None,
    enroll_takes: int,
    cross_session: bool,
    new_phrases: int | Path | None,
    seed: int,
    jobs: int,
) -> None:
    """Arabic Speech Commands: 30 speakers say 40 command words, one second each; real speech, CC BY 4.0.

    Get it with git from the authors' public repository.

    \b
    Example:
      git clone https://github.com/abdulkaderghandoura/arabic-speech-commands-dataset corpus
      svtok prepare arabic-commands --root corpus --out data/arabic-commands
    """
    from svtok.corpora.arabic_commands import prepare

    sets = prepare(
        root,
        folds=folds,
        fold=fold,
        enroll_takes=enroll_takes,
        cross_session=cross_session,
        new_phrases=new_phrases,
        seed=seed,
        jobs=jobs,
    )
    write_prepared("arabic-commands", sets, out, description="30 speakers, 40 Arabic command words, real speech")


@click.command("audio-mnist")
@root_option("the corpus, which holds data/01 to data/60 and data/audioMNIST_meta.txt")
@corpus_out_option("audio-mnist")
@click.option(
    "--fold",
    type=click.IntRange(1, 5),
    default=1,
    show_default=True,
    help="Which of the authors' five groups of speakers is eval; the one before it is dev.",
)
@enroll_takes_option(3, "Takes that enroll a speaker's digit; the others are tests.")
@cross_session_option
@seed_option("Of the draw of impostor trials.")
@allow_missing_option
@jobs_option
@makes("out", format=FORMAT)
def prepare_audio_mnist(
    root: Path, out: Path, fold: int, enroll_takes: int, cross_session: bool, seed: int, allow_missing: bool, jobs: int
) -> None:
    """AudioMNIST: 60 speakers say ten English digits 50 times each, with their gender; real speech, MIT licence.

    Get it with git from the authors' public repository. It is at 48 kHz: extract its features with 'resample: true'
    in the configuration, or the rate of the features is an error.

    \b
    Example:
      git clone https://github.com/soerenab/AudioMNIST corpus
      svtok prepare audio-mnist --root corpus --out data/audio-mnist
    """
    from svtok.corpora.audio_mnist import prepare

    sets = prepare(
        root,
        fold=fold,
        enroll_takes=enroll_takes,
        cross_session=cross_session,
        seed=seed,
        allow_missing=allow_missing,
        jobs=jobs,
    )
    write_prepared("audio-mnist", sets, out, description=f"60 speakers, ten English digits, real speech; fold {fold}")


@click.command("hi-mia")
@root_option("the corpus, which holds train/, dev/ and test/ (those of them that there are, with --allow-missing)")
@corpus_out_option("hi-mia")
@click.option(
    "--trials",
    type=click.Choice(["mic", "1m"]),
    default="mic",
    show_default=True,
    help="Official trials: enrolled by the close-talking microphone (mic), or by an array at one metre (1m).",
)
@list_option(
    "--microphone",
    "microphones",
    metavar="NN,...",
    show_default="all",
    help="Take only these microphones of the arrays, such as 01,07.",
)
@enroll_takes_option(3, "Close-talking recordings that enroll a speaker of dev.")
@impostors_option(10, "Models of other speakers that a test of dev meets.")
@cross_session_option
@seed_option("Of the draw of impostor trials.")
@allow_missing_option
@jobs_option
@makes("out", format=FORMAT)
def prepare_hi_mia(
    root: Path,
    out: Path,
    trials: str,
    microphones: tuple[str, ...],
    enroll_takes: int,
    impostors: int,
    cross_session: bool,
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
    from svtok.corpora.hi_mia import prepare

    sets = prepare(
        root,
        trials=trials,
        microphones=microphones,
        enroll_takes=enroll_takes,
        impostors=impostors,
        cross_session=cross_session,
        seed=seed,
        allow_missing=allow_missing,
        jobs=jobs,
    )
    write_prepared(
        "hi-mia", sets, out, description=f"340 speakers, one Chinese wake word, real speech; trials_{trials}"
    )


@click.command("speech-commands")
@root_option("the corpus, which holds a folder for each word, validation_list.txt and testing_list.txt")
@corpus_out_option("speech-commands")
@enroll_takes_option(2, "Takes that enroll a speaker's word, where there are more; the others are tests.")
@impostors_option(20, "Models of other speakers that a test meets: so many of its word, and of other words.")
@cross_session_option
@seed_option("Of the draw of impostor trials.")
@allow_missing_option
@jobs_option
@makes("out", format=FORMAT)
def prepare_speech_commands(
    root: Path,
    out: Path,
    enroll_takes: int,
    impostors: int,
    cross_session: bool,
    seed: int,
    allow_missing: bool,
    jobs: int,
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
    from svtok.corpora.speech_commands import prepare

    sets = prepare(
        root,
        enroll_takes=enroll_takes,
        impostors=impostors,
        cross_session=cross_session,
        seed=seed,
        allow_missing=allow_missing,
        jobs=jobs,
    )
    write_prepared("speech-commands", sets, out, description="2,618 speakers, 35 English words, real speech")


@click.command("speechocean762")
@root_option("the unpacked archive, which holds WAVE/, train/ and test/ (or recordings.csv)")
@corpus_out_option("speechocean762")
@allow_missing_option
@jobs_option
@makes("out", format=FORMAT)
def prepare_speechocean762(root: Path, out: Path, allow_missing: bool, jobs: int) -> None:
    """speechocean762: 250 speakers, children among them, read 20 English sentences each, all of them different ones.

    Get it from OpenSLR (SLR101). There are no phrases and no trials: it is one training set, of speakers.

    \b
    Example:
      svtok prepare speechocean762 --root /corpora/speechocean762 --out data/speechocean762
    """
    from svtok.corpora.speechocean762 import prepare

    sets = prepare(root, allow_missing=allow_missing, jobs=jobs)
    write_prepared("speechocean762", sets, out, description="250 speakers, free English sentences, real speech")
