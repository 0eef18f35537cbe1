"""svtok prepare kaldi"""

from __future__ import annotations

from pathlib import Path

import click

from svtok.cli.options import jobs_option

FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


@click.command("kaldi")
@click.option("--root", type=FOLDER, required=True, help="Folder with the data directories train, dev, eval.")
@click.option("--out", type=click.Path(path_type=Path), show_default="data/NAME-OF-ROOT", help="Folder to write.")
@click.option("--phrase", metavar="ID", help="The one phrase that all utterances say, where there is no utt2phrase.")
@click.option("--wav-root", type=FOLDER, show_default="working folder", help="What wav.scp's paths are relative to.")
@jobs_option
def command(root: Path, out: Path | None, phrase: str | None, wav_root: Path | None, jobs: int) -> None:
    """Prepare a corpus that comes as Kaldi data directories train, dev and eval.

    Read of each: wav.scp, utt2spk, utt2phrase and, where they are there, segments, text, spk2gender, utt2lang,
    enroll_spk2utt (a model, then its utterances) and trials. A pipe in wav.scp is refused: run it, and list its output.

    \b
    Example:
      svtok prepare kaldi --root ~/kaldi/egs/hi_mia/v1/data --phrase himia --out data/himia
    """
    from svtok.cli.prepare.report import finish
    from svtok.corpora.kaldi import prepare

    name = root.resolve().name
    finish(name, prepare(root, phrase=phrase, wav_root=wav_root, jobs=jobs), out or Path("data") / name)
