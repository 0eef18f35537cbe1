"""Batches."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from svtok.features.store import FeatureStore
from svtok.trained.config import Config, TrainingConfig
from svtok.training import data as module
from svtok.training.data import (
    EpochSampler,
    StoredTeacher,
    TrainingUtterances,
    bucketed_batches,
    centred,
    crop,
    make_loader,
    pad,
)
from svtok.training.objectives import Classification, Distillation, JointDistillation

CPU = torch.device("cpu")


@given(st.lists(st.integers(1, 500), min_size=2, max_size=80), st.integers(2, 9), st.integers(0, 5))
@pytest.mark.slow
def test_every_utterance_is_in_one_batch_and_no_batch_has_one(lengths: list[int], batch_size: int, seed: int) -> None:
    batches = bucketed_batches(np.array(lengths, dtype=float), batch_size, np.random.default_rng(seed))
    assert sorted(np.concatenate(batches)) == list(range(len(lengths)))
    assert all(1 < len(batch) <= batch_size + 1 for batch in batches)
    assert len(EpochSampler(np.array(lengths, dtype=float), batch_size, seed)) == len(batches)


def test_a_batch_holds_neighbours_in_length() -> None:
    lengths = np.repeat([10.0, 100.0, 1000.0], 8)
    for batch in bucketed_batches(lengths, 8, np.random.default_rng(0)):
        assert len(set(lengths[batch])) == 1


def test_epochs_differ_and_the_same_epoch_repeats() -> None:
    sampler = EpochSampler(np.arange(20) + 1.0, 4, seed=0)
    first = list(sampler)
    assert list(sampler) == first
    sampler.epoch = 1
    assert list(sampler) != first


def test_crop_takes_a_run_of_frames_or_all() -> None:
    features = np.arange(20.0)[:, None]
    run = crop(features, 5, np.random.default_rng(0))[:, 0]
    assert len(run) == 5
    assert (np.diff(run) == 1).all()
    assert crop(features, 0, np.random.default_rng(0)) is features
    assert crop(features, 30, np.random.default_rng(0)) is features


def test_padding_is_zero() -> None:
    frames, lengths = pad([np.ones((1, 2), np.float32), np.full((3, 2), 2, np.float32)])
    assert frames[:, :, 0].tolist() == [[1, 0, 0], [2, 2, 2]]
    assert lengths.tolist() == [1, 3]


def test_a_batch_carries_the_clean_features_beside_the_augmented_ones(corpus: Path) -> None:
    store = FeatureStore.open(corpus / "feats/tiny/train")
    config = TrainingConfig(batch_size=4, augment={"tempo": 0.3})
    labels = np.arange(len(store))[:, None]
    data = TrainingUtterances(store, store.utts, labels, config, seed=0, views=("augmented", "unerased", "clean"))
    for batch in make_loader(data, CPU)[0]:
        assert batch.frames.shape == batch.views["unerased"][0].shape
        frames, lengths = batch.views["clean"]
        for row, (number,) in enumerate(batch.labels.tolist()):
            np.testing.assert_array_equal(frames[row, : lengths[row]].numpy(), store[store.utts[number]])
    assert (batch.lengths != lengths).any()


def test_a_batch_holds_nothing_that_is_not_asked_for(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FeatureStore.open(corpus / "feats/tiny/train")
    data = TrainingUtterances(store, store.utts, np.arange(len(store))[:, None], TrainingConfig(batch_size=4), seed=0)
    padded: list[int] = []

    def counted(items: Sequence[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
        padded.append(len(items))
        return pad(items)

    monkeypatch.setattr(module, "pad", counted)
    batches = list(make_loader(data, CPU)[0])
    assert [set(batch.views) for batch in batches] == [{"augmented"}] * len(batches)
    assert len(padded) == len(batches)


@pytest.mark.parametrize(
    ("student", "teacher", "views"),
    [
        ("augmented", "augmented", {"augmented"}),
        ("augmented", "clean", {"augmented", "clean"}),
        ("unerased", "unerased", {"unerased"}),
    ],
)
def test_distillation_asks_for_what_the_student_and_the_teacher_see(
    student: str, teacher: str, views: set[str]
) -> None:
    objective = {"student_sees": student, "teacher_sees": teacher}
    config = Config.model_validate({"network": {"head": "cls-dist"}, "objective": objective})
    assert Distillation(config, [2], [config.network]).views == views
    assert JointDistillation(config, config, [2]).views == views
    assert Classification(config, [2]).views == {"augmented"}


def test_a_jitter_of_one_lets_any_utterances_meet() -> None:
    lengths = np.repeat([10.0, 1000.0], 32)
    batches = bucketed_batches(lengths, 8, np.random.default_rng(0), jitter=1)
    assert sorted(np.concatenate(batches)) == list(range(64))
    assert any(len(set(lengths[batch])) == 2 for batch in batches)


def test_a_batch_carries_each_utterances_own_stored_embeddings(corpus: Path) -> None:
    store = FeatureStore.open(corpus / "feats/tiny/train")
    numbers = np.arange(len(store))
    others = ["another", *reversed(store.utts)]
    vectors = np.array([[-1, 0], *([number, 2] for number in reversed(numbers))], dtype=np.float32)
    teachers = [StoredTeacher(Path("a"), others, vectors, ""), StoredTeacher(Path("b"), others, 10 * vectors, "")]
    config = TrainingConfig(batch_size=4)
    data = TrainingUtterances(store, store.utts, numbers[:, None], config, seed=0, stored=teachers)
    loader, _ = make_loader(data, CPU)
    wanted = torch.from_numpy(centred(np.array([[number, 2] for number in numbers])))
    for batch in loader:
        first, second = batch.to(CPU).stored
        torch.testing.assert_close(first, wanted[batch.labels[:, 0]])
        torch.testing.assert_close(second, first)  # lengths do not count
    assert teachers[0].missing(["new", *store.utts, "newer"]) == ["new", "newer"]


def test_stored_embeddings_are_centred_by_hand() -> None:
    found = centred(np.array([[3.0, 4.0], [0.0, 2.0], [0.0, 0.0]]))  # of length 1: (0.6, 0.8), (0, 1), (0, 0)
    apart = np.array([[0.4, 0.2], [-0.2, 0.4], [-0.2, -0.6]])  # less their mean (0.2, 0.6)
    np.testing.assert_allclose(found, apart / np.linalg.norm(apart, axis=1, keepdims=True), rtol=1e-6)
    np.testing.assert_array_equal(centred(np.ones((2, 3))), np.zeros((2, 3)))  # nothing sets them apart


def test_embeddings_of_other_utterances_go_on_with_a_teacher() -> None:
    one = StoredTeacher(Path("a"), ["u1", "u2"], np.zeros((2, 3), np.float32), "x")
    other = StoredTeacher(Path("b"), ["v1"], np.ones((1, 3), np.float32), "y")
    assert one.goes_on_in(other)
    assert not one.goes_on_in(StoredTeacher(Path("c"), ["u2"], np.ones((1, 3), np.float32), "y"))
    assert not one.goes_on_in(StoredTeacher(Path("c"), ["v1"], np.ones((1, 4), np.float32), "y"))
    both = one.with_more(other)
    assert (both.folder, both.hash, both.missing(["u1", "v1", "w"])) == (Path("a"), "x+y", ["w"])
    np.testing.assert_array_equal(both.of(["v1", "u2"]), [[1, 1, 1], [0, 0, 0]])
