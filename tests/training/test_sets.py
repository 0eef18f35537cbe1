"""Training on several sets at once, of which some are of free text."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from svtok.errors import ProblemsError, SvtokError
from svtok.features.config import FeaturesConfig
from svtok.features.store import Source, open_source, open_sources, write_features
from svtok.manifest.sets import audio_paths, read_set, write_set
from svtok.trained.folder import load_network
from svtok.training.run import Run, train_network

BOTH = ["train", "free"]
FREE: dict[str, Any] = {"free_phrases": "free"}


@pytest.fixture
def both(corpus: Path) -> Source:
    return open_sources([corpus / "data/tiny" / name for name in BOTH], ())


def test_several_sets_are_one_with_all_utterances_and_their_features(corpus: Path, both: Source) -> None:
    parts = [open_source(corpus / "data/tiny" / name, None) for name in BOTH]
    utts = [utt for part in parts for utt in part.prepared.utterances["utt"]]
    assert both.prepared.utterances["utt"].tolist() == utts
    assert len(utts) == 32 + 12
    again = pickle.loads(pickle.dumps(both.store))
    for part in parts:
        for utt in part.prepared.utterances["utt"]:
            assert both.store.frames(utt) == part.store.frames(utt)
            np.testing.assert_array_equal(both.store[utt], part.store[utt])
            np.testing.assert_array_equal(again[utt], part.store[utt])
    assert audio_paths(both.prepared)[-1] == corpus / "data/tiny/free/mae.wav"
    assert "ann-no-9" not in both.store
    with pytest.raises(SvtokError, match="no features of utterance 'ann-no-9'"):
        both.store["ann-no-9"]


def test_a_single_set_is_as_it_is_alone(corpus: Path) -> None:
    one = open_sources([corpus / "data/tiny/train"], ())
    assert one.parts == ()
    assert one.store.folder == corpus / "feats/tiny/train"


def test_columns_that_one_set_lacks_are_unknown_there(corpus: Path, tmp_path: Path) -> None:
    free = read_set(corpus / "data/tiny/free")
    cut = free.utterances.assign(start=0.5, end=1.5)
    write_set(type(free)(cut, folder=free.folder), tmp_path / "cut")
    features = [corpus / "feats/tiny" / name for name in BOTH]
    table = open_sources([corpus / "data/tiny/train", tmp_path / "cut"], features).prepared.utterances
    assert [table["start"].iloc[0], table["end"].iloc[0], table["start"].iloc[-1]] == [None, None, 0.5]


def test_all_clashes_of_sets_are_said_at_once_with_the_way_out(corpus: Path, tmp_path: Path) -> None:
    free = read_set(corpus / "data/tiny/free")
    spk, utt = free.utterances["spk"].replace("kim", "ann"), free.utterances["utt"].replace("lee-no-0", "ann-no-0")
    write_set(type(free)(free.utterances.assign(spk=spk, utt=utt), folder=free.folder), tmp_path / "other")
    utts = read_set(tmp_path / "other").utterances["utt"].tolist()
    frames = [np.zeros((9, 4), dtype=np.float32)] * len(utts)
    (tmp_path / "feats").mkdir()
    write_features(tmp_path / "feats", utts, [9] * len(utts), frames, config=FeaturesConfig(bands=4), fingerprint="")
    sets, feats = [corpus / "data/tiny/train", tmp_path / "other"], [corpus / "feats/tiny/train", tmp_path / "feats"]
    with pytest.raises(ProblemsError) as caught:
        open_sources(sets, feats)
    first, second, third = map(str, caught.value.problems)
    train = corpus / "data/tiny/train"
    assert first.startswith(f"{tmp_path / 'other'}: 1 speaker name is in {train} too: ann; name them apart")
    assert second.startswith(f"{tmp_path / 'other'}: 1 utterance name is in {train} too: ann-no-0; name them apart")
    assert third.startswith(f"features.bands: those of {corpus / 'feats/tiny/train'} is (5,)")


def test_features_are_named_for_each_set_or_for_none(corpus: Path) -> None:
    sets = [corpus / "data/tiny" / name for name in BOTH]
    with pytest.raises(SvtokError, match=r"2 sets \(--data\) and 1 folders of features"):
        open_sources(sets, [corpus / "feats/tiny/train"])


@pytest.mark.slow
@pytest.mark.parametrize("classifier", ["cosine", "factored"])
def test_free_text_counts_by_its_speaker_beside_phrases(
    make_run: Callable[..., Run], classifier: str, rows: Callable[[Path], list[dict[str, Any]]]
) -> None:
    """Cut to 9 frames, so that the recordings of the second set are read as runs drawn anew in each epoch."""
    training = {**FREE, "crop_frames": 9, "epochs": 12}
    train_network(run := make_run(train=BOTH, dev=False, network={"classifier": classifier}, training=training))
    trained = load_network(run.out)
    assert trained.classes.names[-3:] == (("kim", ""), ("lee", ""), ("mae", ""))
    assert len(trained.classes) == 8 + 3
    if classifier == "factored":
        layer: Any = trained.network.classifiers["cls"]
        assert (len(layer.speakers), len(layer.phrases)) == (4 + 3, 2)
    log = rows(run.out)
    assert log[-1]["loss"] < 0.8 * log[0]["loss"]


@pytest.mark.slow
def test_a_run_on_several_sets_that_was_cut_off_ends_in_the_same_weights(
    make_run: Callable[..., Run],
    cut_off: Callable[[Run, int], None],
    assert_same_weights: Callable[[Path, Path], None],
    measure: Callable[[Run], Any],
) -> None:
    fields = {"train": BOTH, "training": {**FREE, "crop_frames": 9, "epochs": 2}}
    train_network(whole := make_run("whole", **fields), measure(whole))
    cut_off(cut := make_run("cut", **fields), 2)
    train_network(make_run("cut", **fields), measure(cut))
    assert_same_weights(whole.out, cut.out)
    assert train_network(make_run("cut", **fields)) is False


@pytest.mark.slow
def test_a_network_of_other_sets_is_another_one(
    make_run: Callable[..., Run], cut_off: Callable[[Run, int], None]
) -> None:
    cut_off(run := make_run(train=BOTH), 2)
    about = yaml.safe_load((run.out / "config.yaml").read_text())["run"]["train"]
    assert about["data"].endswith("data/tiny/train")
    assert [Path(place).name for place in about["further"]["data"]] == ["free"]
    with pytest.raises(ProblemsError, match=r"run\.train\.further\.fingerprint: was \['\w+'\], now None"):
        train_network(make_run())
