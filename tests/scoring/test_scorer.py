"""Back-ends, enrollments and normalisations composed, against loops over single trials."""

from __future__ import annotations

import numpy as np
import pytest

from svtok.embeddings.enroll import Enrolled
from svtok.errors import SvtokError
from svtok.scoring.backend import Backend, Cosine, Enrollment, Parts, model_rows, utterance_rows
from svtok.scoring.normalise import Cohort, Norm
from svtok.scoring.plda import fit_plda
from svtok.scoring.scorer import Scorer
from svtok.scoring.trials import TrialSides

CLASSES = np.repeat(np.arange(10), 3)


def some_plda(seed: int) -> Backend:
    generator = np.random.default_rng(seed)
    vectors = generator.normal(size=(10, 5))[CLASSES] + generator.normal(size=(30, 5))
    return fit_plda(vectors.astype(np.float32), CLASSES, lda_dim=None, shrinkage=0.1, length_norm=False)


@pytest.fixture
def sides() -> TrialSides:
    """15 of the trials of four models, of one to three utterances, and six tests."""
    generator = np.random.default_rng(1)
    counts = np.array([2, 1, 3, 2])
    vectors, tests = (generator.normal(size=(size, 5)).astype(np.float32) for size in (8, 6))
    model, test = (side.ravel().astype(np.int32) for side in np.indices((4, 6)))
    kept = generator.permutation(24)[:15]
    phrases = np.array(["no", "yes", "yes", "no"], object)
    return TrialSides(Enrolled(vectors, counts), phrases, tests, model[kept], test[kept])


@pytest.fixture
def cohort() -> Cohort:
    """Twenty members of one or two utterances; half say 'no'."""
    counts = np.tile([1, 2], 10)
    vectors = np.random.default_rng(2).normal(size=(30, 5)).astype(np.float32)
    return Cohort(Enrolled(vectors, counts), np.array(["no", "no", "yes", "yes"] * 5, object))


def one_by_one(
    sides: TrialSides, trial: int, backend: Backend, enrollment: Enrollment, cohort: Cohort | None, top: int | None
) -> float:
    """A trial scored and normalised by the definition."""
    model = model_rows(backend, sides.enrolled.of(sides.model_index[[trial]]), enrollment)[0]
    test = utterance_rows(backend, sides.test_vectors[sides.test_index[[trial]]])[0]
    if cohort is None:
        return float(model @ test)
    as_models = model_rows(backend, cohort.members, enrollment)
    as_tests = backend.mean_tests(cohort.members.means(backend.project(cohort.members.vectors)))
    of_model = sorted((float(model @ other) for other in as_tests), reverse=True)[:top]
    of_test = sorted((float(test @ other) for other in as_models), reverse=True)[:top]
    return float(np.mean([(model @ test - np.mean(some)) / np.std(some) for some in (of_model, of_test)]))


@pytest.mark.parametrize("top", [None, 7])
@pytest.mark.parametrize(
    ("backend", "enrollment"),
    [
        (Cosine(), "mean-embedding"),
        (Cosine(), "mean-score"),
        (some_plda(0), "by-the-book"),
        (some_plda(0), "mean-score"),
    ],
)
def test_a_cohort_is_scored_by_the_back_end_of_the_trials(
    sides: TrialSides, cohort: Cohort, backend: Backend, enrollment: Enrollment, top: int | None
) -> None:
    plain = Scorer(backend, enrollment).scores(sides)
    normalised = Scorer(backend, enrollment, Norm(cohort, top)).scores(sides)
    assert plain.dtype == normalised.dtype == np.float32
    expected = [one_by_one(sides, n, backend, enrollment, None, None) for n in range(15)]
    np.testing.assert_allclose(plain, expected, atol=1e-4)
    expected = [one_by_one(sides, n, backend, enrollment, cohort, top) for n in range(15)]
    np.testing.assert_allclose(normalised, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("normalised", [False, True])
def test_the_back_end_of_a_phrase_scores_the_trials_of_its_models(
    sides: TrialSides, cohort: Cohort, normalised: bool
) -> None:
    backends = {"no": some_plda(1), "yes": some_plda(2)}
    found = Scorer(backends, "by-the-book", Norm(cohort, 5) if normalised else None).scores(sides)
    by = cohort if normalised else None
    expected = [
        one_by_one(sides, n, backends[sides.phrases[model]], "by-the-book", by, 5)
        for n, model in enumerate(sides.model_index)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)
    assert np.abs(found - Scorer(backends["no"], "by-the-book").scores(sides)).max() > 0.1


@pytest.mark.parametrize("top", [None, 3])
def test_by_phrase_the_cohort_says_the_phrase_of_the_model(sides: TrialSides, cohort: Cohort, top: int | None) -> None:
    found = Scorer(Cosine(), norm=Norm(cohort, top, by_phrase=True)).scores(sides)
    expected = [
        one_by_one(sides, n, Cosine(), "mean-embedding", cohort.saying(sides.phrases[model]), top)
        for n, model in enumerate(sides.model_index)
    ]
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("enrollment", ["by-the-book", "mean-score"])
@pytest.mark.parametrize("normalised", [True, False])
def test_each_part_of_an_embedding_is_scored_and_normalised_by_itself(
    sides: TrialSides, cohort: Cohort, enrollment: Enrollment, normalised: bool
) -> None:
    backends = some_plda(0), some_plda(1)

    def beside(first: Enrolled) -> Enrolled:
        """Enrolled embeddings, with twice their opposites behind them."""
        return Enrolled(np.hstack([first.vectors, -2 * first.vectors]), first.counts)

    both = TrialSides(
        beside(sides.enrolled),
        sides.phrases,
        np.hstack([sides.test_vectors, -2 * sides.test_vectors]),
        sides.model_index,
        sides.test_index,
    )
    second = TrialSides(
        Enrolled(-2 * sides.enrolled.vectors, sides.enrolled.counts),
        sides.phrases,
        -2 * sides.test_vectors,
        sides.model_index,
        sides.test_index,
    )
    opposite = Cohort(Enrolled(-2 * cohort.members.vectors, cohort.members.counts), cohort.phrases)
    norms = [
        Norm(members, 7) if normalised else None
        for members in (Cohort(beside(cohort.members), cohort.phrases), cohort, opposite)
    ]
    found = Scorer(Parts(backends), enrollment, norms[0]).scores(both)
    alone = [
        Scorer(backend, enrollment, norm).scores(some)
        for backend, norm, some in zip(backends, norms[1:], (sides, second), strict=True)
    ]
    assert found.dtype == np.float32
    assert np.abs(alone[0] - alone[1]).max() > 0.1
    np.testing.assert_allclose(found, (alone[0] + alone[1]) / 2, rtol=1e-4, atol=1e-5)


def test_a_cohort_too_small_for_a_phrase_is_refused(sides: TrialSides, cohort: Cohort) -> None:
    with pytest.raises(SvtokError, match="needs 11 of each phrase of the models, and has fewer of 2: no 10, yes 10"):
        Scorer(Cosine(), norm=Norm(cohort, 11, by_phrase=True)).scores(sides)
