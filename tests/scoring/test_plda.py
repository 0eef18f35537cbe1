"""PLDA's scores against joint Gaussians, computed in float64 from the covariances of whole vectors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from svtok.embeddings.enroll import normalise_length
from svtok.errors import SvtokError
from svtok.scoring.plda import Plda, Projection, fit_plda


def joint_llr(between: np.ndarray, within: np.ndarray, enrolled: np.ndarray, test: np.ndarray) -> float:
    """log p(enrolled, test | one class) - log p(enrolled | a class) - log p(test | a class), of centred vectors.

    The vectors of a class, one after the other, are jointly normal: B everywhere, and W added on the diagonal.
    """

    def log_density(vectors: np.ndarray) -> float:
        number = len(vectors)
        covariance = np.kron(np.ones((number, number)), between) + np.kron(np.eye(number), within)
        return float(multivariate_normal(np.zeros(len(covariance)), covariance).logpdf(vectors.ravel()))

    return log_density(np.vstack([enrolled, test])) - log_density(enrolled) - log_density(test[None])


def plda(between: np.ndarray, dim: int) -> Plda:
    """The model with W the identity, whose projection does nothing but normalise lengths."""
    zeros, eye = np.zeros(dim, np.float32), np.eye(dim, dtype=np.float32)
    return Plda(Projection(zeros, eye), False, zeros, eye, between)


def scores(model: Plda, means: np.ndarray, counts: np.ndarray, tests: np.ndarray) -> np.ndarray:
    return model.models(means, counts) @ model.tests(tests).T


@settings(max_examples=30, deadline=None)
@given(count=st.integers(1, 5), dim=st.integers(1, 4), seed=st.integers(0, 999), scale=st.floats(0.01, 30))
def test_scores_are_log_likelihood_ratios_of_all_enrolled_vectors(
    count: int, dim: int, seed: int, scale: float
) -> None:
    generator = np.random.default_rng(seed)
    between = scale * generator.random(dim)
    enrolled, tests = generator.normal(size=(count, dim)), generator.normal(size=(3, dim))
    found = scores(
        plda(between, dim),
        enrolled.mean(axis=0, keepdims=True).astype(np.float32),
        np.array([count]),
        tests.astype(np.float32),
    )
    expected = [joint_llr(np.diag(between), np.eye(dim), enrolled, test) for test in tests]
    np.testing.assert_allclose(found[0], expected, rtol=1e-4, atol=1e-4)


def trained(length_norm: bool = True, shrinkage: float = 0.1) -> tuple[Plda, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(3)
    classes = np.repeat(np.arange(30), 5)
    vectors = (1 + generator.normal(size=(30, 6))[classes] + 0.7 * generator.normal(size=(150, 6))).astype(np.float32)
    model = fit_plda(vectors, classes, lda_dim=4, shrinkage=shrinkage, length_norm=length_norm)
    return model, vectors, classes


@pytest.mark.parametrize("length_norm", [True, False])
def test_a_trained_model_scores_as_the_covariances_of_its_space_say(length_norm: bool) -> None:
    model, vectors, classes = trained(length_norm)
    in_space = model.space.project(vectors).astype(np.float64)
    if length_norm:
        in_space /= np.linalg.norm(in_space, axis=1, keepdims=True)
    centred = in_space - in_space.mean(axis=0)
    inverse = np.linalg.inv(model.basis.astype(np.float64))
    within, between = inverse.T @ inverse, inverse.T @ np.diag(model.between) @ inverse
    projected = model.project(vectors)
    found = scores(model, projected[:3].mean(axis=0, keepdims=True), np.array([3]), projected[[3, 4, 5, 60, 100]])
    expected = [joint_llr(between, within, centred[:3], centred[row]) for row in (3, 4, 5, 60, 100)]
    np.testing.assert_allclose(found[0], expected, rtol=1e-3, atol=1e-3)
    assert classes[4] == classes[0] != classes[5]
    assert found[0, :2].min() > found[0, 2:].max()


@pytest.mark.parametrize("length_norm", [True, False])
def test_the_basis_is_that_of_the_covariances_of_the_training_set(length_norm: bool) -> None:
    model, vectors, classes = trained(length_norm, shrinkage=0)
    projected = model.project(vectors)
    residuals = projected - np.array([projected[classes == one].mean(axis=0) for one in range(30)])[classes]
    np.testing.assert_allclose(residuals.T @ residuals / (150 - 30), np.eye(4), atol=1e-3)
    means = np.array([projected[classes == one].mean(axis=0) for one in range(30)])
    # the classes' means vary by B and by a fifth of W = I
    np.testing.assert_allclose(np.cov(means.T), np.diag(model.between) + np.eye(4) / 5, atol=1e-3)


def test_one_enrolled_utterance_and_the_test_may_change_places() -> None:
    model, vectors, _ = trained()
    projected = model.project(vectors[:20])
    found = scores(model, projected, np.ones(20, int), projected)
    np.testing.assert_allclose(found, found.T, atol=1e-3)


def test_more_utterances_make_a_model_surer() -> None:
    model, vectors, classes = trained()
    projected = model.project(vectors)
    mean, same = projected[:4].mean(axis=0, keepdims=True), projected[4:5]
    assert classes[4] == 0
    by_count = [scores(model, mean, np.array([count]), same).item() for count in (1, 2, 4)]
    assert by_count == sorted(by_count)


def test_directions_in_which_classes_do_not_differ_add_nothing() -> None:
    between = np.array([2.0, 0.0])
    found = scores(
        plda(between, 2),
        np.array([[1, 0], [1, 5]], np.float32),
        np.array([1, 3]),
        np.array([[1, -9], [1, 9]], np.float32),
    )
    np.testing.assert_allclose(found[:, 0], found[:, 1], atol=1e-6)


def test_embeddings_are_normalised_before_and_after_lda() -> None:
    model, vectors, _ = trained()
    np.testing.assert_allclose(model.project(vectors), model.project(3 * vectors), atol=1e-4)
    expected = (normalise_length(model.space.project(vectors)) - model.mean) @ model.basis
    np.testing.assert_allclose(model.project(vectors), expected, atol=1e-5)


def test_eighteen_speakers_of_256_dimensions_do() -> None:
    generator = np.random.default_rng(4)
    classes = np.repeat(np.arange(18), 6)
    speakers = generator.normal(size=(26, 256)).astype(np.float32)
    train = speakers[classes] + 1.5 * generator.normal(size=(108, 256)).astype(np.float32)
    model = fit_plda(train, classes, lda_dim=None, shrinkage=0.1, length_norm=True)
    assert model.models(np.zeros((2, 17), np.float32), np.array([1, 3])).shape == (2, 35)
    new = np.repeat(np.arange(18, 26), 4)
    projected = model.project(speakers[new] + 1.5 * generator.normal(size=(32, 256)).astype(np.float32))
    found = scores(model, projected, np.ones(32, int), projected)
    same = (new[:, None] == new) & ~np.eye(32, dtype=bool)
    assert found[same].mean() > found[new[:, None] != new].mean() + 1


def test_length_normalisation_of_one_dimension_is_refused() -> None:
    vectors = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
    with pytest.raises(SvtokError, match="of one dimension, length normalisation leaves the sign"):
        fit_plda(vectors, np.repeat([0, 1], 4), lda_dim=None, shrinkage=0.1, length_norm=True)
    assert fit_plda(vectors, np.repeat([0, 1], 4), lda_dim=None, shrinkage=0.1, length_norm=False).between.shape == (1,)
