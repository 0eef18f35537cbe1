from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from svtok.embeddings.enroll import enroll_models
from svtok.embeddings.store import Embeddings
from svtok.errors import SvtokError


def embeddings() -> Embeddings:
    vectors = np.array([[3, 0], [0, 0.5], [1, 1], [0, 0]], dtype=np.float32)
    return Embeddings(["east", "north", "northeast", "zero"], vectors, "hash")


def models(**utts: str) -> pd.DataFrame:
    return pd.DataFrame({"model": list(utts), "spk": "s", "phrase": "p", "utts": list(utts.values())})


def test_a_model_is_the_mean_of_normalised_embeddings_normalised_again() -> None:
    # the lengths of east (3) and north (0.5) do not matter: their mean points to the north-east
    names, vectors = enroll_models(embeddings(), models(one="north", two="east north", three="northeast east north"))
    assert names == ["one", "two", "three"]
    half = np.sqrt(0.5)
    np.testing.assert_allclose(vectors, [[0, 1], [half, half], [half, half]], atol=1e-6)
    assert vectors.dtype == np.float32


def test_an_embedding_of_zeros_does_not_become_nan() -> None:
    _, vectors = enroll_models(embeddings(), models(one="zero", two="zero east"))
    np.testing.assert_array_equal(vectors, [[0, 0], [1, 0]])


def test_missing_embeddings_are_counted_and_named() -> None:
    with pytest.raises(SvtokError, match="2 utterances have no embedding: south, west; extract"):
        enroll_models(embeddings(), models(one="west east", two="south"))


def test_a_model_without_utterances_is_refused() -> None:
    with pytest.raises(SvtokError, match="model 'two' has no enrollment utterance"):
        enroll_models(embeddings(), models(one="east", two=" "))


def test_no_models_give_no_vectors() -> None:
    names, vectors = enroll_models(embeddings(), models())
    assert names == []
    assert vectors.shape == (0, 2)
