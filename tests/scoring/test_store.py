"""A fitted scorer in numpy arrays: one pair or many, before and after it was saved; and what it refuses."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from svtok.embeddings.enroll import Enrolled
from svtok.embeddings.takes import unit_rows
from svtok.errors import SvtokError
from svtok.metrics import Cost
from svtok.scoring.backend import BackendConfig, Cosine
from svtok.scoring.decision import fit_decisions
from svtok.scoring.fitted import FittedScorer, Warping
from svtok.scoring.normalise import Cohort, Norm
from svtok.scoring.scorer import Scorer
from svtok.scoring.store import load_scorer, write_scorer
from svtok.scoring.warping import KeptCohort

DIM = 6
CLASSES = np.repeat(np.arange(12), 4)


def vectors(number: int, seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(number, DIM)).astype(np.float32)


def a_scorer(*, by_phrase: bool = False, parts: int = 1) -> FittedScorer:
    config = BackendConfig(name="plda", lda_dim=4 // parts, parts=parts)
    train = vectors(len(CLASSES), 0) + 2 * vectors(12, 1)[CLASSES]
    backend = config.fit(train, CLASSES)
    phrases = np.array(["no", "yes"] * 6, object)
    norm = Norm(Cohort(Enrolled(vectors(18, 2), np.tile([1, 2], 6)), phrases), 4, by_phrase)
    random = np.random.default_rng(3)
    by_type = {
        "TC": random.normal(2, 1, (50, 2)),
        "IC": random.normal(0, 1, (50, 2)),
        "TW": random.normal(0, 1, (50, 2)),
    }
    scorer = Scorer({"no": backend, "yes": backend} if by_phrase else backend, "by-the-book", norm)
    return FittedScorer(scorer, "a network", DIM, fit_decisions(by_type, cost=Cost(1, 1, 0.5)))


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("by_phrase", [False, True])
def test_a_loaded_scorer_gives_the_very_numbers_of_the_saved_one(tmp_path: Path, by_phrase: bool, parts: int) -> None:
    scorer = a_scorer(by_phrase=by_phrase, parts=parts)
    write_scorer(tmp_path / "scorer", scorer)
    loaded = load_scorer(str(tmp_path / "scorer"))
    models, tests, phrases = [vectors(3, 4), vectors(1, 5)], vectors(5, 6), ["yes", "no"] if by_phrase else None
    np.testing.assert_array_equal(loaded.raw(models, tests, phrases), scorer.raw(models, tests, phrases))
    of_phrase = np.random.default_rng(7).normal(size=(2, 5))
    for of in ("speaker", "phrase", "together"):
        np.testing.assert_array_equal(
            loaded.score(models, tests, of=of, phrase_scores=of_phrase, phrases=phrases),
            scorer.score(models, tests, of=of, phrase_scores=of_phrase, phrases=phrases),
        )
        assert loaded.threshold(of, false_accept_rate=0.1) == scorer.threshold(of, false_accept_rate=0.1)
    assert loaded.phrases == (["no", "yes"] if by_phrase else None)


def test_parts_that_do_not_divide_the_embedding_are_named(tmp_path: Path) -> None:
    write_scorer(tmp_path / "scorer", a_scorer(parts=2))
    about = tmp_path / "scorer/scorer.yaml"
    about.write_text(about.read_text().replace("parts: 2", "parts: 4"))
    with pytest.raises(SvtokError, match=r"scorer.yaml.*dim \(6\) must be a multiple of parts \(4\)"):
        load_scorer(tmp_path / "scorer")


def test_the_recordings_that_normalise_warping_come_back_in_16_bits(tmp_path: Path) -> None:
    random = np.random.default_rng(8)
    frames = tuple(unit_rows(random.normal(size=(length, 3)).astype(np.float32)) for length in (2, 5))
    scorer = dataclasses.replace(a_scorer(), warping=Warping(1, "best", KeptCohort(frames)))
    write_scorer(tmp_path / "scorer", scorer)
    loaded = load_scorer(tmp_path / "scorer").warping
    assert loaded == scorer.warping
    assert loaded is not None
    assert loaded.cohort is not None
    for found, wanted in zip(loaded.cohort.arrays, frames, strict=True):
        np.testing.assert_array_equal(found, wanted)
    assert loaded.cohort.hash == KeptCohort(frames).hash != KeptCohort(frames[::-1]).hash


def test_one_pair_at_a_time_has_the_scores_of_many(tmp_path: Path) -> None:
    scorer = a_scorer()
    models, tests = [vectors(3, 4), vectors(1, 5)[0], vectors(2, 8)], vectors(5, 6)
    many = scorer.score(models, tests)
    assert many.shape == (3, 5)
    one_by_one = [[scorer.score([model], test)[0, 0] for test in tests] for model in models]
    np.testing.assert_allclose(one_by_one, many, rtol=1e-4)


def test_threads_that_score_at_once_get_the_same_scores() -> None:
    scorer, models, tests = a_scorer(), [vectors(2, 4)], vectors(4, 6)
    expected = a_scorer().score(models, tests)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: scorer.score(models, tests), range(20)):
            np.testing.assert_array_equal(found, expected)


def test_what_is_saved_is_written_over_by_another_scorer(tmp_path: Path) -> None:
    write_scorer(tmp_path / "scorer", a_scorer())
    write_scorer(tmp_path / "scorer", FittedScorer(Scorer(Cosine()), "other", 3))
    loaded = load_scorer(tmp_path / "scorer")
    assert (loaded.network, loaded.dim, dict(loaded.decisions)) == ("other", 3, {})
    with pytest.raises(SvtokError, match="it decides nothing: it was fitted without trials"):
        loaded.threshold("speaker", false_accept_rate=0.1)


@pytest.mark.parametrize(
    ("models", "tests", "message"),
    [
        ([np.ones(4)], np.ones(DIM), r"model 0: an array of shape \(1, 4\), where embeddings are \(n, 6\)"),
        ([np.ones(DIM)], np.ones((2, 7)), r"the tests: an array of shape \(2, 7\)"),
        ([np.ones(DIM), np.full(DIM, np.nan)], np.ones(DIM), "model 1: an embedding holds NaN"),
        ([], np.ones(DIM), "there is no model"),
    ],
)
def test_embeddings_that_are_none_are_refused(
    models: list[NDArray[np.float64]], tests: NDArray[np.float64], message: str
) -> None:
    with pytest.raises(SvtokError, match=message):
        a_scorer().score(models, tests)


def test_a_scorer_by_phrase_wants_known_phrases() -> None:
    scorer, model, test = a_scorer(by_phrase=True), [vectors(1, 4)], vectors(1, 5)
    with pytest.raises(SvtokError, match="say which phrase each model is of"):
        scorer.score(model, test)
    with pytest.raises(SvtokError, match="fewer of 1: maybe 0"):
        scorer.score(model, test, phrases=["maybe"])
    without_cohort = FittedScorer(Scorer(scorer.scorer.backend, "by-the-book"), "a network", DIM)
    with pytest.raises(SvtokError, match="1 phrases of the models have no back-end: maybe"):
        without_cohort.raw(model, test, ["maybe"])


def test_scores_of_the_phrase_are_asked_for_where_they_decide() -> None:
    with pytest.raises(SvtokError, match="'together' is decided by scores of the embeddings and scores of the phrase"):
        a_scorer().llr([1.0], of="together")
    with pytest.raises(SvtokError, match=r"scores of shape \(1,\), and of the phrase \(2,\)"):
        a_scorer().llr([1.0], [1.0, 2.0], of="together")


def test_a_folder_without_a_scorer_and_a_later_format_are_named(tmp_path: Path) -> None:
    with pytest.raises(SvtokError, match="not the folder of a scorer"):
        load_scorer(tmp_path)
    write_scorer(tmp_path / "scorer", a_scorer())
    about = tmp_path / "scorer" / "scorer.yaml"
    about.write_text(about.read_text().replace("format: 1", "format: 7"))
    with pytest.raises(SvtokError, match="is of format 7, this svtok reads 1"):
        load_scorer(tmp_path / "scorer")
