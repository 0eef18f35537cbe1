"""PLDA, AS-norm and calibration on numpy arrays, in scikit-learn's manner.

`fit` returns the object itself, and what was learnt is in attributes that end in an underscore. Embeddings and scores
may be those of any toolkit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from svtok.embeddings.enroll import Enrolled
from svtok.errors import SvtokError
from svtok.metrics import Cost
from svtok.scoring.backend import Backend, BackendConfig, Cosine, Enrollment
from svtok.scoring.decision import Decision, Threshold, decided
from svtok.scoring.fitted import FittedScorer
from svtok.scoring.fusion import fit_fusion
from svtok.scoring.normalise import Cohort, Norm
from svtok.scoring.scorer import Scorer


class Fitted(Protocol):
    """A back-end that was fitted, for `AsNorm`."""

    @property
    def backend_(self) -> Backend:
        """What compares rows of models and tests."""

    @property
    def enrollment_(self) -> Enrollment:
        """How several takes become a model."""


class Plda:
    """Probabilistic linear discriminant analysis: the two-covariance model, after LDA and length normalisation.

    N. Brummer, E. de Villiers, "The speaker partitioning problem", Odyssey 2010. `svtok.scoring.plda`
    has the equations.

    Attributes:
        classes_: the labels that it was fitted on, sorted.
        backend_: the model.

    Example:
        >>> random = np.random.default_rng(0)
        >>> speakers = random.normal(size=(20, 8))
        >>> y = np.repeat(np.arange(20), 10)
        >>> x = speakers[y] + 0.3 * random.normal(size=(200, 8))
        >>> plda = Plda().fit(x, y)
        >>> ratios = plda.score([x[:3], x[10:13]], x[[5, 15]])  # two models of three takes each, two tests
        >>> ratios.round(1)
        array([[   6.3, -115.4],
               [ -97.1,    9.4]], dtype=float32)
    """

    enrollment_: Enrollment = "by-the-book"

    def __init__(
        self, *, lda_dim: int | None = None, shrinkage: float = 0.1, length_norm: bool = True, parts: int = 1
    ) -> None:
        """Args:
        lda_dim: directions that LDA keeps; None: all that there are.
        shrinkage: the part of the covariance within classes that is made the same in all directions, 0 to 1.
        length_norm: whether vectors are divided by their length after LDA.
        parts: of an embedding, side by side and of one length, such as the streams of a network; each has a model of
            its own, and the score is the mean of theirs.
        """
        self.lda_dim = lda_dim
        self.shrinkage = shrinkage
        self.length_norm = length_norm
        self.parts = parts

    def fit(self, x: ArrayLike, y: ArrayLike) -> Plda:
        """Fit the model, and return it.

        Args:
            x: embeddings (N, D).
            y: the speaker of each, or any other label (N,).

        Raises:
            SvtokError: the arrays do not fit together, or hold NaN or infinity; a parameter is out of its range; there
                are not two labels, some of which stand for several embeddings.
        """
        vectors, labels = _embeddings(x), np.asarray(y)
        if labels.shape != (len(vectors),):
            raise SvtokError(f"{len(vectors)} embeddings need as many labels, not an array of shape {labels.shape}")
        if not 0 <= self.shrinkage <= 1:
            raise SvtokError(f"the shrinkage is between 0 and 1, not {self.shrinkage}")
        self.classes_, codes = np.unique(labels, return_inverse=True)
        if self.parts < 1:
            raise SvtokError(f"an embedding has 1 part or more, not {self.parts}")
        config = BackendConfig(
            name="plda",
            lda_dim=self.lda_dim,
            shrinkage=self.shrinkage,
            length_norm=self.length_norm,
            parts=self.parts,
        )
        self.backend_ = config.fit(vectors, codes)
        self.n_features_in_ = vectors.shape[1]
        return self

    def score(self, models: Sequence[ArrayLike], tests: ArrayLike) -> NDArray[np.float32]:
        """The natural-log likelihood ratios (M, T) of each model with each test.

        Args:
            models: M models, each by the embeddings of its takes (n, D), or of the only one (D,).
            tests: the embeddings of T tests (T, D), or of one (D,).

        Raises:
            SvtokError: it was not fitted, or an embedding is not finite or has other dimensions.
        """
        _refuse_unfitted(self, "backend_")
        return FittedScorer(Scorer(self.backend_, self.enrollment_), "", self.n_features_in_).raw(models, tests)


class AsNorm:
    """Adaptive symmetric score normalisation: by the highest scores of model and test against a cohort.

    P. Matejka et al., "Analysis of score normalization in multilingual speaker recognition", Interspeech 2017.

    Attributes:
        cohort_: its embeddings (C, D).

    Example:
        >>> random = np.random.default_rng(0)
        >>> cohort = random.normal(size=(50, 4))
        >>> norm = AsNorm(top=20).fit(cohort)
        >>> norm.score([[1.0, 0, 0, 0]], [[1.0, 0.1, 0, 0], [-1.0, 0, 0.1, 0]]).round(1)
        array([[ 2.5, -7.3]], dtype=float32)
    """

    def __init__(self, backend: Fitted | None = None, *, top: int | None = 300) -> None:
        """Args:
        backend: what scores, such as a fitted `Plda`; None: the cosine.
        top: how many of the highest scores against the cohort count; None: all of them (S-norm).
        """
        self.backend = backend
        self.top = top

    def fit(self, x: ArrayLike) -> AsNorm:
        """Take the embeddings (C, D) of other speakers as the cohort, and return the object.

        Raises:
            SvtokError: they hold NaN or infinity, or are fewer than `top` or than 2.
        """
        vectors = _embeddings(x)
        least = 2 if self.top is None else self.top
        if least < 2 or len(vectors) < least:
            raise SvtokError(
                f"the {least} highest scores cannot be taken of a cohort of {len(vectors)}: name a top from 2 to that"
            )
        self.cohort_ = vectors
        members = Enrolled(vectors, np.ones(len(vectors), np.intp))
        backend = self.backend.backend_ if self.backend else Cosine()
        enrollment: Enrollment = self.backend.enrollment_ if self.backend else "mean-embedding"
        scorer = Scorer(backend, enrollment, Norm(Cohort(members), self.top))
        self.scorer_ = FittedScorer(scorer, "", vectors.shape[1])
        return self

    def score(self, models: Sequence[ArrayLike], tests: ArrayLike) -> NDArray[np.float32]:
        """The normalised scores (M, T) of each model with each test.

        Args:
            models: M models, each by the embeddings of its takes (n, D), or of the only one (D,).
            tests: the embeddings of T tests (T, D), or of one (D,).

        Raises:
            SvtokError: it was not fitted, or an embedding is not finite or has other dimensions.
        """
        _refuse_unfitted(self, "scorer_")
        return self.scorer_.raw(models, tests)


class Calibration:
    """Scores as natural-log likelihood ratios, by prior-weighted logistic regression; of several systems, their fusion.

    N. Brummer, J. du Preez, "Application-independent evaluation of speaker detection", CSL 20, 2006.

    Attributes:
        weights_: of the S systems (S,).
        offset_: what is added.

    Example:
        >>> random = np.random.default_rng(0)
        >>> is_target = np.arange(2000) < 1000
        >>> scores = 0.3 + 0.1 * (random.normal(size=2000) + 2.0 * is_target)  # the ratio is 20 * score - 8
        >>> calibration = Calibration(p_target=0.5).fit(scores, is_target)
        >>> calibration.transform([0.3, 0.5]).round(1)
        array([-2.,  2.])
        >>> calibration.threshold(false_accept_rate=0.05).false_reject_rate
        0.376
    """

    def __init__(self, *, c_miss: float = 1, c_fa: float = 1, p_target: float = 0.01) -> None:
        """Args:
        c_miss: cost of a miss.
        c_fa: cost of a false acceptance.
        p_target: probability of a target. The fit is best around the threshold of these.
        """
        self.c_miss = c_miss
        self.c_fa = c_fa
        self.p_target = p_target

    def fit(self, scores: ArrayLike, is_target: ArrayLike) -> Calibration:
        """Fit the calibration, and return it.

        Args:
            scores: of one system (N,), or of S systems (N, S).
            is_target: whether each trial is one of the speaker's own, booleans (N,).

        Raises:
            SvtokError: the arrays do not fit together, or hold NaN or infinity; targets or non-targets are missing; the
                targets do not score higher, or a system's scores add nothing to the others'; costs are not positive or
                the probability is not between 0 and 1.
        """
        given = self._columns(scores)
        labels = np.asarray(is_target)
        if labels.shape != (len(given),) or not np.isin(labels, (0, 1)).all():
            raise SvtokError(f"{len(given)} scores need as many booleans, not {labels.dtype} of shape {labels.shape}")
        chosen = labels.astype(bool)
        by_type = {"target": given[chosen], "nontarget": given[~chosen]}
        by_type = {name: some for name, some in by_type.items() if len(some)}
        try:
            cost = Cost(self.c_miss, self.c_fa, self.p_target)
        except ValueError as error:
            raise SvtokError(str(error)) from None
        names = [f"system {number}" for number in range(1, given.shape[1] + 1)]
        self.decision_: Decision = decided(by_type, fit_fusion(by_type, names, rule="linear", shares=None, cost=cost))
        (part,) = self.decision_.fusion.parts
        self.weights_, self.offset_ = np.array(part.weights), part.offset
        return self

    def transform(self, scores: ArrayLike) -> NDArray[np.float64]:
        """The natural-log likelihood ratios (N,) of scores (N,), or (N, S) as in the fit.

        Raises:
            SvtokError: it was not fitted, or the scores are of another number of systems, or hold NaN or infinity.
        """
        _refuse_unfitted(self, "decision_")
        given = self._columns(scores)
        if given.shape[1] != len(self.weights_):
            raise SvtokError(f"it was fitted on the scores of {len(self.weights_)} systems, not of {given.shape[1]}")
        return self.decision_.fusion.llr(given)

    def threshold(self, *, false_accept_rate: float | None = None, cost: Cost | None = None) -> Threshold:
        """From which log likelihood ratio on to accept; see `svtok.scoring.decision.Decision.threshold`."""
        _refuse_unfitted(self, "decision_")
        return self.decision_.threshold(false_accept_rate=false_accept_rate, cost=cost)

    def _columns(self, scores: ArrayLike) -> NDArray[np.float64]:
        """Scores (N,) or (N, S) as (N, S)."""
        given = np.asarray(scores, np.float64)
        given = given[:, None] if given.ndim == 1 else given
        if given.ndim != 2 or not given.size:
            raise SvtokError(f"scores have the shape (N,) or (N, systems), not {given.shape}")
        if not np.isfinite(given).all():
            raise SvtokError("a score is NaN or infinite")
        return given


def _embeddings(x: ArrayLike) -> NDArray[np.float32]:
    """The embeddings (N, D), checked."""
    vectors = np.asarray(x, np.float32)
    if vectors.ndim != 2 or not vectors.size:
        raise SvtokError(f"embeddings have the shape (N, D), not {vectors.shape}")
    if not np.isfinite(vectors).all():
        raise SvtokError("an embedding holds NaN or infinity")
    return vectors


def _refuse_unfitted(estimator: object, attribute: str) -> None:
    if not hasattr(estimator, attribute):
        raise SvtokError(f"this {type(estimator).__name__} is not fitted: call its fit first")
