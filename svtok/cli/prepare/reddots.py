"""svtok prepare reddots"""

from __future__ import annotations

from pathlib import Path

import click

from svtok.cli.options import FOLDER, jobs_option
from svtok.cli.prepare.options import allow_missing_option, root_option


@click.command("reddots")
@root_option("ndx/, infos/ and the recordings")
@click.option(
    "--part",
    type=click.Choice(["1", "2", "3"]),
    default="1",
    show_default=True,
    help="1: common pass-phrases, 2: unique ones, 3: ones of free choice.",
)
@click.option("--audio-root", type=FOLDER, show_default="wav/ or pcm/ in --root", help="Folder of the recordings.")
@click.option("--out", type=FOLDER, show_default="data/reddots-partN", help="Folder of the prepared corpus.")
@allow_missing_option
@jobs_option
def command(root: Path, part: str, audio_root: Path | None, out: Path | None, allow_missing: bool, jobs: int) -> None:
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
    from svtok.cli.prepare.report import finish
    from svtok.corpora.reddots import prepare

    name = f"reddots-part{part}"
    sets = prepare(root, part=int(part), audio_root=audio_root, allow_missing=allow_missing, jobs=jobs)
    finish(name, sets, out or Path("data") / name, description="pass-phrases on mobile devices, real speech")
