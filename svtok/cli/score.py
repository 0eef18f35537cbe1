"""svtok score."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from svtok.cli.options import FOLDER, data_option

if TYPE_CHECKING:
    from svtok.scoring.cohort import CohortOf

USUAL_TOP = 300


@click.command("score")
@click.option("--embeddings", type=FOLDER, required=True, help="Folder of the set's embeddings.")
@data_option("eval")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="Table of scores to write: model, utt, score, in the order of the trials.",
)
@click.option(
    "--norm",
    type=click.Choice(["s-norm", "as-norm"]),
    help="Normalise the scores by those against a cohort: all of it, or the highest of each model and test.",
)
@click.option("--cohort", type=FOLDER, help="Folder of the cohort's embeddings, of the same network.")
@click.option(
    "--top", type=click.IntRange(min=2), show_default=str(USUAL_TOP), help="Highest scores that as-norm takes."
)
@click.option("--cohort-data", type=FOLDER, help="Prepared set of the cohort: tells its speakers and phrases.")
@click.option(
    "--cohort-of",
    type=click.Choice(["utterances", "speakers", "classes"]),
    default="utterances",
    show_default=True,
    help="Members of the cohort: each utterance, or the mean of each speaker's, or of each speaker's each phrase.",
)
@click.option(
    "--cohort-by",
    type=click.Choice(["all", "phrase"]),
    default="all",
    show_default=True,
    help="phrase: a trial is normalised by the members that say the phrase of its model.",
)
def score(
    embeddings: Path,
    data: Path,
    out: Path,
    norm: str | None,
    cohort: Path | None,
    top: int | None,
    cohort_data: Path | None,
    cohort_of: CohortOf,
    cohort_by: str,
) -> None:
    """Score the trials of a prepared set by the cosine of model and test embedding.

    A model's embedding is the mean of the length-normalised embeddings of its enrollment utterances, which are looked
    up in the same folder as those of the test utterances. With --norm the cosines are normalised by a cohort of other
    speakers, such as those of the training set.

    \b
    Example:
      svtok score --embeddings exp/cls/embeddings/eval --data data/my/eval --out exp/cls/scores.tsv
      svtok score --embeddings exp/cls/embeddings/eval --data data/my/eval --out exp/cls/as-norm.tsv \\
        --norm as-norm --top 200 --cohort exp/cls/embeddings/train \\
        --cohort-data data/my/train --cohort-of classes --cohort-by phrase
    """
    _check_options(norm, cohort, top, cohort_data, cohort_of, cohort_by)

    from svtok.embeddings.store import read_embeddings
    from svtok.manifest.sets import read_set
    from svtok.scoring.cohort import make_cohort, normalise_scores, phrases_of, refuse_unfit
    from svtok.scoring.scores import write_scores
    from svtok.scoring.trials import trial_sides

    prepared, of_trials = read_set(data), read_embeddings(embeddings)
    sides = trial_sides(prepared, of_trials)
    scores = sides.cosines()
    told = ""
    if cohort:
        of_cohort = read_embeddings(cohort)
        refuse_unfit(of_cohort, of_trials)
        members = make_cohort(of_cohort, read_set(cohort_data).utterances if cohort_data else None, of=cohort_of)
        highest = (top or USUAL_TOP) if norm == "as-norm" else None
        phrases = phrases_of(prepared, sides.models) if cohort_by == "phrase" else None
        scores = normalise_scores(scores, sides, members, top=highest, model_phrases=phrases)
        told = f", {norm} by {len(members.vectors)} {cohort_of}" + (f", top {highest}" if highest else "")
    assert prepared.trials is not None  # or trial_sides has raised
    write_scores(out, prepared.trials, scores)
    click.echo(f"{out}: {len(scores)} scores{told}")


def _check_options(
    norm: str | None, cohort: Path | None, top: int | None, cohort_data: Path | None, cohort_of: str, cohort_by: str
) -> None:
    """Refuse options that lack another one, or would do nothing."""
    if norm and not cohort:
        raise click.UsageError(f"--norm {norm} needs a cohort: name its embeddings with --cohort")
    if not norm and (cohort or top or cohort_data or cohort_of != "utterances" or cohort_by != "all"):
        raise click.UsageError("--cohort, --cohort-... and --top are of a normalisation: choose one with --norm")
    if norm == "s-norm" and top:
        raise click.UsageError("s-norm takes all scores of the cohort; --top is of --norm as-norm")
    if not cohort_data and (cohort_of != "utterances" or cohort_by != "all"):
        raise click.UsageError(
            "speakers and phrases of the cohort are told by its prepared set: name it with --cohort-data"
        )
