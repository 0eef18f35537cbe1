"""svtok score-phrases."""

from __future__ import annotations

from pathlib import Path

import click

from svtok.cli.options import FILE, FOLDER, data_option, device_option, features_option


@click.command("score-phrases")
@click.option("--network", type=FOLDER, required=True, help="Folder of a trained network whose classes tell phrases.")
@data_option("eval")
@features_option
@click.option(
    "--out",
    type=FILE,
    required=True,
    help="Table of scores to write: model, utt, score, in the order of the trials.",
)
@device_option
def score_phrases(network: Path, data: Path, features: Path | None, out: Path, device: str) -> None:
    """Score whether the test utterance of each trial says the phrase of the model, whoever speaks.

    The score is the log-odds of the phrase, from the posteriors of the network's classes. All phrases of the models
    must be among those that it was trained on (training.classes speaker-phrase, phrase or both). For other phrases,
    train a network with training.classes=phrase and score its embeddings by cosine, as those of speakers.

    \b
    Example:
      svtok score-phrases --network exp/cls --data data/my/eval --out exp/cls/phrases.tsv
      svtok fuse apply exp/fused/fusion.yaml --scores exp/cls/scores.tsv --scores exp/cls/phrases.tsv \\
        --out exp/fused/scores.tsv
    """
    from svtok.embeddings.extract import network_input
    from svtok.scoring.scores import write_scores
    from svtok.trained.inference import pick_device
    from svtok.trained.posteriors import score_phrases as scores_of_set

    where = pick_device(device)
    with network_input(network, data, features, where) as given:
        trained, prepared = given.trained, given.prepared
        scores = scores_of_set(prepared, trained.network, trained.classes, given.store, where)
    assert prepared.trials is not None  # or scoring has raised
    write_scores(out, prepared.trials, scores)
    click.echo(f"{out}: {len(scores)} scores of the phrases")
