"""svtok extract-embeddings."""

from __future__ import annotations

from pathlib import Path

import click

from svtok.cli.options import FOLDER, data_option, device_option, features_option


@click.command("extract-embeddings")
@click.option("--network", type=FOLDER, required=True, help="Folder of a trained network.")
@data_option("eval")
@features_option
@click.option("--out", type=FOLDER, help="Folder of the embeddings; default: NETWORK/embeddings/SET.")
@device_option
def extract_embeddings(network: Path, data: Path, features: Path | None, out: Path | None, device: str) -> None:
    """Compute the embedding of each utterance of a prepared set.

    Where the set has no features stored, they are computed as the network was trained with, and not kept.

    \b
    Example:
      svtok extract-embeddings --network exp/cls --data data/my/eval --out exp/cls/embeddings/eval
    """
    from svtok.embeddings.extract import extract_set_embeddings
    from svtok.training.inputs import pick_device

    out = out or network / "embeddings" / data.name
    count = extract_set_embeddings(network, data, features, out, pick_device(device))
    click.echo(f"{out}: embeddings of {count} utterances")
