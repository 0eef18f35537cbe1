"""svtok score."""

from __future__ import annotations

from pathlib import Path

import click

from svtok.cli.options import FOLDER, data_option


@click.command("score")
@click.option("--embeddings", type=FOLDER, required=True, help="Folder of the set's embeddings.")
@data_option("eval")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="Table of scores to write: model, utt, score, in the order of the trials.",
)
def score(embeddings: Path, data: Path, out: Path) -> None:
    """Score the trials of a prepared set by the cosine of model and test embedding.

    A model's embedding is the mean of the length-normalised embeddings of its enrollment utterances, which are looked
    up in the same folder as those of the test utterances.

    \b
    Example:
      svtok score --embeddings exp/cls/embeddings/eval --data data/my/eval --out exp/cls/scores.tsv
    """
    from svtok.embeddings.store import read_embeddings
    from svtok.manifest.sets import read_set
    from svtok.scoring.scores import write_scores
    from svtok.scoring.trials import score_trials

    prepared = read_set(data)
    scores = score_trials(prepared, read_embeddings(embeddings))
    assert prepared.trials is not None  # or score_trials has raised
    write_scores(out, prepared.trials, scores)
    click.echo(f"{out}: {len(scores)} scores")
