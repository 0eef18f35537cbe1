"""svtok token-spread."""

from __future__ import annotations

from pathlib import Path

import click

from svtok.cli.options import FILE, FOLDER, device_option, features_option


@click.command("token-spread")
@click.option("--network", type=FOLDER, required=True, help="Folder of a trained network with a sampled class token.")
@click.option("--data", type=FOLDER, help="Prepared set, to tell of the embeddings of its utterances, too.")
@features_option
@click.option("--json", "json_path", type=FILE, help="Write the report here.")
@device_option
def token_spread(network: Path, data: Path | None, features: Path | None, json_path: Path | None, device: str) -> None:
    """Tell how far the vectors of a sampled class token spread, and the embeddings from each of them.

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
