"""svtok attend."""

from __future__ import annotations

from pathlib import Path

import click

from svtok.cli.options import FILE, FOLDER


@click.command("attend")
@click.argument("network", type=FOLDER)
@click.argument("audio", type=FILE)
@click.option("--out", type=FILE, help="The PNG to write; default: NETWORK/attention/AUDIO.png.")
@click.option("--phones", "phones_file", type=FILE, help="Phones to mark: a file of lines 'start end phone' (seconds).")
@click.option("--phonetic", type=FOLDER, help="Instead: a phonetic network's folder, to mark the phones that it hears.")
def attend(network: Path, audio: Path, out: Path | None, phones_file: Path | None, phonetic: Path | None) -> None:
    """Draw what the class and distillation tokens of NETWORK attend to in AUDIO, over time, under its spectrogram.

    A column is a token, a panel a layer, a strip in it a head. The higher a frame stands in a strip, the more of the
    head's attention it gets; the dotted line is where all frames would stand with equal shares.

    \b
    Example:
      svtok attend exp/cls-sampled-dist recordings/anna/open_1.wav --out attention.png
      svtok attend exp/cls-sampled-dist recordings/anna/open_1.wav --phonetic exp/phonetic
    """
    if phones_file and phonetic:
        raise click.UsageError("--phones and --phonetic are two ways to tell the phones; give one of them")

    from svtok.features.store import PHONETIC
    from svtok.report.attention import attend as attend_to
    from svtok.report.attention import caption_of, draw_attention, read_phones, recognise_phones
    from svtok.trained.folder import load_network
    from svtok.trained.phones import PhoneticEmbedder

    trained = load_network(network)
    columns = PhoneticEmbedder.open(network / PHONETIC, trained.features) if trained.features.phonetic else None
    attention, spectrogram = attend_to(trained, audio, columns)
    phones = read_phones(phones_file, spectrogram.duration) if phones_file else []
    if phonetic:
        phones = recognise_phones(phonetic, audio)
    out = out or network / "attention" / f"{audio.stem}.png"
    title = f"What the tokens of {network.absolute().name} attend to in\n{caption_of(audio)}"
    label = "Phones\nheard" if phonetic else "Phones"
    draw_attention(attention, spectrogram, out, title=title, phones=phones, phones_label=label)
    click.echo(f"wrote {out}")
