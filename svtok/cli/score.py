"""svtok score, score-phrases."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from svtok.cli.backends import (
    BackendChoice,
    NormChoice,
    backend_options,
    check_enrollment,
    enroll_options,
    norm_options,
    scores_of_phrase,
    takes_option,
    usual_enrollment,
)
from svtok.cli.fresh import features_read, makes
from svtok.cli.options import (
    asked_cost,
    data_option,
    device_option,
    features_option,
    network_option,
    scores_out_option,
    threshold_options,
)
from svtok.cli.trials import data_or_trials_options, set_or_list
from svtok.cli.values import FILE, FOLDER
from svtok.scoring import FORMAT

if TYPE_CHECKING:
    from svtok.manifest.sets import PreparedSet
    from svtok.scoring.backend import Enrollment
    from svtok.scoring.decision import Aspect
    from svtok.scoring.warping import Distance, Takes


@click.command("score")
@click.option("--embeddings", type=FOLDER, help="Folder of the set's embeddings.")
@data_or_trials_options("eval")
@click.option(
    "--models",
    "model_list",
    type=FILE,
    show_default="each name that a trial has first is an utterance",
    help="With --trials: the utterances that enroll each model, as in Kaldi's spk2utt.",
)
@scores_out_option
@click.option(
    "--frames", type=FOLDER, help="Folder of the set's features, frame states or phone posteriors, which are warped."
)
@takes_option
@click.option(
    "--distance",
    type=click.Choice(["cosine", "log-product"]),
    show_default="cosine; of phone posteriors log-product",
    help="With --backend dtw, of two frames: 1 - their cosine, or -log of the inner product of two posteriors.",
)
@enroll_options
@backend_options
@norm_options
@click.option(
    "--scorer",
    type=FOLDER,
    help="Folder that `svtok fit-scorer` wrote, in place of --backend, --enroll, --norm and their options.",
)
@click.option(
    "--llr",
    type=click.Choice(["speaker", "phrase", "together"]),
    help="With --scorer: write natural-log likelihood ratios of the right speaker, the right phrase, or both, and "
    "print how many trials are accepted.",
)
@click.option("--phrase-scores", type=FILE, help="With --llr phrase or together: scores of the phrase, as for the fit.")
@threshold_options
@makes("out", format=FORMAT, shows=lambda given: given["llr"] is not None)
def score(
    embeddings: Path | None,
    data: Path | None,
    trial_list: Path | None,
    model_list: Path | None,
    out: Path,
    frames: Path | None,
    takes: Takes | None,
    distance: Distance | None,
    enroll: Enrollment | None,
    joined_embeddings: Path | None,
    scorer: Path | None,
    llr: Aspect | None,
    phrase_scores: Path | None,
    false_accept_rate: float | None,
    cost: tuple[tuple[str, float], ...],
    **options: Any,
) -> None:
    """Score the trials of a prepared set: by the cosine of model and test embedding, a trained back-end, or a scorer.

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
      svtok score --backend dtw --frames exp/cls/states/eval --data data/my/eval --out exp/cls/dtw.tsv \\
        --norm s-norm --cohort exp/cls/states/train --cohort-data data/my/train --cohort-of classes
      svtok score --scorer exp/cls/scorer --embeddings exp/cls/embeddings/eval --data data/my/eval \\
        --llr speaker --false-accept-rate 0.01 --out exp/cls/llr.tsv
      svtok score --embeddings exp/xvector/eval --trials kaldi/trials --models kaldi/enroll/spk2utt \\
        --out exp/xvector/scores.tsv
    """
    if model_list and not trial_list:
        raise click.UsageError("--models is of --trials; a prepared set has models of its own")
    if scorer is None and (llr or phrase_scores or false_accept_rate or cost):
        raise click.UsageError("--llr, --phrase-scores, --false-accept-rate and --cost are of --scorer")
    if llr is None and (phrase_scores or false_accept_rate or cost):
        raise click.UsageError("--phrase-scores, --false-accept-rate and --cost are of --llr")
    if scorer is not None:
        _refuse_given(*options, "enroll", "takes", "distance")
        if frames and llr not in ("phrase", "together"):
            raise click.UsageError("with --scorer, --frames is of --llr phrase or together")
        if embeddings is None:
            raise click.UsageError("name the embeddings of the set with --embeddings")
        asked = {"false_accept_rate": false_accept_rate, "cost": asked_cost(cost, false_accept_rate)}
        prepared = set_or_list(data, trial_list, model_list)
        _score_by_scorer(scorer, prepared, embeddings, joined_embeddings, llr, frames, phrase_scores, asked, out)
        return
    backend_choice = BackendChoice(**{field.name: options[field.name] for field in fields(BackendChoice)})
    norm_choice = NormChoice(**{field.name: options[field.name] for field in fields(NormChoice)})
    check_enrollment(enroll, joined_embeddings, backend_choice.backend)
    if backend_choice.backend == "dtw":
        if embeddings or enroll or norm_choice.cohort_by != "all":
            raise click.UsageError("--embeddings, --enroll and --cohort-by are of back-ends that compare embeddings")
        if frames is None:
            raise click.UsageError("--backend dtw warps frames: name the features of the set with --frames")
        _score_by_warping(
            set_or_list(data, trial_list, model_list), frames, takes or "mean", distance, norm_choice, out
        )
        return
    if frames or takes or distance:
        raise click.UsageError("--frames, --takes and --distance are of --backend dtw")
    if embeddings is None:
        raise click.UsageError("name the embeddings of the set with --embeddings")

    from svtok.embeddings.store import read_embeddings
    from svtok.scoring.scorer import Scorer
    from svtok.scoring.scores import write_scores
    from svtok.scoring.trials import trial_sides

    prepared, of_trials = set_or_list(data, trial_list, model_list), read_embeddings(embeddings)
    sides = trial_sides(prepared, of_trials, read_embeddings(joined_embeddings) if joined_embeddings else None)
    backend, of_backend = backend_choice.fit(of_trials, sides.phrases.tolist())
    norm, of_norm = norm_choice.make(of_trials)
    scores = Scorer(backend, enroll or usual_enrollment(backend_choice.backend), norm).scores(sides)
    write_scores(out, prepared.protocol()[1], scores)
    click.echo(f"{out}: {len(scores)} scores{of_backend}{of_norm}")


def _refuse_given(*names: str) -> None:
    """A usage error where an option is given that a scorer has settled."""
    context = click.get_current_context()
    unset = (click.core.ParameterSource.DEFAULT, None)
    given = [name for name in names if context.get_parameter_source(name) not in unset]
    if given:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise click.UsageError(f"{flags}: settled by --scorer; leave out one or the other")


def _score_by_scorer(
    folder: Path,
    prepared: PreparedSet,
    embeddings: Path,
    joined_embeddings: Path | None,
    llr: Aspect | None,
    frames: Path | None,
    phrase_scores: Path | None,
    asked: dict[str, Any],
    out: Path,
) -> None:
    from svtok.embeddings.store import read_embeddings
    from svtok.errors import SvtokError
    from svtok.scoring.scores import write_scores
    from svtok.scoring.store import load_scorer
    from svtok.scoring.trials import trial_sides

    scorer, of_trials = load_scorer(folder), read_embeddings(embeddings)
    scorer.refuse_other(of_trials.network_hash, str(embeddings))
    check_enrollment(scorer.scorer.enrollment, joined_embeddings, "plda")
    joined = read_embeddings(joined_embeddings) if joined_embeddings else None
    threshold = scorer.threshold(llr, **asked) if llr else None
    scores = scorer.scorer.scores(trial_sides(prepared, of_trials, joined))
    trials = prepared.protocol()[1]
    if llr is None or threshold is None:
        write_scores(out, trials, scores)
        click.echo(f"{out}: {len(scores)} scores by {folder}")
        return
    takes = scorer.warping.takes if scorer.warping and frames else None
    kept = scorer.warping.cohort if scorer.warping else None
    of_phrase, warping = scores_of_phrase(prepared, frames, takes, phrase_scores, scorer.network, lambda _: kept)
    if of_phrase is not None and warping != scorer.warping:
        how = f"layer {scorer.warping.layer} of --frames" if scorer.warping else "--phrase-scores"
        raise SvtokError(f"{folder}: was fitted with scores of the phrase from {how}; give such ones")
    ratios = scorer.llr(scores, of_phrase, of=llr)
    write_scores(out, trials, ratios)
    accepted = int((ratios >= threshold.value).sum())
    click.echo(
        f"{out}: {len(ratios)} log likelihood ratios of '{llr}' by {folder}\n"
        f"accepted: {accepted} from {threshold.value:.4g} on ({threshold.reason}), where the trials of the fit have "
        f"{100 * threshold.false_accept_rate:.2f} % false accepts and {100 * threshold.false_reject_rate:.2f} % misses"
    )
    if threshold.note:
        click.echo(f"note: {threshold.note}")


def _score_by_warping(
    prepared: PreparedSet, folder: Path, takes: Takes, distance: Distance | None, norm_choice: NormChoice, out: Path
) -> None:
    from svtok.embeddings.states import are_posteriors, open_frames
    from svtok.scoring.scores import write_scores
    from svtok.scoring.warping import score_by_warping

    frames = open_frames(folder)
    if distance == "log-product" and not are_posteriors(frames):
        raise click.UsageError(f"--distance log-product is of phone posteriors, which {folder} does not hold")
    cohort, of_norm = norm_choice.make_warping(frames)
    usual: Distance = "log-product" if are_posteriors(frames) else "cosine"
    scores = score_by_warping(prepared, frames, takes=takes, distance=distance or usual, cohort=cohort)
    write_scores(out, prepared.protocol()[1], scores)
    click.echo(f"{out}: {len(scores)} scores by warping {folder}{of_norm}")


@click.command("score-phrases")
@network_option("a trained network whose classes are of phrases")
@data_option("eval")
@features_option
@scores_out_option
@device_option
@makes("out", format=FORMAT, reads=features_read)
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
    write_scores(out, prepared.protocol()[1], scores)
    click.echo(f"{out}: {len(scores)} scores of the phrases")
