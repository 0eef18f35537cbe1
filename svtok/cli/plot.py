"""svtok plot training | embeddings"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from svtok.cli.options import FILE, FOLDER, data_option

if TYPE_CHECKING:
    from svtok.report.embedding_map import Method

out_option = click.option("--out", type=FILE, required=True, help="The PNG to write.")


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
@out_option
def training(networks: tuple[Path, ...], out: Path) -> None:
    """Draw the training curves of one or several networks: loss, accuracy, dev EER, learning rate, and what else their
    training.jsonl holds. A training may still be running.

    \b
    Example:
      svtok plot training exp/avg exp/cls exp/cls-sampled --out exp/training.png
    """
    from svtok.report.plots import draw_curves, read_training_log, short_names, title_of

    logs = dict(zip(short_names(networks), map(read_training_log, networks), strict=True))
    draw_curves(logs, out, title=title_of(networks))
    click.echo(f"wrote {out}: {len(logs)} networks")


@plot.command("embeddings")
@click.option("--embeddings", "folder", type=FOLDER, required=True, help="Embeddings of the set.")
@data_option("eval")
@out_option
@click.option(
    "--by",
    default="spk",
    show_default=True,
    metavar="COLUMN",
    help="What is told apart: a column of utterances.tsv, such as spk, phrase, gender, session.",
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
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the sample and of t-SNE.")
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
