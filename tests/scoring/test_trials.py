from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from svtok.embeddings.enroll import Enrolled
from svtok.embeddings.store import Embeddings
from svtok.errors import SvtokError
from svtok.manifest.sets import PreparedSet
from svtok.scoring.scorer import score_trials
from svtok.scoring.trials import TrialSides, trial_sides

EMBEDDINGS = Embeddings(["e1", "e2", "t1", "t2"], np.array([[2, 0], [0, 1], [5, 0], [1, -1]], dtype=np.float32), "hash")


def prepared(trials: list[tuple[str, str]], models: dict[str, str] | None = None) -> PreparedSet:
    models = models or {"a": "e1", "b": "e1 e2"}
    return PreparedSet(
        utterances=pd.DataFrame({"utt": EMBEDDINGS.utts}),
        models=pd.DataFrame({"model": list(models), "spk": "s", "phrase": "p", "utts": list(models.values())}),
        trials=pd.DataFrame(trials, columns=["model", "utt"]).astype("category"),
    )


def test_scores_come_in_the_order_of_the_trials() -> None:
    scores = score_trials(prepared([("b", "t2"), ("a", "t1"), ("a", "t2"), ("b", "t1")]), EMBEDDINGS)
    np.testing.assert_allclose(scores, [0, 1, np.sqrt(0.5), np.sqrt(0.5)], atol=1e-6)


def test_only_the_models_and_utterances_of_the_trials_need_embeddings() -> None:
    some = prepared([("a", "t1"), ("c", "t9")], {"a": "e1", "c": "e9"})
    assert some.trials is not None
    one = PreparedSet(utterances=some.utterances, models=some.models, trials=some.trials.iloc[:1])
    np.testing.assert_allclose(score_trials(one, EMBEDDINGS), [1])


def test_missing_embeddings_of_tests_and_of_enrollment_are_named() -> None:
    with pytest.raises(SvtokError, match="2 utterances have no embedding: t8, t9"):
        score_trials(prepared([("a", "t9"), ("a", "t8"), ("a", "t1")]), EMBEDDINGS)
    with pytest.raises(SvtokError, match="1 utterance has no embedding: e9"):
        score_trials(prepared([("a", "t1")], {"a": "e9"}), EMBEDDINGS)


def test_an_unknown_model_is_named() -> None:
    with pytest.raises(SvtokError, match="1 models of the trials are not in the models table: z"):
        score_trials(prepared([("z", "t1")]), EMBEDDINGS)


def test_a_set_without_trials_is_refused() -> None:
    with pytest.raises(SvtokError, match=r"has no models and trials \(models\.tsv is missing\)"):
        score_trials(PreparedSet(utterances=pd.DataFrame({"utt": []})), EMBEDDINGS)


def test_models_may_be_embeddings_of_joined_utterances() -> None:
    some = prepared([("b", "t1"), ("a", "t2")])
    joined = Embeddings(["a", "b", "c"], np.array([[1, 0], [0, 1], [9, 9]], dtype=np.float32), "hash")
    sides = trial_sides(some, EMBEDDINGS, joined)
    np.testing.assert_array_equal(sides.enrolled.vectors, [[1, 0], [0, 1]])
    assert (sides.model_index.tolist(), sides.test_index.tolist()) == ([1, 0], [0, 1])
    with pytest.raises(SvtokError, match="by another network"):
        trial_sides(some, EMBEDDINGS, Embeddings(joined.utts, joined.vectors, "other"))
    with pytest.raises(SvtokError, match="1 models have no embedding of their joined utterances: b"):
        trial_sides(some, EMBEDDINGS, Embeddings(["a"], joined.vectors[:1], "hash"))


def test_trials_are_parted_by_the_phrase_of_their_model() -> None:
    some = prepared([("a", "t1"), ("b", "t2"), ("a", "t2"), ("c", "t1")], {"a": "e1", "b": "e1 e2", "c": "e2"})
    assert some.models is not None
    models = some.models.assign(phrase=["no", "yes", "no"])
    sides = trial_sides(PreparedSet(some.utterances, models, some.trials), EMBEDDINGS)
    assert sides.phrases.tolist() == ["no", "yes", "no"]
    parts = {phrase: (trials.tolist(), part) for phrase, trials, part in sides.by_phrase()}
    assert {phrase: trials for phrase, (trials, _) in parts.items()} == {"no": [0, 2, 3], "yes": [1]}
    no, yes = parts["no"][1], parts["yes"][1]
    np.testing.assert_array_equal(no.enrolled.vectors, [[2, 0], [0, 1]])
    assert (no.model_index.tolist(), no.test_index.tolist()) == ([0, 0, 1], [0, 1, 0])
    np.testing.assert_array_equal(yes.test_vectors, [[1, -1]])
    assert yes.enrolled.counts.tolist() == [2]


def test_a_phrase_keeps_to_its_own_trials_however_many_phrases_there_are() -> None:
    many = np.arange(2**16 + 1, dtype=np.int32)
    enrolled = Enrolled(np.ones((len(many), 1), np.float32), np.ones(len(many), np.intp))
    phrases = np.array([f"p{number}" for number in many], object)
    sides = TrialSides(enrolled, phrases, np.ones((1, 1), np.float32), many, np.zeros_like(many))
    phrase, trials, _ = next(sides.by_phrase())
    assert (phrase, trials.tolist()) == ("p0", [0])


def test_no_trials_have_no_phrases() -> None:
    none = np.empty(0, np.int32)
    enrolled = Enrolled(np.empty((0, 1), np.float32), np.empty(0, np.intp))
    assert list(TrialSides(enrolled, none.astype(object), EMBEDDINGS.vectors, none, none).by_phrase()) == []
