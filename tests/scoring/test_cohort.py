from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from svtok.embeddings.enroll import Enrolled
from svtok.embeddings.store import Embeddings
from svtok.errors import SvtokError
from svtok.scoring.backend import Cosine
from svtok.scoring.normalise import Cohort, Norm, make_cohort, refuse_unfit

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
    assert len(every) == 5
    assert every.phrases is None
    some = make_cohort(EMBEDDINGS, UTTERANCES)
    np.testing.assert_array_equal(some.members.vectors, EMBEDDINGS.vectors[:4])
    assert some.phrases is not None
    assert some.phrases.tolist() == ["yes", "no", "no", "yes"]


def mean_directions(cohort: Cohort) -> np.ndarray:
    cosine = Cosine()
    return cosine.mean_tests(cohort.members.means(cosine.project(cohort.members.vectors)))


def test_a_cohort_of_speakers_or_classes_is_of_means() -> None:
    speakers = make_cohort(EMBEDDINGS, UTTERANCES, of="speakers")
    np.testing.assert_allclose(mean_directions(speakers), unit([2, 1], [1, -1]), atol=1e-6)  # ann: x, y, x
    assert speakers.members.counts.tolist() == [3, 1]
    assert speakers.phrases is None
    classes = make_cohort(EMBEDDINGS, UTTERANCES, of="classes")
    np.testing.assert_allclose(mean_directions(classes), unit([1, 1], [1, 0], [1, -1]), atol=1e-6)
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
    with pytest.raises(SvtokError, match="1 utterances of the training set are among those scored"):
        refuse_unfit(Embeddings(["a1"], EMBEDDINGS.vectors[:1], "hash"), EMBEDDINGS, "training set")
    refuse_unfit(Embeddings(["c"], EMBEDDINGS.vectors[:1], "hash"), EMBEDDINGS)


def said_by_two(*phrases: str) -> Cohort:
    return Cohort(Enrolled(np.eye(5, dtype=np.float32), np.array([2, 1, 2])), np.array(phrases, object))


def test_the_members_that_say_a_phrase_keep_their_utterances() -> None:
    norm = Norm(said_by_two("no", "yes", "no"), by_phrase=True)
    no = norm.cohort_of("no")
    np.testing.assert_array_equal(no.members.vectors, np.eye(5)[[0, 1, 3, 4]])
    assert no.members.counts.tolist() == [2, 2]
    assert len(norm.cohort_of("maybe")) == 0
    assert len(Norm(said_by_two("no", "yes", "no")).cohort_of("maybe")) == 3


def test_phrases_that_the_cohort_lacks_are_named() -> None:
    norm = Norm(said_by_two("no", "yes", "no"), top=2, by_phrase=True)
    norm.refuse_small(["no", "no"])
    with pytest.raises(SvtokError, match="needs 2 of each phrase of the models, and has fewer of 2: yes 1, maybe 0"):
        norm.refuse_small(["no", "yes", "yes", "maybe"])
    with pytest.raises(SvtokError, match="the members of the cohort have no phrase"):
        Norm(make_cohort(EMBEDDINGS), by_phrase=True)
