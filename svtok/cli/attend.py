"""svtok attend."""

from __future__ import annotations

from pathlib import Path

import click

from svtok.cli.options import FOLDER

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("attend")
@click.argument("network", type=FOLDER)
@click.argument("audio", type=FILE)
@click.option("--out", type=FILE, help="The PNG to write; default: NETWORK/attention/AUDIO.png.")
@click.option("--phones", "phones_file", type=FILE, help="Phones to mark: a file of lines 'start end phone' (seconds).")
def attend(network: Path, audio: Path, out: Path | None, phones_file: Path | None) -> None:
    """Draw what the class and distillation tokens of NETWORK attend to in AUDIO, over time, under its spectrogram.

    A column is a token, a panel a layer, a strip in it a head. The higher a frame stands in a strip, the more of the
    head's attention it gets; the dotted line is where all frames would stand with equal shares.

    \b
    Example:
      svtok attend exp/cls-sampled-dist recordings/anna/open_1.wav --out attention.png --phones open_1.phones
    """
    from svtok.report.attention import attend as attend_to
    from svtok.report.attention import caption_of
    from svtok.report.attention_plot import draw_attention
    from svtok.report.phones import read_phones
    from svtok.training.network_folder import load_network

    attention, spectrogram = attend_to(load_network(network), audio)
    phones = read_phones(phones_file, spectrogram.duration) if phones_file else []
    out = out or network / "attention" / f"{audio.stem}.png"
    title = f"What the tokens of {network.name} attend to in\n{caption_of(audio)}"
    draw_attention(attention, spectrogram, out, title=title, phones=phones)
    click.echo(f"wrote {out}")
