"""svtok train-phonetic"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import click

from svtok.cli.options import FILE, training_options


@click.command("train-phonetic")
@training_options("exp/phonetic")
@click.option(
    "--text-from",
    type=click.Choice(["text", "phrase"]),
    default="text",
    show_default=True,
    help="Column that tells what was said: each word of the text, or the whole name of the phrase.",
)
@click.option(
    "--lexicon", type=FILE, help="File with a word (or phrase) and its phones a line; else: espeak-ng's rules."
)
@click.option("--language", help="Language of espeak-ng's rules, such as en or ar; default: the column 'lang'.")
@click.option("--phones", type=FILE, help="File with a phone a line, all that may be; default: those of --data.")
def train_phonetic(
    text_from: Literal["text", "phrase"],
    lexicon: Path | None,
    language: str | None,
    phones: Path | None,
    **options: Any,
) -> None:
    """Train a network that recognises phones, whose bottleneck svtok extract-features --phonetic stores.

    The phones of what was said come from a lexicon, or from espeak-ng's rules (pip install 'svtok[synth]'). The folder
    --out gets config.yaml, phones.txt, training.jsonl and, at the end, network.safetensors. Interrupted, it goes on
    with --resume.

    \b
    Examples:
      svtok train-phonetic --data data/my/train --language en
      svtok train-phonetic --data data/sdsv/train --text-from phrase --lexicon transcriptions.txt --out exp/phonetic
    """
    from svtok.phonetic.config import read_phonetic_config
    from svtok.phonetic.pronounce import Spelling
    from svtok.phonetic.train import PhoneticRun
    from svtok.phonetic.train import train_phonetic as train
    from svtok.training.inputs import open_dev, open_source, pick_device

    out = options["out"] or Path("exp/phonetic")
    run = PhoneticRun(
        out=out,
        config=read_phonetic_config(options["config_file"], options["settings"]),
        train=open_source(options["data"], options["features"]),
        dev=open_dev(options["dev"], options["dev_features"], beside=options["data"]),
        spelling=Spelling(text_from, lexicon, language),
        phones=phones,
        seed=options["seed"],
        device=pick_device(options["device"]),
        resume=options["resume"],
    )
    ended = train(run)
    click.echo(f"{out}: trained" if ended else f"{out}: had been trained before, nothing to do")
