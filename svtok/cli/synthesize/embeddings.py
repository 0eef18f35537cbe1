"""svtok synthesize embeddings"""

from __future__ import annotations

from pathlib import Path

import click

from svtok.cli.options import FOLDER, data_option


@click.command("embeddings")
@data_option("eval")
@click.option("--out", type=FOLDER, required=True, help="Folder of the embeddings.")
@click.option("--dim", type=click.IntRange(min=1), default=256, show_default=True, help="Dimension of the embeddings.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of all that is random.")
def command(data: Path, out: Path, dim: int, seed: int) -> None:
    """Random embeddings for a prepared set, without audio or network, to try out scoring and evaluation at any size.

    Each is the sum of a vector of its speaker, a vector of its phrase, and noise, so that error rates are neither 0 nor
    50 %. They are no results: they tell nothing about a system.

    \b
    Example:
      svtok synthesize embeddings --data data/full/eval --out embeddings
      svtok score --embeddings embeddings --data data/full/eval --out scores.tsv
    """
    from svtok.embeddings.store import write_embeddings
    from svtok.embeddings.synthetic import random_embeddings
    from svtok.manifest.sets import read_set

    utterances = read_set(data).utterances
    vectors = random_embeddings(utterances, dim=dim, seed=seed)
    write_embeddings(out, utterances["utt"].tolist(), vectors, network_hash=f"random, seed {seed}")
    click.echo(f"wrote {out}: {len(vectors)} RANDOM embeddings of dimension {dim}")
