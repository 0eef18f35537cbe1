"""S-norm and AS-norm against a loop over single trials."""

from __future__ import annotations

import numpy as np
import pytest

from svtok.embeddings.enroll import normalise_length
from svtok.errors import SvtokError
from svtok.scoring import normalise
from svtok.scoring.normalise import Statistics, cohort_statistics, symmetric_norm


def cosine(first: np.ndarray, second: np.ndarray) -> float:
    first, second = first.astype(np.float64), second.astype(np.float64)
    return float(first @ second / (np.linalg.norm(first) * np.linalg.norm(second)))


def by_hand(vector: np.ndarray, cohort: np.ndarray, top: int | None) -> tuple[float, float]:
    scores = sorted((cosine(vector, other) for other in cohort), reverse=True)[:top]
    return float(np.mean(scores)), float(np.std(scores))


@pytest.mark.parametrize("top", [None, 2, 5, 30])
@pytest.mark.parametrize("rows_a_block", [1, 4, 512])
def test_statistics_agree_with_one_vector_at_a_time(
    top: int | None, rows_a_block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(normalise, "ROWS_A_BLOCK", rows_a_block)
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(9, 6)).astype(np.float32)
    cohort = generator.normal(size=(30, 6)).astype(np.float32)
    found = cohort_statistics(normalise_length(vectors), normalise_length(cohort), top=top)
    expected = np.array([by_hand(vector, cohort, top) for vector in vectors])
    np.testing.assert_allclose(np.transpose(found), expected, atol=1e-6)


@pytest.mark.parametrize("size", [10, 500, 3000])
@pytest.mark.parametrize("shape", ["spread", "tied", "rising", "some lowest", "some highest"])
def test_the_highest_are_those_of_a_full_sort(size: int, shape: str) -> None:
    scores = np.random.default_rng(0).normal(size=(20, size)).astype(np.float32)
    if shape == "tied":
        scores = scores.round()
    elif shape == "rising":
        scores.sort(axis=1)
    elif shape.startswith("some"):
        scores[:, ::16] += 9 if shape.endswith("highest") else -9
    for top in (2, 10, size // 10, size):
        if top >= 2:
            expected = np.sort(scores, axis=1)[:, size - top :]
            np.testing.assert_array_equal(np.sort(normalise._highest(scores.copy(), top), axis=1), expected)


def test_statistics_by_hand() -> None:
    # products of the x axis with the axes and their opposites: 1, -1, 0, 0
    cohort = np.array([[1, 0], [-1, 0], [0, 1], [0, -1]], np.float32)
    mean, std = cohort_statistics(np.array([[1, 0]], np.float32), cohort)
    assert (mean[0], std[0]) == (0, pytest.approx(np.sqrt(0.5)))
    mean, std = cohort_statistics(np.array([[1, 0]], np.float32), cohort, top=2)
    assert (mean[0], std[0]) == (0.5, 0.5)


def test_normalisation_by_hand() -> None:
    # the model: (0.5 - 0.1) / 0.2 = 2; the tests: (0.5 - 0.3) / 0.1 = 2 and (0.5 - 0.4) / 0.025 = 4
    models = Statistics(np.array([0.1], np.float32), np.array([0.2], np.float32))
    tests = Statistics(np.array([0.3, 0.4], np.float32), np.array([0.1, 0.025], np.float32))
    scores = np.array([0.5, 0.5], np.float32)
    found = symmetric_norm(scores, models, tests, np.array([0, 0]), np.array([0, 1]))
    np.testing.assert_allclose(found, [2, 3], rtol=1e-6)
    np.testing.assert_array_equal(scores, [0.5, 0.5])


def test_the_arguments_are_left_as_they_were() -> None:
    vectors = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    before = vectors.copy()
    cohort_statistics(vectors, vectors, top=2)
    np.testing.assert_array_equal(vectors, before)


@pytest.mark.parametrize(
    ("size", "top", "message"),
    [
        (5, 6, "the 6 highest scores cannot be taken of a cohort of 5: name from 2 to 5"),
        (5, 1, "the 1 highest"),
        (1, None, "a cohort of 1 has no standard deviation"),
    ],
)
def test_a_cohort_that_is_too_small_is_refused(size: int, top: int | None, message: str) -> None:
    vectors = np.random.default_rng(0).normal(size=(size, 4)).astype(np.float32)
    with pytest.raises(SvtokError, match=message):
        cohort_statistics(vectors, vectors, top=top)


def test_a_cohort_of_copies_is_refused() -> None:
    vectors = np.array([[1, 2], [300, 100]], np.float32)
    with pytest.raises(SvtokError, match="2 embeddings have the same score with all"):
        cohort_statistics(vectors, np.tile(vectors[:1] / 3, (4, 1)))
