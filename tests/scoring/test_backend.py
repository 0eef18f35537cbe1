"""Enrollments with each back-end, against loops over single trials."""

from __future__ import annotations

import math

import numpy as np
import pytest

from svtok.embeddings.enroll import Enrolled, normalise_length
from svtok.scoring.backend import Backend, Cosine, Enrollment, model_rows, utterance_rows
from svtok.scoring.plda import fit_lda, fit_plda

GENERATOR = np.random.default_rng(0)
CLASSES = np.repeat(np.arange(9), 4)
TRAIN = (GENERATOR.normal(size=(9, 6))[CLASSES] + GENERATOR.normal(size=(36, 6))).astype(np.float32)
BACKENDS: dict[str, Backend] = {
    "cosine": Cosine(),
    "lda": Cosine(fit_lda(TRAIN, CLASSES, dim=3, shrinkage=0.1)),
    "plda": fit_plda(TRAIN, CLASSES, lda_dim=None, shrinkage=0.1, length_norm=True),
}


@pytest.fixture
def enrolled() -> Enrolled:
    return Enrolled(np.random.default_rng(1).normal(size=(6, 6)).astype(np.float32), np.array([3, 1, 2]))


@pytest.fixture
def tests() -> np.ndarray:
    return np.random.default_rng(2).normal(size=(5, 6)).astype(np.float32)


def single(backend: Backend, enrolled: np.ndarray, test: np.ndarray) -> float:
    """The score of one test utterance against one enrolled utterance."""
    row = backend.models(backend.project(enrolled[None]), np.array([1]))
    return float((row @ backend.tests(backend.project(test[None])).T).item())


@pytest.mark.parametrize("name", BACKENDS)
def test_a_mean_score_is_the_mean_of_single_scores(name: str, enrolled: Enrolled, tests: np.ndarray) -> None:
    backend = BACKENDS[name]
    found = model_rows(backend, enrolled, "mean-score") @ utterance_rows(backend, tests).T
    first = 0
    for model, count in enumerate(enrolled.counts):
        utterances = enrolled.vectors[first : first + count]
        expected = [np.mean([single(backend, one, test) for one in utterances]) for test in tests]
        np.testing.assert_allclose(found[model], expected, atol=1e-4)
        first += count


@pytest.mark.parametrize("name", BACKENDS)
def test_a_mean_embedding_stands_for_one_utterance(name: str, enrolled: Enrolled, tests: np.ndarray) -> None:
    backend = BACKENDS[name]
    found = model_rows(backend, enrolled, "mean-embedding")
    means = np.array([backend.project(enrolled.vectors[some]).mean(axis=0) for some in ([0, 1, 2], [3], [4, 5])])
    np.testing.assert_allclose(found, backend.models(means, np.ones(3, int)), atol=1e-5)
    one = found[1] @ utterance_rows(backend, tests).T
    np.testing.assert_allclose(one, [single(backend, enrolled.vectors[3], test) for test in tests], atol=1e-4)


def test_by_the_book_counts_utterances(enrolled: Enrolled) -> None:
    counted, mean = (model_rows(BACKENDS["plda"], enrolled, how) for how in ("by-the-book", "mean-embedding"))
    np.testing.assert_array_equal(counted[1], mean[1])
    assert np.abs(counted[[0, 2]] - mean[[0, 2]]).max(axis=1).min() > 0.01


def test_cosines_of_mean_embeddings_by_hand() -> None:
    enrolled = Enrolled(np.array([[2, 0], [0, 5]], np.float32), np.array([2]))
    test = np.array([[3, 0]], np.float32)
    wanted: list[tuple[Enrollment, float]] = [("mean-embedding", math.sqrt(0.5)), ("mean-score", 0.5)]
    for how, expected in wanted:
        found = model_rows(Cosine(), enrolled, how) @ utterance_rows(Cosine(), test).T
        assert found.item() == pytest.approx(expected)


def test_rows_of_the_cosine_have_length_one(tests: np.ndarray) -> None:
    np.testing.assert_allclose(utterance_rows(Cosine(), tests), normalise_length(tests))
