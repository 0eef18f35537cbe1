"""svtok prepare rsr2015, reddots, deepmine, tdsv2024: corpora that their owners give out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from svtok.cli.fresh import makes
from svtok.cli.options import (
    Command,
    allow_missing_option,
    corpus_out_option,
    cross_session_option,
    jobs_option,
    part_option,
    root_option,
    seed_option,
)
from svtok.cli.prepare import write_prepared
from svtok.cli.values import AT_LEAST_ZERO, EXISTING_FILE, FOLDER
from svtok.corpora import FORMAT
from svtok.places import DATA

if TYPE_CHECKING:
    from svtok.corpora.rsr2015.prepare import TrainOn


audio_option = click.option(
    "--audio/--no-audio", default=True, show_default=True, help="Look at the recordings, or only at the lists."
)


def audio_root_option(default: str) -> Callable[[Command], Command]:
    """--audio-root, where the recordings are elsewhere than in --root."""
    help_text = "Folder of the recordings where they are elsewhere, such as a decompressed copy."
    return click.option("--audio-root", type=FOLDER, show_default=default, help=help_text)


@click.command("rsr2015")
@root_option("the corpus, which holds sph/ (or wav/, a converted copy) and key/", "RSR2015_ROOT")
@part_option("2", "1: sentences, 2: home-control commands, 3: strings of digits (of whose lists little is published).")
@corpus_out_option("rsr2015-partN", varies=True)
@click.option(
    "--train-on",
    type=click.Choice(["bkg", "bkg+dev"]),
    default="bkg",
    show_default=True,
    help="Train on the background speakers, or also on the dev speakers (then dev is no unseen set any more).",
)
@audio_root_option("wav/ or sph/ in --root")
@audio_option
@allow_missing_option
@jobs_option
@makes("out", format=FORMAT, default=lambda given: DATA / f"rsr2015-part{given['part']}")
def prepare_rsr2015(
    root: Path,
    part: str,
    out: Path,
    train_on: TrainOn,
    audio_root: Path | None,
    audio: bool,
    allow_missing: bool,
    jobs: int,
) -> None:
    """RSR2015 (licensed by its owners), or a synthetic corpus in its layout: see `svtok synthesize rsr2015`.

    Models and trials of dev and eval are those of the lists key/partN/trn and key/partN/ndx, male and female together.
    Background speakers are those who are in no list. The counts are compared with the published ones. Recordings are
    NIST SPHERE (compressed: pip install 'svtok[sphere]', or sph2pipe on the PATH), WAV or FLAC.

    \b
    Example:
      svtok prepare rsr2015 --root /corpora/RSR2015 --part 2 --out data/rsr2015-part2
    """
    from svtok.corpora.rsr2015.prepare import prepare
    from svtok.corpora.synthetic.marker import is_synthetic

    sets = prepare(
        root,
        part=int(part),
        train_on=train_on,
        audio_root=audio_root,
        audio=audio,
        allow_missing=allow_missing,
        jobs=jobs,
    )
    name = f"rsr2015-part{part}"
    synthetic = is_synthetic(root)
    what = {"1": "sentences", "2": "home-control commands", "3": "strings of digits"}[part]
    description = f"{what} on mobile devices"
    if synthetic:
        description = "spoken by espeak-ng in the layout of RSR2015, of which it holds nothing"
    write_prepared(name, sets, out, synthetic=synthetic, description=description)


@click.command("reddots")
@root_option("the corpus, which holds ndx/, infos/ and the recordings")
@part_option("1", "1: common pass-phrases, 2: unique ones, 3: ones of free choice.")
@audio_root_option("wav/ or pcm/ in --root")
@corpus_out_option("reddots-partN", varies=True)
@allow_missing_option
@jobs_option
@makes("out", format=FORMAT, default=lambda given: DATA / f"reddots-part{given['part']}")
def prepare_reddots(root: Path, part: str, audio_root: Path | None, out: Path, allow_missing: bool, jobs: int) -> None:
    """RedDots, release r2015q4_v1: pass-phrases over many sessions on mobile devices; real speech.

    Free of charge: register with the RedDots project, which sends where to fetch it. It is an evaluation corpus: there
    is a set eval, with the official models and trials of both genders; train on another one, such as RSR2015. Its raw
    recordings (16 kHz, 16 bits, no header) are converted first, with sox:

    \b
    Example:
      cd reddots_r2015q4_v1
      find pcm -name '*.pcm' | while read -r f; do
        g=wav/${f#pcm/}; mkdir -p "${g%/*}"
        sox -t raw -r 16000 -e signed -b 16 -L -c 1 "$f" "${g%.pcm}.wav"
      done
      svtok prepare reddots --root . --part 1 --out ../data/reddots-part1
    """
    from svtok.corpora.reddots import prepare

    name = f"reddots-part{part}"
    sets = prepare(root, part=int(part), audio_root=audio_root, allow_missing=allow_missing, jobs=jobs)
    write_prepared(name, sets, out, description="pass-phrases on mobile devices, real speech")


_genders_option = click.option(
    "--genders",
    type=EXISTING_FILE,
    show_default="task1_spk2gender or spk2gender in the root or in docs/, where it is there",
    help="List of speakers (or also of models) and their gender: `spk_000001 f`.",
)
_keys_option = click.option(
    "--keys",
    type=EXISTING_FILE,
    show_default="keys.txt in the root or in docs/, where it is there",
    help="Types of the trials of eval: a header, then a line for each trial whose first column is TC, TW, IC or IW.",
)


@click.command("deepmine")
@root_option("the release for Task 1, which holds docs/ and wav/", "DEEPMINE_ROOT")
@corpus_out_option("deepmine")
@click.option(
    "--hold-out",
    type=AT_LEAST_ZERO,
    default=0,
    show_default=True,
    metavar="SPEAKERS",
    help="Make a dev set of so many training speakers, who train no more; 83 is a customary number.",
)
@cross_session_option
@seed_option("Draws the held-out speakers.")
@_genders_option
@_keys_option
@audio_option
@allow_missing_option
@jobs_option
@makes("out", format=FORMAT)
def prepare_deepmine(
    root: Path,
    out: Path,
    hold_out: int,
    cross_session: bool,
    seed: int,
    genders: Path | None,
    keys: Path | None,
    audio: bool,
    allow_missing: bool,
    jobs: int,
) -> None:
    """DeepMine (licensed by its owners) of the SdSV challenges 2020 and 2021, Task 1, or a synthetic corpus in its
    layout: see `svtok synthesize deepmine`.

    The keys of the challenge are secret. Without them eval can be scored, for `svtok submit`, but not evaluated; that
    is what --hold-out is for: TC, TW and IC trials within each gender and language, models of three recordings.

    \b
    Example:
      svtok prepare deepmine --root /corpora/sdsv2020/task1 --genders task1_spk2gender --hold-out 83
    """
    from svtok.corpora.deepmine import prepare
    from svtok.corpora.synthetic.marker import is_synthetic

    sets = prepare(
        root,
        genders=genders,
        keys=keys,
        hold_out=hold_out,
        cross_session=cross_session,
        seed=seed,
        audio=audio,
        allow_missing=allow_missing,
        jobs=jobs,
    )
    description = "ten phrases, five Persian and five English, over the telephone and on mobile devices"
    if synthetic := is_synthetic(root):
        description = "spoken by espeak-ng in the layout of DeepMine for SdSV, of which it holds nothing but phrases"
    write_prepared("deepmine", sets, out, synthetic=synthetic, description=description)


@click.command("tdsv2024")
@root_option("the release for Task 1, which holds docs/ and wav/", "TDSV2024_ROOT")
@corpus_out_option("tdsv2024")
@_genders_option
@_keys_option
@audio_option
@allow_missing_option
@jobs_option
@makes("out", format=FORMAT)
def prepare_tdsv2024(
    root: Path, out: Path, genders: Path | None, keys: Path | None, audio: bool, allow_missing: bool, jobs: int
) -> None:
    """DeepMine v2 (licensed by its owners) of the TdSV Challenge 2024, Task 1, or a synthetic corpus in its layout: see
    `svtok synthesize deepmine --layout tdsv2024`.

    The keys of eval are secret. Without them eval can be scored, for `svtok submit`, but not evaluated; dev has the
    types of its trials.

    \b
    Example:
      svtok prepare tdsv2024 --root /corpora/tdsv2024/task1 --out data/tdsv2024
    """
    from svtok.corpora.sdsv.layout import TDSV2024
    from svtok.corpora.sdsv.prepare import prepare_release
    from svtok.corpora.synthetic.marker import is_synthetic

    sets = prepare_release(
        root, TDSV2024, genders=genders, keys=keys, audio=audio, allow_missing=allow_missing, jobs=jobs
    )
    description = "ten phrases, five Persian and five English, and free text to train on"
    if synthetic := is_synthetic(root):
        description = "spoken by espeak-ng in the layout of TdSV 2024, of which it holds nothing but phrases"
    write_prepared("tdsv2024", sets, out, synthetic=synthetic, description=description)
