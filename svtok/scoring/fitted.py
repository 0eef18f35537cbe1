"""A fitted scorer: it scores a network's embeddings, and makes log likelihood ratios and decisions of the scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from svtok.embeddings.enroll import Enrolled
from svtok.errors import SvtokError
from svtok.metrics import Cost
from svtok.scoring.decision import PHRASE_SCORES, Aspect, Decision, Threshold, fit_decisions
from svtok.scoring.fusion import split_by_type
from svtok.scoring.scorer import Scorer
from svtok.scoring.trials import TrialSides
from svtok.scoring.warping import KeptCohort, Takes, normalise_onto_voices, warp_onto_voices

if TYPE_CHECKING:
    from svtok.manifest.sets import PreparedSet


class Heard(Protocol):
    """A recording as frames (T, D), and its costs against the cohort (C,): `Warping.costs` of them."""

    @property
    def states(self) -> NDArray[np.float32]: ...

    @property
    def costs(self) -> NDArray[np.float32]: ...


@dataclass(frozen=True)
class Warping:
    """How the phrase is scored where frame states of the scorer's own network are warped (`svtok.scoring.warping`)."""

    layer: int
    """How many layers of its encoder the states have been through; -1: they are the features that it reads."""
    takes: Takes
    """What becomes of the costs of several enrolled takes."""
    cohort: KeptCohort | None = field(default=None, compare=False)
    """The recordings by which the scores are normalised (S-norm); None: they are not."""

    def costs(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Of an utterance (T, D) against the cohort: (C,), which is (0,) where there is none."""
        return np.empty(0, np.float32) if self.cohort is None else self.cohort.costs(frames)

    def scores(self, voices: Sequence[Sequence[Heard]], test: Heard) -> NDArray[np.float32]:
        """The scores of the phrase (M,) of one test with M voices, each of one or more takes."""
        scores = warp_onto_voices([[take.states for take in voice] for voice in voices], test.states, self.takes)
        if self.cohort is None:
            return scores
        costs = [[take.costs for take in voice] for voice in voices]
        return normalise_onto_voices(scores, costs, test.costs, self.takes)


@dataclass(frozen=True)
class FittedScorer:
    """How the embeddings (D,) of one network are scored, and what its scores decide; `svtok fit-scorer` makes one.

    It may be used by several threads at once.

    Example:
        >>> from svtok.scoring.backend import Cosine
        >>> scorer = FittedScorer(Scorer(Cosine()), network="any", dim=2)
        >>> takes = [[1.0, 0.0], [0.0, 1.0]]  # two takes enroll the one model
        >>> scorer.raw([takes], [[2.0, 2.0], [1.0, 0.0]]).round(3)
        array([[1.   , 0.707]], dtype=float32)
    """

    scorer: Scorer
    """Back-end, enrollment and normalisation."""
    network: str
    """SHA-256 of the weights of the network whose embeddings it was fitted on."""
    dim: int
    """D."""
    decisions: Mapping[Aspect, Decision] = field(default_factory=dict)
    """What it decides."""
    warping: Warping | None = None
    """What scores the phrase; None: nothing, or a file of scores did."""

    @property
    def phrases(self) -> list[str] | None:
        """The phrases that it knows, where back-end or cohort are by phrase; None: it takes models of any."""
        return self.scorer.phrases

    def raw(
        self, models: Sequence[ArrayLike], tests: ArrayLike, phrases: Sequence[str] | None = None
    ) -> NDArray[np.float32]:
        """The scores (M, T) of each model with each test, not calibrated.

        Args:
            models: M models, each by the embeddings of the takes that enroll it (n, D), or of the only one (D,).
            tests: the embeddings of T test utterances (T, D), or of one (D,).
            phrases: of the M models, where the scorer is by phrase.

        Raises:
            SvtokError: an embedding is not finite or has other than D dimensions; the phrase of a model is not known.
        """
        takes = [self._embeddings(model, f"model {place}") for place, model in enumerate(models)]
        test_vectors = self._embeddings(tests, "the tests")
        if not takes:
            raise SvtokError("there is no model to score")
        if phrases is None and self.phrases is not None:
            raise SvtokError("the scorer is by phrase: say which phrase each model is of")
        if phrases is not None and len(phrases) != len(takes):
            raise SvtokError(f"{len(phrases)} phrases for {len(takes)} models")
        model, test = np.indices((len(takes), len(test_vectors)), np.int32)
        sides = TrialSides(
            Enrolled(np.concatenate(takes), np.array([len(some) for some in takes], np.intp)),
            np.array(phrases or [""] * len(takes), object),
            test_vectors,
            model.ravel(),
            test.ravel(),
        )
        return self.scorer.scores(sides).reshape(model.shape)  # (M, T)

    def score(
        self,
        models: Sequence[ArrayLike],
        tests: ArrayLike,
        *,
        of: Aspect = "speaker",
        phrase_scores: ArrayLike | None = None,
        phrases: Sequence[str] | None = None,
    ) -> NDArray[np.float64]:
        """The natural-log likelihood ratios (M, T) of each model with each test.

        Args:
            models: as for `raw`.
            tests: as for `raw`.
            of: what is decided.
            phrase_scores: (M, T), for `together` where the scorer was fitted with scores of the phrase.
            phrases: as for `raw`.

        Raises:
            SvtokError: as `raw` and `llr`.
        """
        return self.llr(self.raw(models, tests, phrases), phrase_scores, of=of)

    def llr(
        self, scores: ArrayLike | None, phrase_scores: ArrayLike | None = None, *, of: Aspect = "speaker"
    ) -> NDArray[np.float64]:
        """Scores as natural-log likelihood ratios.

        Args:
            scores: of the embeddings (`raw`), an array of any shape; `phrase` needs none.
            phrase_scores: of the phrase, of the same shape: what the scorer was fitted with, such as warping of frames.
            of: what is decided.

        Returns:
            An array of that shape.

        Raises:
            SvtokError: the scorer does not decide that, scores that it needs are missing, or the shapes differ.
        """
        decision = self.decision(of)
        needed = [phrase_scores if name == PHRASE_SCORES else scores for name in decision.fusion.scores]
        given = [np.asarray(some, np.float64) for some in needed if some is not None]
        if len(given) < len(needed):
            raise SvtokError(f"'{of}' is decided by {' and '.join(decision.fusion.scores)}: give them")
        if len({some.shape for some in given}) > 1:
            raise SvtokError(f"scores of shape {given[0].shape}, and of the phrase {given[1].shape}")
        stacked = np.stack([some.ravel() for some in given], axis=1)  # (N, S)
        return decision.fusion.llr(stacked).reshape(given[0].shape)

    def threshold(
        self, of: Aspect = "speaker", *, false_accept_rate: float | None = None, cost: Cost | None = None
    ) -> Threshold:
        """From which log likelihood ratio on to accept, by a rate of false acceptances or a cost.

        Args:
            of: what is decided.
            false_accept_rate: as a fraction, among the non-targets of the trials that the scorer was fitted on.
            cost: of errors, and the probability of a target; with neither, that of the fit.

        Raises:
            SvtokError: the scorer does not decide that, or the rate is lower than those trials can show.
        """
        return self.decision(of).threshold(false_accept_rate=false_accept_rate, cost=cost)

    def decision(self, of: Aspect) -> Decision:
        """What decides that aspect. Raises SvtokError where nothing does."""
        if of not in self.decisions:
            known = ", ".join(self.decisions) or "nothing: it was fitted without trials"
            raise SvtokError(f"the scorer does not decide '{of}' (it decides {known}); fit it on trials of that kind")
        return self.decisions[of]

    def refuse_other(self, network: str, what: str) -> None:
        """Raise SvtokError where `what` holds embeddings of another network than the scorer was fitted on."""
        if network != self.network:
            raise SvtokError(
                f"{what}: embeddings of the network {network[:12]}, the scorer was fitted on those of "
                f"{self.network[:12]}: extract them with that network, or fit another scorer with `svtok fit-scorer`"
            )

    def _embeddings(self, given: ArrayLike, what: str) -> NDArray[np.float32]:
        """Embeddings (n, D) or one (D,) as (n, D)."""
        vectors = np.atleast_2d(np.asarray(given, np.float32))
        if vectors.ndim != 2 or vectors.shape[1] != self.dim or not len(vectors):
            raise SvtokError(f"{what}: an array of shape {vectors.shape}, where embeddings are (n, {self.dim})")
        if not np.isfinite(vectors).all():
            raise SvtokError(f"{what}: an embedding holds NaN or infinity")
        return vectors


def calibrated(
    scorer: Scorer,
    sides: TrialSides,
    prepared: PreparedSet,
    *,
    network: str,
    cost: Cost,
    shares: Mapping[str, float] | None = None,
    phrase_scores: NDArray[np.float64] | None = None,
    warping: Warping | None = None,
) -> tuple[FittedScorer, dict[str, NDArray[np.float64]]]:
    """A scorer with the decisions that the trials of a prepared set teach.

    Args:
        scorer: back-end, enrollment and normalisation.
        sides: the trials of the set.
        prepared: a set with models and trials, of speakers that the scorer was not trained on.
        network: the hash of the network that made the embeddings.
        cost: what the decisions are to be best for.
        shares: of the types of non-targets among all, in what is decided of speaker and phrase together.
        phrase_scores: of the phrase, a score a trial (N,).
        warping: what made these, where warping did.

    Returns:
        The fitted scorer, and the scores of each type of trials that it was fitted on (N_type, S).

    Raises:
        SvtokError: the types of the trials are not known, or as `Scorer.scores` and `fit_decisions`.
    """
    columns = [scorer.scores(sides).astype(np.float64), *([] if phrase_scores is None else [phrase_scores])]
    by_type = split_by_type(prepared, np.column_stack(columns))
    decisions = fit_decisions(by_type, cost=cost, shares=shares)
    return FittedScorer(scorer, network, sides.test_vectors.shape[1], decisions, warping), by_type
