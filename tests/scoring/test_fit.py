from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from svtok.embeddings.store import Embeddings
from svtok.errors import ProblemsError, SvtokError
from svtok.scoring.backend import BackendConfig, Cosine, Parts, fit_backend, fit_phrase_backends
from svtok.scoring.plda import Plda, Projection

UTTERANCES = pd.DataFrame(
    [(f"{spk}-{phrase}-{take}", spk, phrase) for spk in "abcd" for phrase in ("no", "yes") for take in range(3)],
    columns=["utt", "spk", "phrase"],
)
VECTORS = np.random.default_rng(0).normal(size=(len(UTTERANCES), 9)).astype(np.float32)
EMBEDDINGS = Embeddings(UTTERANCES["utt"].tolist(), VECTORS, "hash")
LDA = BackendConfig(name="lda")


def space_of(backend: object) -> Projection:
    assert isinstance(backend, Cosine)
    assert backend.space is not None
    return backend.space


def test_classes_are_speakers_or_what_each_says() -> None:
    """LDA has a direction less than there are classes."""
    wanted: list[tuple[Literal["speaker", "speaker-phrase"], int]] = [("speaker", 3), ("speaker-phrase", 7)]
    for classes, directions in wanted:
        assert space_of(fit_backend(LDA, EMBEDDINGS, UTTERANCES, classes)).directions.shape == (9, directions)


def test_only_utterances_of_the_table_train_in_whatever_order() -> None:
    of_some = UTTERANCES[UTTERANCES["spk"] != "d"]
    some = fit_backend(LDA, EMBEDDINGS, of_some, "speaker")
    shuffled = fit_backend(LDA, EMBEDDINGS, of_some.sample(frac=1, random_state=1), "speaker")
    np.testing.assert_allclose(space_of(some).mean, space_of(shuffled).mean, atol=1e-6)
    assert np.abs(space_of(some).mean - space_of(fit_backend(LDA, EMBEDDINGS, UTTERANCES, "speaker")).mean).max() > 0.01
    with pytest.raises(SvtokError, match="1 utterance has no embedding: z"):
        fit_backend(LDA, EMBEDDINGS, UTTERANCES.replace("a-no-0", "z"), "speaker")


def test_the_back_end_of_a_phrase_knows_its_utterances_only() -> None:
    backends = fit_phrase_backends(LDA, EMBEDDINGS, UTTERANCES, ["yes", "no", "yes"])
    assert list(backends) == ["no", "yes"]
    config = BackendConfig(name="lda", shrinkage=0.8)  # the default by phrase
    alone = fit_backend(config, EMBEDDINGS, UTTERANCES[UTTERANCES["phrase"] == "no"], "speaker")
    np.testing.assert_array_equal(space_of(backends["no"]).directions, space_of(alone).directions)
    assert list(fit_phrase_backends(LDA, EMBEDDINGS, UTTERANCES, ["yes"])) == ["yes"]


def test_all_phrases_with_too_few_speakers_are_named() -> None:
    single = UTTERANCES[(UTTERANCES["phrase"] == "no") | UTTERANCES["utt"].str.endswith("-yes-0")]
    single = single[(single["phrase"] == "yes") | (single["spk"] == "a")]
    with pytest.raises(ProblemsError) as caught:
        fit_phrase_backends(LDA, EMBEDDINGS, single, ["yes", "no", "maybe"])
    assert [problem.what.split(";")[0] for problem in caught.value.problems] == [
        "phrase 'maybe': 0 training utterances of 0 speakers",
        "phrase 'no': 3 training utterances of 1 speakers",
        "phrase 'yes': 4 training utterances of 4 speakers",
    ]


def test_what_fails_for_one_phrase_is_named_with_it() -> None:
    with pytest.raises(SvtokError, match="the back-end of phrase 'no': LDA to 4 dimensions: 4 classes"):
        fit_phrase_backends(BackendConfig(name="lda", lda_dim=4), EMBEDDINGS, UTTERANCES, ["no"])


def test_plda_follows_the_configuration() -> None:
    config = BackendConfig(name="plda", lda_dim=2, length_norm=False)
    backend = fit_backend(config, EMBEDDINGS, UTTERANCES, "speaker-phrase")
    assert isinstance(backend, Plda)
    assert (backend.between.shape, backend.length_norm) == ((2,), False)


def test_each_part_of_an_embedding_has_a_back_end_of_its_columns() -> None:
    beside = Embeddings(EMBEDDINGS.utts, np.hstack([EMBEDDINGS.vectors, EMBEDDINGS.vectors**2]), "hash")
    squares = Embeddings(EMBEDDINGS.utts, EMBEDDINGS.vectors**2, "hash")
    config = BackendConfig(name="plda", lda_dim=2, parts=2)
    both = fit_backend(config, beside, UTTERANCES, "speaker")
    assert isinstance(both, Parts)
    for part, alone in zip(both.backends, (EMBEDDINGS, squares), strict=True):
        expected = fit_backend(BackendConfig(name="plda", lda_dim=2), alone, UTTERANCES, "speaker")
        assert isinstance(part, Plda)
        assert isinstance(expected, Plda)
        np.testing.assert_allclose(part.between, expected.between, rtol=1e-5)
        np.testing.assert_allclose(part.basis, expected.basis, rtol=1e-3, atol=1e-5)


def test_parts_that_are_not_of_one_length_are_refused() -> None:
    dims = EMBEDDINGS.vectors.shape[1]
    with pytest.raises(SvtokError, match=f"embeddings of {dims} dimensions are not {dims + 1} parts of one length"):
        fit_backend(BackendConfig(name="lda", parts=dims + 1), EMBEDDINGS, UTTERANCES, "speaker")


def test_shrinkage_of_zero_is_not_the_default() -> None:
    none, default, same = (
        space_of(fit_backend(config, EMBEDDINGS, UTTERANCES, "speaker")).directions
        for config in (BackendConfig(name="lda", shrinkage=0), LDA, BackendConfig(name="lda", shrinkage=0.1))
    )
    np.testing.assert_array_equal(default, same)
    assert np.abs(none - default).max() > 0.01


@pytest.mark.parametrize(
    "wrong", [{"shrinkage": 1.5}, {"lda_dim": 0}, {"name": "cosine"}, {"lda_dims": 3}, {"parts": 0}]
)
def test_values_out_of_range_and_unknown_fields_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        BackendConfig.model_validate({"name": "lda", **wrong})
