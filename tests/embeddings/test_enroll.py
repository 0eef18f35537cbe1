from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from svtok.embeddings.enroll import Enrolled, enrolled_joined, enrolled_utterances, normalise_length
from svtok.embeddings.store import Embeddings
from svtok.errors import SvtokError


def embeddings() -> Embeddings:
    vectors = np.array([[3, 0], [0, 0.5], [1, 1], [0, 0]], dtype=np.float32)
    return Embeddings(["east", "north", "northeast", "zero"], vectors, "hash")


def models(**utts: str) -> pd.DataFrame:
    return pd.DataFrame({"model": list(utts), "spk": "s", "phrase": "p", "utts": list(utts.values())})


def test_utterances_come_in_the_order_of_the_models_and_are_counted() -> None:
    enrolled = enrolled_utterances(embeddings(), models(one="north", two="east north", three="northeast"))
    np.testing.assert_array_equal(enrolled.vectors, [[0, 0.5], [3, 0], [0, 0.5], [1, 1]])
    assert enrolled.counts.tolist() == [1, 2, 1]


def test_means_are_of_each_models_own_values() -> None:
    enrolled = Enrolled(np.zeros((4, 2), np.float32), np.array([1, 3]))
    found = enrolled.means(np.array([[1, 2], [3, 4], [6, 4], [0, 1]], np.float32))
    np.testing.assert_array_equal(found, [[1, 2], [3, 3]])
    assert found.dtype == np.float32


def test_some_models_keep_their_utterances_in_any_order() -> None:
    enrolled = Enrolled(np.arange(7, dtype=np.float32)[:, None], np.array([2, 1, 3, 1]))
    some = enrolled.of(np.array([2, 0]))
    assert some.vectors.ravel().tolist() == [3, 4, 5, 0, 1]
    assert some.counts.tolist() == [3, 2]
    assert enrolled.of(np.array([], dtype=np.intp)).vectors.shape == (0, 1)


def test_an_embedding_of_zeros_does_not_become_nan() -> None:
    np.testing.assert_array_equal(
        normalise_length(np.array([[0, 0], [3, 4]], np.float32)), np.array([[0, 0], [0.6, 0.8]], np.float32)
    )


def test_missing_embeddings_are_counted_and_named() -> None:
    with pytest.raises(SvtokError, match="2 utterances have no embedding: south, west; extract"):
        enrolled_utterances(embeddings(), models(one="west east", two="south"))


def test_a_model_without_utterances_is_refused() -> None:
    with pytest.raises(SvtokError, match="model 'two' has no enrollment utterance"):
        enrolled_utterances(embeddings(), models(one="east", two=" "))


def test_no_models_give_no_vectors() -> None:
    enrolled = enrolled_utterances(embeddings(), models())
    assert enrolled.vectors.shape == enrolled.means(enrolled.vectors).shape == (0, 2)


def test_joined_utterances_are_looked_up_by_the_models_name() -> None:
    enrolled = enrolled_joined(embeddings(), models(north="x y z", east="a b"))
    np.testing.assert_array_equal(enrolled.vectors, [[0, 0.5], [3, 0]])
    assert enrolled.counts.tolist() == [1, 1]
    with pytest.raises(SvtokError, match="2 models have no embedding of their joined utterances: south, west"):
        enrolled_joined(embeddings(), models(west="east", south="east", north="east"))
