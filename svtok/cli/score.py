"""svtok score."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from svtok.cli.options import FILE, FOLDER, data_option
from svtok.cli.score_options import BackendChoice, NormChoice, backend_options, norm_options

if TYPE_CHECKING:
    from svtok.scoring.backend import Enrollment


@click.command("score")
@click.option("--embeddings", type=FOLDER, required=True, help="Folder of the set's embeddings.")
@data_option("eval")
@click.option(
    "--out",
    type=FILE,
    required=True,
    help="Table of scores to write: model, utt, score, in the order of the trials.",
)
@click.option(
    "--enroll",
    type=click.Choice(["mean-embedding", "mean-score", "joined-audio", "by-the-book"]),
    show_default="mean-embedding; with plda by-the-book",
    help="A model is the mean of its utterances' embeddings; or its score is the mean of those of each; or it has one "
    "embedding of its utterances one after the other; or (plda) a class of which so many utterances are known.",
)
@click.option(
    "--joined-embeddings",
    type=FOLDER,
    help="Folder that `svtok extract-embeddings --joined-models` wrote, for --enroll joined-audio.",
)
@backend_options
@norm_options
def score(
    embeddings: Path, data: Path, out: Path, enroll: Enrollment | None, joined_embeddings: Path | None, **options: Any
) -> None:
    """Score the trials of a prepared set, by the cosine of model and test embedding or by a trained back-end.

    The utterances of a model are looked up in the same folder as the test utterances. lda and plda are trained on
    embeddings of other speakers, such as those of the training set. With --norm the scores, of any back-end, are
    normalised by those against a cohort of other speakers, which the same back-end scores.

    \b
    Example:
      svtok score --embeddings exp/cls/embeddings/eval --data data/my/eval --out exp/cls/scores.tsv
      svtok score --embeddings exp/cls/embeddings/eval --data data/my/eval --out exp/cls/as-norm.tsv \\
        --norm as-norm --top 200 --cohort exp/cls/embeddings/train \\
        --cohort-data data/my/train --cohort-of classes --cohort-by phrase
      svtok score --embeddings exp/cls/embeddings/eval --data data/my/eval --out exp/cls/plda.tsv \\
        --backend plda --backend-train exp/cls/embeddings/train --backend-data data/my/train
    """
    backend_choice = BackendChoice(**{field.name: options[field.name] for field in fields(BackendChoice)})
    norm_choice = NormChoice(**{field.name: options[field.name] for field in fields(NormChoice)})
    _check_enrollment(enroll, joined_embeddings, backend_choice.backend)

    from svtok.embeddings.store import read_embeddings
    from svtok.manifest.sets import read_set
    from svtok.scoring.scorer import Scorer
    from svtok.scoring.scores import write_scores
    from svtok.scoring.trials import trial_sides

    prepared, of_trials = read_set(data), read_embeddings(embeddings)
    sides = trial_sides(prepared, of_trials, read_embeddings(joined_embeddings) if joined_embeddings else None)
    backend, of_backend = backend_choice.fit(of_trials, sides.phrases.tolist())
    norm, of_norm = norm_choice.make(of_trials)
    enrollment = enroll or ("by-the-book" if backend_choice.backend == "plda" else "mean-embedding")
    scores = Scorer(backend, enrollment, norm).scores(sides)
    assert prepared.trials is not None  # or trial_sides has raised
    write_scores(out, prepared.trials, scores)
    click.echo(f"{out}: {len(scores)} scores{of_backend}{of_norm}")


def _check_enrollment(enroll: Enrollment | None, joined_embeddings: Path | None, backend: str) -> None:
    """Refuse an enrollment that the back-end has not, or that lacks its embeddings."""
    if enroll == "by-the-book" and backend != "plda":
        raise click.UsageError(f"--enroll by-the-book counts utterances, as --backend plda does; {backend} does not")
    if enroll == "joined-audio" and not joined_embeddings:
        raise click.UsageError("--enroll joined-audio needs the embeddings of joined utterances: --joined-embeddings")
    if enroll != "joined-audio" and joined_embeddings:
        raise click.UsageError("--joined-embeddings is of --enroll joined-audio")
