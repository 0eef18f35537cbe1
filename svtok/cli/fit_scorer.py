"""svtok fit-scorer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from svtok.cli.backends import (
    BackendChoice,
    NormChoice,
    backend_options,
    check_enrollment,
    enroll_options,
    frames_cohort_options,
    kept_cohort,
    norm_options,
    scores_of_phrase,
    takes_option,
    usual_enrollment,
)
from svtok.cli.fresh import always, makes
from svtok.cli.options import data_option, fitted_for_options
from svtok.cli.values import FILE, FOLDER
from svtok.scoring import FORMAT

if TYPE_CHECKING:
    from svtok.scoring.backend import Enrollment
    from svtok.scoring.fitted import FittedScorer
    from svtok.scoring.warping import Takes


@click.command("fit-scorer")
@click.option("--embeddings", type=FOLDER, required=True, help="Folder of the embeddings of --data.")
@data_option("dev")
@click.option("--out", type=FOLDER, required=True, help="Folder of the scorer, such as exp/NAME/scorer.")
@click.option(
    "--frames",
    type=FOLDER,
    help="Folder of the frame states of --data, by the same network: phrase, and speaker and phrase together, are "
    "decided by warping these.",
)
@takes_option
@frames_cohort_options
@click.option(
    "--phrase-scores",
    type=FILE,
    help="In place of --frames: scores of the phrase for the same trials, such as those of score-phrases.",
)
@click.option(
    "--network",
    type=FOLDER,
    help="Write it for this network in place of the one that made --embeddings: one of the same recipe that also heard "
    "the speakers of --data, on whom it cannot be calibrated itself.",
)
@enroll_options
@backend_options
@norm_options
@fitted_for_options
@makes("out", format=FORMAT, shows=always)
def fit_scorer(
    embeddings: Path,
    data: Path,
    out: Path,
    frames: Path | None,
    takes: Takes | None,
    frames_cohort: Path | None,
    frames_cohort_data: Path | None,
    frames_cohort_size: int,
    phrase_scores: Path | None,
    network: Path | None,
    enroll: Enrollment | None,
    joined_embeddings: Path | None,
    nontargets: Sequence[tuple[str, float]],
    c_miss: float,
    c_fa: float,
    p_target: float,
    **options: Any,
) -> None:
    """Fit all that scores a network's embeddings once: back-end, cohort, and calibration on a set that is not
    evaluated, such as dev. `svtok score --scorer` scores by it, with the options as they are here.

    What it decides is calibrated for itself, as far as the trials have these types: the speaker (TC against IC), the
    phrase (TC against TW, by --frames or --phrase-scores), and both together (TC against all; --nontargets says
    how these are expected to come). It holds how the ratios of the trials are spread, so that a threshold is found
    for any false-accept rate that they can show, or for any cost.

    \b
    Example:
      svtok fit-scorer --embeddings exp/cls/embeddings/dev --data data/my/dev --out exp/cls/scorer
      svtok fit-scorer --embeddings exp/cls/embeddings/dev --data data/my/dev --out exp/cls/scorer \\
        --backend plda --backend-train exp/cls/embeddings/train --backend-data data/my/train \\
        --norm as-norm --top 200 --cohort exp/cls/embeddings/train --frames exp/cls/states/dev
      svtok fit-scorer --embeddings exp/heldout/embeddings/dev --data data/my/dev --network exp/all --out exp/all/scorer
    """
    backend_choice = BackendChoice(**{field.name: options[field.name] for field in fields(BackendChoice)})
    norm_choice = NormChoice(**{field.name: options[field.name] for field in fields(NormChoice)})
    check_enrollment(enroll, joined_embeddings, backend_choice.backend)
    if (frames_cohort and not frames) or (frames_cohort_data and not frames_cohort):
        raise click.UsageError("--frames-cohort is of --frames, and --frames-cohort-data of --frames-cohort")
    if backend_choice.backend == "dtw":
        raise click.UsageError("--backend dtw scores phrases, without a fit: name the frame states with --frames")

    from svtok.embeddings.store import read_embeddings
    from svtok.manifest.sets import read_set
    from svtok.metrics import Cost
    from svtok.report.calibration import decisions_text
    from svtok.scoring.fitted import calibrated
    from svtok.scoring.scorer import Scorer
    from svtok.scoring.store import write_scorer
    from svtok.scoring.trials import trial_sides

    prepared, of_trials = read_set(data), read_embeddings(embeddings)
    joined = read_embeddings(joined_embeddings) if joined_embeddings else None
    sides = trial_sides(prepared, of_trials, joined)
    backend, of_backend = backend_choice.fit(of_trials, sides.phrases.tolist(), every_phrase=True)
    norm, of_norm = norm_choice.make(of_trials)
    cohort = partial(kept_cohort, frames_cohort, frames_cohort_data, frames_cohort_size)
    of_phrase, warping = scores_of_phrase(prepared, frames, takes, phrase_scores, of_trials.network_hash, cohort)
    fitted, by_type = calibrated(
        Scorer(backend, enroll or usual_enrollment(backend_choice.backend), norm),
        sides,
        prepared,
        network=of_trials.network_hash,
        cost=Cost(c_miss=c_miss, c_fa=c_fa, p_target=p_target),
        shares=dict(nontargets) or None,
        phrase_scores=of_phrase,
        warping=warping,
    )
    if network is not None:
        fitted = replace(fitted, network=_of_same_kind(network, fitted))
    write_scorer(out, fitted)
    of_network = f", for {network}" if network else ""
    click.echo(f"{out}: {backend_choice.backend}{of_backend}{of_norm}, calibrated on {data}{of_network}\n")
    click.echo(decisions_text(fitted.decisions, by_type))


def _of_same_kind(network: Path, fitted: FittedScorer) -> str:
    """The hash of a network whose embeddings a scorer can take. Raises SvtokError where it cannot, or keeps others'."""
    from svtok.errors import SvtokError
    from svtok.nets.network import FEATURES
    from svtok.scoring.backend import Cosine
    from svtok.trained.folder import load_network

    trained = load_network(network)
    dim = trained.config.network.test_dim
    if dim != fitted.dim:
        raise SvtokError(f"{network}: embeddings of {dim} dimensions, where --embeddings have {fitted.dim}")
    states_of_own = fitted.warping is not None and fitted.warping.layer != FEATURES
    if fitted.scorer.norm or fitted.scorer.backend != Cosine() or states_of_own:
        raise SvtokError(
            "another network's embeddings lie elsewhere than those of --embeddings: with --network, a scorer is by the "
            "cosine, without --norm, and --frames are its features (svtok extract-embeddings --layer features)"
        )
    return trained.hash
