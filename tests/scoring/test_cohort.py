from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from svtok.embeddings.store import Embeddings
from svtok.errors import SvtokError
from svtok.manifest.sets import PreparedSet
from svtok.scoring.cohort import Cohort, make_cohort, normalise_scores, phrases_of, refuse_unfit
from svtok.scoring.trials import TrialSides, trial_sides

UTTERANCES = pd.DataFrame(
    [("a1", "ann", "yes"), ("a2", "ann", "no"), ("a3", "ann", "no"), ("b1", "bob", "yes")],
    columns=["utt", "spk", "phrase"],
)
EMBEDDINGS = Embeddings(
    ["a1", "a2", "a3", "b1", "x"], np.array([[2, 0], [0, 1], [5, 0], [1, -1], [0, 0]], np.float32), "hash"
)


def unit(*rows: list[float]) -> np.ndarray:
    vectors = np.array(rows)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_a_cohort_of_utterances_is_all_embeddings_or_those_of_a_set() -> None:
    every = make_cohort(EMBEDDINGS)
    assert len(every.vectors) == 5
    assert every.phrases is None
    some = make_cohort(EMBEDDINGS, UTTERANCES)
    np.testing.assert_array_equal(some.vectors, EMBEDDINGS.vectors[:4])
    assert some.phrases is not None
    assert some.phrases.tolist() == ["yes", "no", "no", "yes"]


def test_a_cohort_of_speakers_or_classes_is_of_means() -> None:
    speakers = make_cohort(EMBEDDINGS, UTTERANCES, of="speakers")
    np.testing.assert_allclose(speakers.vectors, unit([2, 1], [1, -1]), atol=1e-6)  # ann: x, y, x
    assert speakers.phrases is None
    classes = make_cohort(EMBEDDINGS, UTTERANCES, of="classes")
    np.testing.assert_allclose(classes.vectors, unit([1, 1], [1, 0], [1, -1]), atol=1e-6)
    assert classes.phrases is not None
    assert classes.phrases.tolist() == ["no", "yes", "yes"]


def test_speakers_of_a_cohort_without_a_set_are_not_known() -> None:
    with pytest.raises(SvtokError, match="the classes of the cohort are not known: name its prepared set"):
        make_cohort(EMBEDDINGS, of="classes")
    with pytest.raises(SvtokError, match="1 utterance has no embedding: z"):
        make_cohort(EMBEDDINGS, UTTERANCES.assign(utt=["a1", "a2", "a3", "z"]))


def test_a_cohort_of_another_network_or_of_the_scored_utterances_is_refused() -> None:
    with pytest.raises(SvtokError, match="of another network"):
        refuse_unfit(Embeddings(["c"], EMBEDDINGS.vectors[:1], "other"), EMBEDDINGS)
    with pytest.raises(SvtokError, match=r"2 utterances of the cohort are among those scored \(a1, b1\)"):
        refuse_unfit(Embeddings(["a1", "b1", "c"], EMBEDDINGS.vectors[:3], "hash"), EMBEDDINGS)
    refuse_unfit(Embeddings(["c"], EMBEDDINGS.vectors[:1], "hash"), EMBEDDINGS)


@pytest.fixture
def sides() -> TrialSides:
    generator = np.random.default_rng(1)
    models, tests = generator.normal(size=(4, 5)), generator.normal(size=(6, 5))
    model, test = (side.ravel().astype(np.int32) for side in np.indices((4, 6)))
    kept = generator.permutation(24)[:15]
    names = [f"m{n}" for n in range(4)]
    return TrialSides(names, models.astype(np.float32), tests.astype(np.float32), model[kept], test[kept])


def one_by_one(sides: TrialSides, trial: int, cohort: np.ndarray, top: int | None) -> float:
    """A trial normalised by the definition."""
    model, test = sides.model_vectors[sides.model_index[trial]], sides.test_vectors[sides.test_index[trial]]
    model, test, *others = (vector / np.linalg.norm(vector) for vector in (model, test, *cohort))
    sides_of_trial = [sorted((side @ other for other in others), reverse=True)[:top] for side in (model, test)]
    return float(np.mean([(model @ test - np.mean(scores)) / np.std(scores) for scores in sides_of_trial]))


@pytest.mark.parametrize("top", [None, 7])
def test_each_trial_is_normalised_by_both_its_sides(sides: TrialSides, top: int | None) -> None:
    cohort = np.random.default_rng(2).normal(size=(20, 5)).astype(np.float32)
    found = normalise_scores(sides.cosines(), sides, Cohort(cohort), top=top)
    np.testing.assert_allclose(found, [one_by_one(sides, n, cohort, top) for n in range(15)], atol=1e-4)


@pytest.mark.parametrize("top", [None, 3])
def test_by_phrase_the_cohort_has_the_phrase_of_the_model(sides: TrialSides, top: int | None) -> None:
    cohort = np.random.default_rng(2).normal(size=(20, 5)).astype(np.float32)
    said = np.array(["yes", "no", "maybe", "no"] * 5, object)
    model_phrases = np.array(["no", "yes", "yes", "no"], object)
    found = normalise_scores(sides.cosines(), sides, Cohort(cohort, said), top=top, model_phrases=model_phrases)
    expected = [
        one_by_one(sides, n, cohort[said == model_phrases[model]], top) for n, model in enumerate(sides.model_index)
    ]
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_phrases_that_the_cohort_lacks_are_named(sides: TrialSides) -> None:
    cohort = Cohort(np.eye(5, dtype=np.float32), np.array(["no"] * 4 + ["yes"], object))
    phrases = np.array(["no", "yes", "yes", "maybe"], object)
    with pytest.raises(SvtokError, match="needs 3 of each phrase of the models, and has fewer of 2: yes 1, maybe 0"):
        normalise_scores(sides.cosines(), sides, cohort, top=3, model_phrases=phrases)
    with pytest.raises(SvtokError, match="the members of the cohort have no phrase"):
        normalise_scores(sides.cosines(), sides, Cohort(cohort.vectors), top=3, model_phrases=phrases)


def test_phrases_of_models_come_in_the_order_asked_for() -> None:
    models = pd.DataFrame({"model": ["m0", "m1"], "spk": "s", "phrase": ["no", "yes"], "utts": ["a1", "a2"]})
    trials = pd.DataFrame([("m1", "a3"), ("m0", "b1")], columns=["model", "utt"]).astype("category")
    prepared = PreparedSet(UTTERANCES, models, trials)
    assert phrases_of(prepared, ["m1", "m0"]).tolist() == ["yes", "no"]
    assert phrases_of(prepared, trial_sides(prepared, EMBEDDINGS).models).tolist() == ["no", "yes"]
