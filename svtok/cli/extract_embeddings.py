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
@click.option(
    "--joined-models",
    is_flag=True,
    help="One embedding for each enrollment model, of its utterances joined in time; --out is by default "
    "NETWORK/embeddings/SET-joined.",
)
@device_option
def extract_embeddings(
    network: Path, data: Path, features: Path | None, out: Path | None, joined_models: bool, device: str
) -> None:
    """Compute the embedding of each utterance of a prepared set.

    With --joined-models, the features of a model's utterances, which are normalised an utterance at a time, are joined
    before the network reads them: `svtok score --enroll joined-audio` takes such embeddings. Where the set has
    no features stored, they are computed as the network was trained with, and not kept.

    \b
    Example:
      svtok extract-embeddings --network exp/cls --data data/my/eval --out exp/cls/embeddings/eval
      svtok extract-embeddings --network exp/cls --data data/my/eval --joined-models
    """
    from svtok.embeddings.extract import extract_joined_embeddings, extract_set_embeddings
    from svtok.training.inputs import pick_device

    out = out or network / "embeddings" / (f"{data.name}-joined" if joined_models else data.name)
    extract = extract_joined_embeddings if joined_models else extract_set_embeddings
    count = extract(network, data, features, out, pick_device(device))
    click.echo(f"{out}: embeddings of {count} {'models' if joined_models else 'utterances'}")
