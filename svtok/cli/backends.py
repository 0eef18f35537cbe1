"""The options of back-ends and of score normalisation, which `svtok score` and `svtok fit-scorer` share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from svtok.cli.options import together
from svtok.cli.values import AT_LEAST_ONE, FOLDER, SHARE

if TYPE_CHECKING:
    from svtok.embeddings.states import FrameStates
    from svtok.embeddings.store import Embeddings
    from svtok.features.store import FeatureStore
    from svtok.manifest.sets import PreparedSet
    from svtok.scoring.backend import Backend, Enrollment
    from svtok.scoring.decision import Array
    from svtok.scoring.fitted import Warping
    from svtok.scoring.normalise import CohortOf, Norm
    from svtok.scoring.warping import KeptCohort, Takes, WarpingCohort

USUAL_TOP = 300

enroll_options = together(
    click.option(
        "--enroll",
        type=click.Choice(["mean-embedding", "mean-score", "joined-audio", "by-the-book"]),
        show_default="mean-embedding; with plda by-the-book",
        help="A model is the mean of its utterances' embeddings; or its score is the mean of those of each; or it has "
        "one embedding of its utterances one after the other; or (plda) a class of which so many utterances are known.",
    ),
    click.option(
        "--joined-embeddings",
        type=FOLDER,
        help="Folder that `svtok extract-embeddings --joined-models` wrote, for --enroll joined-audio.",
    ),
)
"""--enroll and --joined-embeddings."""


def usual_enrollment(backend: str) -> Enrollment:
    """What --enroll is where it is not given."""
    return "by-the-book" if backend == "plda" else "mean-embedding"


def check_enrollment(enroll: Enrollment | None, joined_embeddings: Path | None, backend: str) -> None:
    """Refuse an enrollment that the back-end has not, or that lacks its embeddings."""
    if enroll == "by-the-book" and backend != "plda":
        raise click.UsageError(f"--enroll by-the-book counts utterances, as --backend plda does; {backend} does not")
    if enroll == "joined-audio" and not joined_embeddings:
        raise click.UsageError("--enroll joined-audio needs the embeddings of joined utterances: --joined-embeddings")
    if enroll != "joined-audio" and joined_embeddings:
        raise click.UsageError("--joined-embeddings is of --enroll joined-audio")


takes_option = click.option(
    "--takes",
    type=click.Choice(["mean", "best"]),
    show_default="mean",
    help="Where --frames are warped: the score is the mean of those of the enrolled takes, or the best of them.",
)


def scores_of_phrase(
    prepared: PreparedSet,
    frames: Path | None,
    takes: Takes | None,
    scores: Path | None,
    network: str,
    cohort: Callable[[FrameStates], KeptCohort | None],
) -> tuple[Array | None, Warping | None]:
    """What --frames and --takes, or --phrase-scores, give: a score of the phrase of each trial (N,), and how it came.

    `network` is the hash of the network whose states are to be warped, `cohort` gives what normalises their scores.
    """
    from svtok.embeddings.states import FrameStates, open_frames
    from svtok.errors import SvtokError
    from svtok.scoring.fitted import Warping
    from svtok.scoring.scores import read_scores, scores_of_trials
    from svtok.scoring.warping import WarpingCohort, score_by_warping

    if frames and scores:
        raise click.UsageError("--frames and --phrase-scores are two ways to score the phrase; give one of them")
    if takes and not frames:
        raise click.UsageError("--takes is of --frames")
    if scores:
        trials_of = f"the trials of {prepared.folder}"
        return scores_of_trials(read_scores(scores), prepared.protocol()[1], path=scores, trials_of=trials_of), None
    if not frames:
        return None, None
    states = open_frames(frames)
    if not isinstance(states, FrameStates) or states.about.network != network:
        kind = "states of another network" if isinstance(states, FrameStates) else "features"
        raise SvtokError(
            f"{frames}: holds {kind}; a scorer warps the states of the network whose embeddings it scores: make them "
            "with `svtok extract-embeddings --frame-states`, or give other scores of the phrase with --phrase-scores"
        )
    warping = Warping(states.about.layer, takes or "mean", cohort(states))
    kept = WarpingCohort(warping.cohort, warping.cohort.utts) if warping.cohort else None
    return score_by_warping(prepared, states, takes=warping.takes, cohort=kept).astype("f8"), warping


frames_cohort_options = together(
    click.option(
        "--frames-cohort",
        type=FOLDER,
        help="Frame states of other recordings, by which the scores of --frames are normalised (S-norm); of one "
        "second each they cost the least.",
    ),
    click.option("--frames-cohort-data", type=FOLDER, help="Their prepared set: one of each speaker's each phrase."),
    click.option(
        "--frames-cohort-size",
        type=click.IntRange(min=2),
        default=40,
        show_default=True,
        help="Recordings of --frames-cohort that are drawn and kept in the scorer.",
    ),
)
"""--frames-cohort and what belongs to it."""


def kept_cohort(folder: Path | None, data: Path | None, size: int, of_trials: FrameStates) -> KeptCohort | None:
    """What the options --frames-cohort give, if they are given: the same recordings each time."""
    import numpy as np

    from svtok.embeddings.states import open_frames, refuse_other_kind
    from svtok.embeddings.takes import unit_rows
    from svtok.manifest.sets import read_set
    from svtok.scoring.warping import KeptCohort, WarpingCohort, cohort_recordings, refuse_unfit

    if folder is None:
        return None
    frames = open_frames(folder)
    refuse_other_kind(frames, of_trials)
    utts = cohort_recordings(read_set(data).utterances, "classes") if data else sorted(frames.utts)
    if size < len(utts):
        utts = sorted(np.random.default_rng(0).choice(utts, size, replace=False).tolist())
    refuse_unfit(WarpingCohort(frames, utts), set(of_trials.utts))
    return KeptCohort(tuple(unit_rows(frames[utt]) for utt in utts))


backend_options = together(
    click.option(
        "--backend",
        type=click.Choice(["cosine", "lda", "plda", "dtw"]),
        default="cosine",
        show_default=True,
        help="lda: the cosine after LDA. plda: log-likelihood ratio of the two-covariance model, after LDA. dtw: how "
        "well the test can be warped in time onto the enrolled takes; knows any phrase, trained or not.",
    ),
    click.option("--backend-train", type=FOLDER, help="Folder of embeddings to train it on, of the network."),
    click.option(
        "--backend-data",
        type=FOLDER,
        help="Prepared set of these, with their speakers and phrases; or Kaldi's: a folder with utt2spk.",
    ),
    click.option(
        "--backend-by",
        type=click.Choice(["all", "phrase"]),
        default="all",
        show_default=True,
        help="phrase: a back-end for each phrase; that of the model's phrase scores the trial.",
    ),
    click.option(
        "--backend-classes",
        type=click.Choice(["speaker", "speaker-phrase"]),
        show_default="speaker-phrase; by phrase, the speakers that say it",
        help="What it learns to separate.",
    ),
    click.option("--lda-dim", type=AT_LEAST_ONE, show_default="all", help="Dimensions that LDA keeps."),
    click.option(
        "--shrinkage",
        type=SHARE,
        show_default="0.1; by phrase 0.8",
        help="Part of the covariance within classes that is made the same in all directions.",
    ),
    click.option(
        "--length-norm/--no-length-norm",
        default=None,
        show_default="length-norm",
        help="Divide vectors by their length between LDA and PLDA.",
    ),
    click.option(
        "--parts",
        type=AT_LEAST_ONE,
        show_default="network.streams of the network",
        help="Parts of one length that an embedding has side by side: each has a back-end and a normalisation of its "
        "own, and the score is the mean of theirs.",
    ),
)
"""The options that are the fields of BackendChoice."""


@dataclass(frozen=True)
class BackendChoice:
    """The back-end asked for."""

    backend: str
    backend_train: Path | None
    backend_data: Path | None
    backend_by: str
    backend_classes: str | None
    lda_dim: int | None
    shrinkage: float | None
    length_norm: bool | None
    parts: int | None

    def __post_init__(self) -> None:
        """Refuse options that lack another one, or would do nothing."""
        chosen = (self.backend_train, self.backend_data, self.backend_classes, *self._fields().values())
        if self.backend in ("cosine", "dtw"):
            if any(one is not None for one in chosen) or self.backend_by != "all":
                raise click.UsageError(
                    "--backend-..., --lda-dim, --shrinkage, --length-norm and --parts are of a trained back-end: "
                    "choose one with --backend"
                )
        elif self.backend_train is None or self.backend_data is None:
            raise click.UsageError(
                f"--backend {self.backend} is trained: name embeddings with --backend-train and their prepared set "
                "with --backend-data"
            )
        if self.backend == "lda" and self.length_norm is not None:
            raise click.UsageError("--length-norm is of --backend plda; the cosine after LDA has no lengths")
        if self.backend_by == "phrase" and self.backend_classes:
            raise click.UsageError("--backend-by phrase separates speakers; --backend-classes is of --backend-by all")

    def _fields(self) -> dict[str, float | None]:
        """What was given of `BackendConfig`; None: its default."""
        return {
            "lda_dim": self.lda_dim,
            "shrinkage": self.shrinkage,
            "length_norm": self.length_norm,
            "parts": self.parts,
        }

    def fit(
        self, of_trials: Embeddings, phrases: list[str], *, every_phrase: bool = False
    ) -> tuple[Backend | dict[str, Backend], str]:
        """The back-end, or that of each of the phrases (and of every other that can have one), and a word on it."""
        from svtok.embeddings.store import read_embeddings
        from svtok.errors import SvtokError
        from svtok.manifest.kaldi.listed import read_labels
        from svtok.scoring.backend import BackendConfig, Cosine, fit_backend, fit_phrase_backends, fittable_phrases
        from svtok.scoring.normalise import refuse_unfit

        if self.backend_train is None or self.backend_data is None:
            return Cosine(), ""
        train, utterances = read_embeddings(self.backend_train), read_labels(self.backend_data)
        refuse_unfit(train, of_trials, "training set of the back-end")
        if train.parts > 1 and self.parts and train.parts % self.parts:
            raise SvtokError(
                f"{self.backend_train}: embeddings of {train.parts} streams are no {self.parts} parts: name a "
                f"--parts that divides {train.parts}, or none"
            )
        given = {"parts": train.parts} | {name: value for name, value in self._fields().items() if value is not None}
        config = BackendConfig.model_validate({"name": self.backend, **given})
        note = f", {self.backend} trained on {len(utterances)} utterances"
        if self.backend_by == "phrase":
            phrases = phrases + fittable_phrases(utterances) if every_phrase else phrases
            return fit_phrase_backends(config, train, utterances, phrases), f"{note}, for each phrase"
        by_phrase = self.backend_classes != "speaker"
        return fit_backend(config, train, utterances, "speaker-phrase" if by_phrase else "speaker"), note


norm_options = together(
    click.option(
        "--norm",
        type=click.Choice(["s-norm", "as-norm"]),
        help="Normalise the scores by those against a cohort: all of it, or the highest of each model and test.",
    ),
    click.option(
        "--cohort",
        type=FOLDER,
        help="Folder of the cohort's embeddings, of the same network; with --backend dtw, of its frames.",
    ),
    click.option(
        "--top",
        type=click.IntRange(min=2),
        show_default=str(USUAL_TOP),
        help="Highest scores that as-norm takes.",
    ),
    click.option(
        "--cohort-data",
        type=FOLDER,
        help="Prepared set of the cohort: its speakers and phrases; or Kaldi's: a folder with utt2spk.",
    ),
    click.option(
        "--cohort-of",
        type=click.Choice(["utterances", "speakers", "classes"]),
        default="utterances",
        show_default=True,
        help="Members of the cohort: each utterance, or each speaker, or each speaker's each phrase; with dtw the "
        "first recording of each.",
    ),
    click.option(
        "--cohort-by",
        type=click.Choice(["all", "phrase"]),
        default="all",
        show_default=True,
        help="phrase: a trial is normalised by the members that say the phrase of its model.",
    ),
)
"""The options that are the fields of NormChoice."""


@dataclass(frozen=True)
class NormChoice:
    """The normalisation asked for, if any."""

    norm: str | None
    cohort: Path | None
    top: int | None
    cohort_data: Path | None
    cohort_of: CohortOf
    cohort_by: str

    def __post_init__(self) -> None:
        """Refuse options that lack another one, or would do nothing."""
        of_data = self.cohort_of != "utterances" or self.cohort_by != "all"
        if self.norm and not self.cohort:
            raise click.UsageError(f"--norm {self.norm} needs a cohort: name its embeddings with --cohort")
        if not self.norm and (self.cohort or self.top or self.cohort_data or of_data):
            raise click.UsageError("--cohort, --cohort-... and --top are of a normalisation: choose one with --norm")
        if self.norm == "s-norm" and self.top:
            raise click.UsageError("s-norm takes all scores of the cohort; --top is of --norm as-norm")
        if not self.cohort_data and of_data:
            raise click.UsageError(
                "speakers and phrases of the cohort are those of its prepared set: name it with --cohort-data"
            )

    def make(self, of_trials: Embeddings) -> tuple[Norm | None, str]:
        """The normalisation, and a word on it."""
        from svtok.embeddings.store import read_embeddings
        from svtok.manifest.kaldi.listed import read_labels
        from svtok.scoring.normalise import Norm, make_cohort, refuse_unfit

        if self.cohort is None:
            return None, ""
        of_cohort = read_embeddings(self.cohort)
        refuse_unfit(of_cohort, of_trials)
        utterances = read_labels(self.cohort_data) if self.cohort_data else None
        members = make_cohort(of_cohort, utterances, of=self.cohort_of)
        top = (self.top or USUAL_TOP) if self.norm == "as-norm" else None
        note = f", {self.norm} by {len(members)} {self.cohort_of}" + (f", top {top}" if top else "")
        return Norm(members, top, self.cohort_by == "phrase"), note

    def make_warping(self, of_trials: FrameStates | FeatureStore) -> tuple[WarpingCohort | None, str]:
        """The recordings by which scores of warping are normalised, if they are, and a word on it."""
        from svtok.embeddings.states import open_frames, refuse_other_kind
        from svtok.manifest.sets import read_set
        from svtok.scoring.warping import WarpingCohort, cohort_recordings

        if self.cohort is None:
            return None, ""
        frames = open_frames(self.cohort)
        refuse_other_kind(frames, of_trials)
        utts = frames.utts
        if self.cohort_data:
            utts = cohort_recordings(read_set(self.cohort_data).utterances, self.cohort_of)
        top = (self.top or USUAL_TOP) if self.norm == "as-norm" else None
        note = f", {self.norm} by {len(utts)} recordings" + (f", top {top}" if top else "")
        return WarpingCohort(frames, utts, top), note
