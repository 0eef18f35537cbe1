"""Trainings of phonetic networks as a whole: what they write, that they repeat and resume, what they refuse."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from svtok.errors import ProblemsError, SvtokError
from svtok.features.config import FeaturesConfig, PhoneticColumns
from svtok.features.store import open_source, write_features
from svtok.manifest.sets import PreparedSet, write_set
from svtok.trained.config import PhoneticConfig
from svtok.trained.phones import load_phone_network
from svtok.training.phonetic import PhoneticRun, train_phonetic
from svtok.training.pronounce import Spelling

pytestmark = pytest.mark.slow

BANDS = 4
WORDS = {"no": "c", "on": "b a", "yes": "a b"}
TINY = {
    "network": {"front_end": {"channels": 8, "blocks": [8], "layers_per_block": 1, "kernel": 5}, "bottleneck": 6},
    "training": {
        "epochs": 30,
        "batch_size": 4,
        "precision": "fp32",
        "learning_rate": 0.03,
        "augment": {"erasings": 0, "time_masks": 0, "dim_masks": 0},
    },
}


def write_words(root: Path, name: str, takes: int, config: FeaturesConfig) -> None:
    """data/tiny/NAME and feats/tiny/NAME: words whose phones are loud in a band of their own, for three frames."""
    rng = np.random.default_rng(takes)
    rows, blocks = [], []
    for word, phones in WORDS.items():
        for take in range(takes):
            rows.append((f"{word}-{take}", f"{word}.wav", "ann", word, word))
            bands = [3, 3, *np.repeat(["abc".index(phone) for phone in phones.split()], 3), 3]
            blocks.append((3 * np.eye(BANDS)[bands] + 0.1 * rng.standard_normal((len(bands), BANDS))).astype("f4"))
    utterances = pd.DataFrame(rows, columns=["utt", "path", "spk", "phrase", "text"])
    data, feats = root / "data/tiny" / name, root / "feats/tiny" / name
    write_set(PreparedSet(utterances), data)
    feats.mkdir(parents=True)
    lengths = [len(block) for block in blocks]
    blocks = [np.pad(block, ((0, 0), (0, config.phonetic_dim))) for block in blocks]
    order = np.argsort([row[0] for row in rows])
    utts = [rows[number][0] for number in order]
    write_features(
        feats,
        utts,
        [lengths[number] for number in order],
        [blocks[number] for number in order],
        config=config,
        fingerprint=name,
    )


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., PhoneticRun]:
    """A run on two words, recorded six times for training and twice for dev; fields of the run may be given."""
    config = FeaturesConfig(bands=BANDS)
    write_words(tmp_path, "train", 6, config)
    write_words(tmp_path, "dev", 2, config)
    (tmp_path / "lexicon.txt").write_text("".join(f"{word} {phones}\n" for word, phones in WORDS.items()))

    def make(
        out: str = "exp", training: dict[str, Any] | None = None, network: dict[str, Any] | None = None, **fields: Any
    ) -> PhoneticRun:
        tree = {
            "network": {**TINY["network"], **(network or {})},
            "training": {**TINY["training"], **(training or {})},
        }
        run = PhoneticRun(
            out=tmp_path / out,
            config=PhoneticConfig.model_validate(tree),
            train=open_source(tmp_path / "data/tiny/train", None),
            dev=open_source(tmp_path / "data/tiny/dev", None),
            spelling=Spelling(lexicon=tmp_path / "lexicon.txt"),
            phones=None,
            seed=0,
            device=torch.device("cpu"),
        )
        return replace(run, **fields)

    return make


def rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "training.jsonl").read_text().splitlines()]


def weights(folder: Path) -> dict[str, Tensor]:
    return load_phone_network(folder).network.state_dict()


def assert_same_weights(one: Path, other: Path) -> None:
    for name, tensor in weights(one).items():
        assert torch.equal(tensor, weights(other)[name]), name


def test_a_run_learns_the_phones_and_writes_its_folder(
    make_run: Callable[..., PhoneticRun], capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run()
    assert train_phonetic(run)
    log = rows(run.out)
    assert [row["epoch"] for row in log] == list(range(1, 31))
    assert log[-1]["dev_phone_error_rate"] == 0
    assert "epoch 30/30: loss 0.0" in capsys.readouterr().out
    trained = load_phone_network(run.out)
    assert trained.phones.names == ("a", "b", "c")
    assert trained.features == FeaturesConfig(bands=BANDS)
    assert not (run.out / "checkpoint.pt").exists()


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(make_run: Callable[..., PhoneticRun]) -> None:
    short = {"epochs": 1}
    for out, seed in (("a", 1), ("b", 1), ("c", 2)):
        train_phonetic(make_run(out, short, seed=seed))
    folder = make_run("a").out
    assert_same_weights(folder, folder.parent / "b")
    with pytest.raises(AssertionError):
        assert_same_weights(folder, folder.parent / "c")


def test_a_resumed_run_ends_in_the_weights_of_an_uninterrupted_one(
    make_run: Callable[..., PhoneticRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, cut = make_run("whole", {"epochs": 3}), make_run("cut", {"epochs": 3})
    train_phonetic(whole)
    with monkeypatch.context() as patch:
        patch.setattr("svtok.training.phonetic.write_log", interrupted_after(2))
        with pytest.raises(KeyboardInterrupt):
            train_phonetic(cut)
    assert train_phonetic(cut)
    assert_same_weights(whole.out, cut.out)
    assert len(rows(cut.out)) == 3
    assert not train_phonetic(cut)


def interrupted_after(epochs: int) -> Any:
    """In place of starting the log: makes the checkpoint after some epochs the last thing that is done."""
    from svtok.training import loop

    trainers: Any = loop.Trainer

    def start(folder: Path, rows: Any) -> None:
        epoch_of = trainers._epoch

        def stop(trainer: Any, epoch: int) -> Any:
            if epoch == epochs:
                trainers._epoch = epoch_of
                raise KeyboardInterrupt
            return epoch_of(trainer, epoch)

        trainers._epoch = stop

    return start


def test_another_lexicon_is_another_run(make_run: Callable[..., PhoneticRun], tmp_path: Path) -> None:
    run = make_run(training={"epochs": 1})
    train_phonetic(run)
    (tmp_path / "lexicon.txt").write_text("yes a a\nno c\non a\n")
    with pytest.raises(ProblemsError, match=r"run\.phones: was a b c, now a c(.|\n)*run\.spelling\.lexicon"):
        train_phonetic(run)
    assert train_phonetic(replace(run, anew=True))


def test_missing_words_of_training_and_dev_set_are_refused_before_anything_is_written(
    make_run: Callable[..., PhoneticRun], tmp_path: Path
) -> None:
    (tmp_path / "lexicon.txt").write_text("yes a b\non b a\n")
    run = make_run()
    with pytest.raises(ProblemsError, match=r"train/utterances\.tsv:2: 'no' is not in .*lexicon\.txt"):
        train_phonetic(run)
    assert not run.out.exists()


def test_phones_that_a_given_list_lacks_are_refused(make_run: Callable[..., PhoneticRun], tmp_path: Path) -> None:
    (tmp_path / "phones").write_text("a\nc\n")
    with pytest.raises(ProblemsError, match=r"utterances\.tsv:8: phone 'b' is not in the list of phones given"):
        train_phonetic(make_run(phones=tmp_path / "phones"))


def test_a_given_list_numbers_the_phones(make_run: Callable[..., PhoneticRun], tmp_path: Path) -> None:
    (tmp_path / "phones").write_text("d\nc\nb\na\n")
    run = make_run(training={"epochs": 1}, phones=tmp_path / "phones")
    train_phonetic(run)
    assert load_phone_network(run.out).phones.names == ("d", "c", "b", "a")


def test_utterances_too_short_for_their_phones_are_all_named(make_run: Callable[..., PhoneticRun]) -> None:
    """Two of the words have 9 frames, of which a tempo of 1 - 0.9 leaves one; their two phones need two."""
    with pytest.raises(ProblemsError) as error:
        train_phonetic(make_run(training={"augment": {"tempo": 0.9}}))
    assert len(error.value.problems) == 12
    assert "'yes-0' may have 1 frames after tempo changes and subsampling, too few for its 2 phones" in str(error.value)


def test_what_does_not_fit_is_said_together(make_run: Callable[..., PhoneticRun], tmp_path: Path) -> None:
    write_words(tmp_path / "other", "dev", 1, FeaturesConfig(bands=BANDS, low_freq=50))
    write_words(tmp_path / "other", "train", 1, FeaturesConfig(bands=BANDS, phonetic=PhoneticColumns(hash="x", dim=2)))
    (tmp_path / "other/feats/tiny/train/phonetic").mkdir()
    run = make_run(
        train=open_source(tmp_path / "other/data/tiny/train", None),
        dev=open_source(tmp_path / "other/data/tiny/dev", None),
    )
    with pytest.raises(ProblemsError) as error:
        train_phonetic(run)
    text = str(error.value)
    assert "holds phonetic columns already" in text
    assert "features.low_freq: the dev set's is 50.0, the training set's is 20.0" in text


def test_keeping_the_best_weights_needs_a_dev_set(make_run: Callable[..., PhoneticRun]) -> None:
    with pytest.raises(ProblemsError, match="keep is 'best', which needs a dev set"):
        train_phonetic(make_run(training={"keep": "best"}, dev=None))


def test_cropping_is_refused(make_run: Callable[..., PhoneticRun]) -> None:
    with pytest.raises(ValueError, match="crop_frames must be 0, not 50"):
        make_run(training={"crop_frames": 50})


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ("network.safetensors", "its training has not ended"),
        ("phones.txt", "not the folder of a phonetic network"),
    ],
)
def test_a_folder_without_a_trained_network_is_refused(
    make_run: Callable[..., PhoneticRun], broken: str, message: str
) -> None:
    run = make_run(training={"epochs": 1})
    train_phonetic(run)
    (run.out / broken).unlink()
    with pytest.raises(SvtokError, match=message):
        load_phone_network(run.out)
