"""LDA against scikit-learn, and the cosine in its space."""

from __future__ import annotations

import numpy as np
import pytest

from svtok.embeddings.enroll import normalise_length
from svtok.errors import SvtokError
from svtok.scoring.backend import Cosine
from svtok.scoring.plda import Projection, fit_lda

CLASSES = np.repeat(np.arange(5), 7)


@pytest.fixture
def vectors() -> np.ndarray:
    generator = np.random.default_rng(0)
    return (generator.normal(size=(5, 8))[CLASSES] + generator.normal(size=(35, 8))).astype(np.float32)


def cosines(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return normalise_length(first) @ normalise_length(second).T


@pytest.mark.parametrize("dim", [1, 2, None])
def test_directions_are_those_of_scikit_learn(vectors: np.ndarray, dim: int | None) -> None:
    discriminant = pytest.importorskip("sklearn.discriminant_analysis", reason="of the extra 'bench'")
    other = discriminant.LinearDiscriminantAnalysis(solver="eigen", n_components=dim).fit(
        normalise_length(vectors).astype(np.float64), CLASSES
    )
    ours = fit_lda(vectors, CLASSES, dim=dim, shrinkage=0)
    theirs = other.scalings_[:, : dim or 4]
    # equal but for the sign and the length of each, which differ by (N - C) / N degrees of freedom
    np.testing.assert_allclose(np.abs(np.diag(cosines(ours.directions.T, theirs.T))), 1, atol=1e-5)
    np.testing.assert_allclose(
        np.linalg.norm(ours.directions, axis=0) / np.linalg.norm(theirs, axis=0), np.sqrt(30 / 35), rtol=1e-4
    )
    assert ours.project(vectors).shape == (35, dim or 4)


def test_projected_classes_vary_by_one_in_each_direction(vectors: np.ndarray) -> None:
    projected = fit_lda(vectors, CLASSES, dim=None, shrinkage=0).project(vectors)
    within = sum(np.cov(projected[one == CLASSES].T, ddof=0) * 7 for one in range(5)) / (35 - 5)
    np.testing.assert_allclose(within, np.eye(4), atol=1e-4)
    np.testing.assert_allclose(projected.mean(axis=0), 0, atol=1e-5)


def test_lengths_of_embeddings_do_not_matter(vectors: np.ndarray) -> None:
    lengths = np.linspace(0.1, 9, 35, dtype=np.float32)[:, None]
    found, other = (fit_lda(some, CLASSES, dim=2, shrinkage=0.1) for some in (vectors, vectors * lengths))
    np.testing.assert_allclose(found.project(vectors), other.project(vectors * lengths), atol=1e-4)


def test_few_classes_of_many_dimensions_need_shrinkage() -> None:
    vectors = np.random.default_rng(0).normal(size=(12, 40)).astype(np.float32)
    classes = np.repeat(np.arange(3), 4)
    with pytest.raises(SvtokError, match="singular in 40 dimensions"):
        fit_lda(vectors, classes, dim=None, shrinkage=0)
    assert np.isfinite(fit_lda(vectors, classes, dim=None, shrinkage=0.1).project(vectors)).all()


def test_more_dimensions_than_there_are_directions_are_refused(vectors: np.ndarray) -> None:
    with pytest.raises(SvtokError, match="LDA to 5 dimensions: 5 classes of embeddings with 8 dimensions have 4"):
        fit_lda(vectors, CLASSES, dim=5, shrinkage=0.1)
    with pytest.raises(SvtokError, match="LDA to 4 dimensions: 5 classes of embeddings with 3 dimensions have 3"):
        fit_lda(vectors[:, :3], CLASSES, dim=4, shrinkage=0.1)


def test_cosines_after_a_projection_by_hand() -> None:
    # of the unit vectors, less (1, 0), the second coordinate is doubled: (-1, 2) and (-1, -2)
    space = Projection(np.array([1, 0], np.float32), np.array([[1, 0], [0, 2]], np.float32))
    backend = Cosine(space)
    projected = backend.project(np.array([[0, 3], [0, -1]], np.float32))
    np.testing.assert_allclose(projected, np.array([[-1, 2], [-1, -2]]) / np.sqrt(5), atol=1e-6)
    mean = backend.models(projected.mean(axis=0, keepdims=True), np.array([2]))
    np.testing.assert_allclose(mean, [[-1, 0]], atol=1e-6)
    np.testing.assert_allclose(mean @ backend.tests(projected).T, [[1 / np.sqrt(5)] * 2], atol=1e-6)
