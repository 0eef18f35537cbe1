"""svtok plot training | embeddings, attend, token-spread: pictures and figures of networks and embeddings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from svtok.cli.fresh import always, features_read, makes
from svtok.cli.options import channel_option, data_option, device_option, features_option, network_option, seed_option
from svtok.cli.values import FILE, FOLDER
from svtok.report import FORMAT

if TYPE_CHECKING:
    from svtok.report.embedding_map import Method

_png_option = click.option("--out", type=FILE, required=True, help="The PNG to write.")


@click.group()
def plot() -> None:
    """Draw how networks were trained, and what their embeddings look like.

    \b
    Example:
      svtok plot training exp/avg exp/cls exp/cls-sampled --out exp/training.png
      svtok plot embeddings --embeddings exp/cls/embeddings/eval --data data/my/eval --out map.png
    """


@plot.command("training")
@click.argument("networks", nargs=-1, required=True, type=FOLDER, metavar="NETWORK...")
@_png_option
@makes("out", format=FORMAT, reads=lambda given: [folder / "training.jsonl" for folder in given["networks"]])
def training(networks: tuple[Path, ...], out: Path) -> None:
    """Draw the training curves of one or several networks: loss, accuracy, dev EER, learning rate, and what else their
    training.jsonl holds. A training may still be running.

    \b
    Example:
      svtok plot training exp/avg exp/cls exp/cls-sampled --out exp/training.png
    """
    from svtok.report.plots import draw_curves, short_names, title_of
    from svtok.trained.folder import read_training_log

    logs = dict(zip(short_names(networks), map(read_training_log, networks), strict=True))
    draw_curves(logs, out, title=title_of(networks))
    click.echo(f"wrote {out}: {len(logs)} networks")


@plot.command("embeddings")
@click.option("--embeddings", "folder", type=FOLDER, required=True, help="Embeddings of the set.")
@data_option("eval")
@_png_option
@click.option(
    "--by",
    default="spk",
    show_default=True,
    metavar="COLUMN",
    help="What the points are grouped by: a column of utterances.tsv, such as spk, phrase, gender, session.",
)
@click.option(
    "--only",
    multiple=True,
    metavar="COLUMN=VALUE",
    help="Draw the utterances with this value alone, such as phrase=open. Given again: of one column, either value; of "
    "several columns, all of them.",
)
@click.option(
    "--method",
    type=click.Choice(["pca", "tsne"]),
    default="pca",
    show_default=True,
    help="Principal components, or t-SNE (needs the extra 'plot').",
)
@click.option(
    "--most", type=click.IntRange(min=3), default=5000, show_default=True, help="Utterances drawn; of more, a sample."
)
@seed_option("Of the sample and of t-SNE.")
@makes("out", format=FORMAT)
def embeddings(
    folder: Path, data: Path, out: Path, by: str, only: tuple[str, ...], method: Method, most: int, seed: int
) -> None:
    """Draw a map of the length-normalised embeddings of a prepared set: one point an utterance, near where alike.

    \b
    Example:
      svtok plot embeddings --embeddings exp/cls/embeddings/eval --data data/my/eval --out map.png
      svtok plot embeddings --embeddings exp/cls/embeddings/eval --data data/my/eval --out map.png --by phrase \\
        --only gender=f --method tsne
    """
    wanted: dict[str, list[str]] = {}
    for column, value in map(_column_and_value, only):
        wanted.setdefault(column, []).append(value)

    from svtok.embeddings.store import read_embeddings
    from svtok.manifest.sets import read_set
    from svtok.report.embedding_map import choose_utterances, draw_map, map_embeddings, title_of

    utterances = read_set(data).utterances
    chosen = choose_utterances(utterances, only=wanted, most=most, seed=seed)
    drawn = map_embeddings(read_embeddings(folder), chosen, by=by, method=method, seed=seed)
    draw_map(drawn, out, title=title_of(drawn, data, of=len(utterances)), legend=by)
    click.echo(f"wrote {out}: {len(chosen)} of {len(utterances)} utterances")


def _column_and_value(text: str) -> tuple[str, str]:
    column, equals, value = text.partition("=")
    if not (column and equals and value):
        raise click.UsageError(f"--only: '{text}' is not COLUMN=VALUE, such as phrase=open")
    return column, value


@click.command("attend")
@click.argument("network", type=FOLDER)
@click.argument("audio", type=FILE)
@click.option("--out", type=FILE, help="The PNG to write; default: NETWORK/attention/AUDIO.png.")
@click.option("--phones", "phones_file", type=FILE, help="Phones to mark: a file of lines 'start end phone' (seconds).")
@click.option("--phonetic", type=FOLDER, help="Instead: a phonetic network's folder, to mark the phones that it hears.")
@channel_option
@makes("out", format=FORMAT, default=lambda given: given["network"] / "attention" / f"{given['audio'].stem}.png")
def attend(
    network: Path,
    audio: Path,
    out: Path,
    phones_file: Path | None,
    phonetic: Path | None,
    channel: str | None,
) -> None:
    """Draw what the class and distillation tokens of NETWORK attend to in AUDIO, over time, under its spectrogram.

    A column is a token, a panel a layer, a strip in it a head. The higher a frame stands in a strip, the more of the
    head's attention it gets; the dotted line is where all frames would stand with equal shares.

    \b
    Example:
      svtok attend exp/cls-sampled-dist recordings/anna/open_1.wav --out attention.png
      svtok attend exp/cls-sampled-dist recordings/anna/open_1.wav --phonetic exp/phonetic
    """
    if phones_file and phonetic:
        raise click.UsageError("--phones and --phonetic are two ways to give the phones; give one of them")

    from svtok.features.store import PHONETIC
    from svtok.report.attention import attend as attend_to
    from svtok.report.attention import caption_of, draw_attention, read_phones, recognise_phones
    from svtok.trained.folder import load_network
    from svtok.trained.phones import PhoneticEmbedder

    trained = load_network(network)
    columns = PhoneticEmbedder.open(network / PHONETIC, trained.features) if trained.features.phonetic else None
    attention, spectrogram = attend_to(trained, audio, columns, channel)
    phones = read_phones(phones_file, spectrogram.duration) if phones_file else []
    if phonetic:
        phones = recognise_phones(phonetic, audio, channel)
    title = f"What the tokens of {network.absolute().name} attend to in\n{caption_of(audio)}"
    label = "Phones\nheard" if phonetic else "Phones"
    draw_attention(attention, spectrogram, out, title=title, phones=phones, phones_label=label)
    click.echo(f"wrote {out}")


@click.command("token-spread")
@network_option("a trained network with a sampled class token")
@click.option("--data", type=FOLDER, help="Prepared set, to measure the embeddings of its utterances, too.")
@features_option
@click.option("--json", "json_path", type=FILE, help="Write the report here.")
@device_option
@makes("json_path", format=FORMAT, reads=features_read, shows=always)
def token_spread(network: Path, data: Path | None, features: Path | None, json_path: Path | None, device: str) -> None:
    """Measure how far the vectors of a sampled class token spread, and the embeddings from each of them.

    With --data, the distance between the embeddings of an utterance from two of the vectors stands beside those between
    two utterances of a phrase by one speaker, and by two: how much the draw matters, next to what is to be verified.

    \b
    Example:
      svtok token-spread --network exp/cls-sampled --data data/my/eval
    """
    if features and not data:
        raise click.UsageError("--features are those of --data; give --data, too")

    from svtok.report.token_spread import measure_spread, spread_text, write_spread
    from svtok.trained.inference import pick_device

    spread = measure_spread(network, data, features, pick_device(device))
    click.echo(spread_text(spread))
    if json_path:
        write_spread(json_path, spread)
