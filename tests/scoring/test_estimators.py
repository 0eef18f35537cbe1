"""PLDA, AS-norm and calibration on arrays: the same numbers as the commands', and clear errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from svtok import AsNorm, Calibration, Cost, Plda, SvtokError
from svtok.embeddings.enroll import Enrolled
from svtok.scoring.backend import BackendConfig, Cosine
from svtok.scoring.calibration import fit_affine
from svtok.scoring.normalise import Cohort, Norm
from svtok.scoring.scorer import Scorer
from svtok.scoring.trials import TrialSides

RANDOM = np.random.default_rng(0)
Y = np.repeat(["ann", "bob", "cem", "dee", "eva"], 6)
X = np.repeat(RANDOM.normal(size=(5, 4)), 6, axis=0) + 0.5 * RANDOM.normal(size=(30, 4))
COHORT = RANDOM.normal(size=(20, 4))
MODELS, TESTS = [X[:3], X[6]], X[[4, 10, 16]]


def by_the_engine(scorer: Scorer) -> NDArray[np.float32]:
    """The scores of MODELS and TESTS (2, 3) as `svtok score` computes them."""
    enrolled = Enrolled(np.concatenate([X[:3], X[[6]]]).astype(np.float32), np.array([3, 1]))
    model, test = np.indices((2, 3), np.int32)
    sides = TrialSides(enrolled, np.array(["", ""], object), TESTS.astype(np.float32), model.ravel(), test.ravel())
    return scorer.scores(sides).reshape(2, 3)


def test_plda_scores_as_the_back_end_of_svtok_score() -> None:
    plda = Plda(lda_dim=3, shrinkage=0.2)
    assert plda.fit(X, Y) is plda
    assert plda.classes_.tolist() == ["ann", "bob", "cem", "dee", "eva"]
    backend = BackendConfig(name="plda", lda_dim=3, shrinkage=0.2).fit(X.astype(np.float32), np.repeat(np.arange(5), 6))
    np.testing.assert_allclose(plda.score(MODELS, TESTS), by_the_engine(Scorer(backend, "by-the-book")), rtol=1e-5)


def test_parts_of_an_embedding_are_scored_apart_and_averaged() -> None:
    found = Plda(parts=2).fit(X, Y).score(MODELS, TESTS)
    halves = [
        Plda().fit(X[:, some], Y).score([X[:3, some], X[6, some]], TESTS[:, some]) for some in (slice(2), slice(2, 4))
    ]
    np.testing.assert_allclose(found, np.mean(halves, axis=0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("top", [None, 7])
def test_as_norm_normalises_the_cosine_or_a_fitted_back_end(top: int | None) -> None:
    members = Enrolled(COHORT.astype(np.float32), np.ones(20, np.intp))
    norm = Norm(Cohort(members), top)
    found = AsNorm(top=top).fit(COHORT).score(MODELS, TESTS)
    np.testing.assert_allclose(found, by_the_engine(Scorer(Cosine(), norm=norm)), rtol=1e-5)
    plda = Plda().fit(X, Y)
    found = AsNorm(plda, top=top).fit(COHORT).score(MODELS, TESTS)
    np.testing.assert_allclose(found, by_the_engine(Scorer(plda.backend_, "by-the-book", norm)), rtol=1e-4, atol=1e-5)


def test_a_calibration_is_the_logistic_regression_and_several_systems_are_fused() -> None:
    targets, nontargets = RANDOM.normal(1, 1, (50, 2)), RANDOM.normal(0, 1, (80, 2))
    scores, is_target = np.concatenate([nontargets, targets]), np.arange(130) >= 80
    calibration = Calibration(p_target=0.5)
    assert calibration.fit(scores, is_target) is calibration
    weights, offset = fit_affine(targets, [nontargets], [1], prior=0.5)
    np.testing.assert_allclose(calibration.weights_, weights)
    np.testing.assert_allclose(calibration.transform(scores), scores @ weights + offset)
    single = Calibration(p_target=0.5).fit(scores[:, 0], is_target.astype(int))
    assert single.weights_.shape == (1,)
    assert single.threshold(cost=Cost(1, 1, 0.5)).value == 0
    assert single.threshold(false_accept_rate=0.1).false_accept_rate == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Plda().score(MODELS, TESTS), "this Plda is not fitted: call its fit first"),
        (lambda: AsNorm().score(MODELS, TESTS), "this AsNorm is not fitted"),
        (lambda: Calibration().transform([1.0]), "this Calibration is not fitted"),
        (lambda: Plda().fit(X, Y[:3]), r"30 embeddings need as many labels, not an array of shape \(3,\)"),
        (lambda: Plda().fit(X[0], Y), r"embeddings have the shape \(N, D\), not \(4,\)"),
        (lambda: Plda().fit(np.where(X > 0, X, np.nan), Y), "an embedding holds NaN"),
        (lambda: Plda(shrinkage=2).fit(X, Y), "the shrinkage is between 0 and 1, not 2"),
        (lambda: Plda(parts=0).fit(X, Y), "an embedding has 1 part or more, not 0"),
        (lambda: Plda(parts=3).fit(X, Y), "embeddings of 4 dimensions are not 3 parts of one length"),
        (lambda: Plda().fit(X, np.arange(30)), "several utterances"),
        (lambda: AsNorm().fit(COHORT), "the 300 highest scores cannot be taken of a cohort of 20"),
        (lambda: Plda().fit(X, Y).score(MODELS, np.ones((1, 5))), r"the tests: an array of shape \(1, 5\)"),
        (lambda: Calibration().fit([1.0, 2.0], [True]), r"2 scores need as many booleans, not bool of shape \(1,\)"),
        (lambda: Calibration().fit([1.0, 2.0], [2, 3]), "2 scores need as many booleans, not int64"),
        (lambda: Calibration().fit([1.0, 2.0], [True, True]), "there are no non-target trials"),
        (lambda: Calibration().fit([1.0, 2.0, 3.0], [True, True, False]), "targets do not score higher"),
        (lambda: Calibration().fit([1.0, np.inf], [True, False]), "a score is NaN or infinite"),
        (lambda: Calibration(p_target=1).fit([2.0, 1.0], [True, False]), "between 0 and 1"),
        (lambda: Calibration().fit([2.0, 1.0], [True, False]).transform(X), "of 1 systems, not of 4"),
    ],
)
def test_what_cannot_be_fitted_or_scored_is_said(call: Any, message: str) -> None:
    with pytest.raises(SvtokError, match=message):
        call()
