"""A tiny corpus of random features in which speakers and phrases differ, prepared as on disk."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from svtok.features.config import FeaturesConfig
from svtok.features.store import open_source, open_sources, write_features
from svtok.manifest.protocol import make_models_and_trials
from svtok.manifest.sets import PreparedSet, read_set, write_set
from svtok.nets.network import Network
from svtok.report.evaluate import make_measure
from svtok.trained.config import Config
from svtok.trained.folder import load_network
from svtok.training.data import Batch
from svtok.training.loop import Trainer
from svtok.training.run import Run, train_network

BANDS = 5
TINY: dict[str, Any] = {
    "network": {
        "front_end": {"channels": 6, "blocks": [8]},
        "attention_heads": 2,
        "memory": {"slots": 4, "key_dim": 4},
        "sampled": {"vectors": 3},
    },
    "training": {"epochs": 3, "batch_size": 8, "precision": "fp32", "learning_rate": 0.01},
}


def write_corpus_set(root: Path, name: str, speakers: list[str], takes: int = 4) -> Path:
    """data/tiny/NAME and feats/tiny/NAME under root: two phrases a speaker; features are noise around their means."""
    rng = np.random.default_rng(sum(map(ord, "".join(speakers))))
    rows, blocks = [], []
    for spk in speakers:
        for phrase in ("no", "yes"):
            centre = 2 * rng.standard_normal((1, BANDS))
            for take in range(takes):
                rows.append((f"{spk}-{phrase}-{take}", f"{spk}.wav", spk, phrase, str(take)))
                frames = int(rng.integers(8, 14))
                blocks.append((centre + rng.standard_normal((frames, BANDS))).astype(np.float32))
    utterances = pd.DataFrame(rows, columns=["utt", "path", "spk", "phrase", "session"])
    models, trials = None, None
    if name == "dev":
        models, trials = make_models_and_trials(utterances, enroll_takes=2, seed=0)[:2]
    data, feats = root / "data" / "tiny" / name, root / "feats" / "tiny" / name
    write_set(PreparedSet(utterances, models, trials), data)
    feats.mkdir(parents=True)
    config = FeaturesConfig(bands=BANDS)
    write_features(feats, utterances["utt"], [len(b) for b in blocks], blocks, config=config, fingerprint=name)
    return data


@pytest.fixture
def batch() -> Batch:
    """Five utterances of 7 frames by 3 values, each view with values of its own; labels among 2 and among 4 classes."""
    generator = torch.Generator().manual_seed(9)
    frames, unerased, clean = torch.randn(3, 5, 7, 3, generator=generator).unbind()
    lengths = torch.full((5,), 7)
    labels = torch.tensor([[0, 0], [1, 1], [0, 2], [1, 3], [0, 0]])
    views = {"augmented": frames, "unerased": unerased, "clean": clean}
    return Batch({name: (view, lengths) for name, view in views.items()}, labels)  # type: ignore[misc]


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that holds data/tiny/{train,dev} and their features."""
    root = tmp_path_factory.mktemp("corpus")
    write_corpus_set(root, "train", ["ann", "bob", "cat", "dan"])
    write_corpus_set(root, "dev", ["eve", "fay", "guy"])
    unknown = read_set(write_corpus_set(root, "unlabelled", ["hal", "ida", "joe"]))
    write_set(PreparedSet(unknown.utterances.assign(spk="unknown", phrase="free")), root / "data/tiny/unlabelled")
    free = read_set(write_corpus_set(root, "free", ["kim", "lee", "mae"], takes=2))
    write_set(PreparedSet(free.utterances.assign(phrase="free")), root / "data/tiny/free")
    return root


@pytest.fixture
def make_run(corpus: Path, tmp_path: Path) -> Callable[..., Run]:
    """A run on the tiny corpus; fields of the configuration are given as nested dictionaries."""

    def make(out: str = "exp", *, head: str = "cls", dev: bool = True, **more: Any) -> Run:
        anew, seed = more.pop("anew", False), more.pop("seed", 0)
        teachers, joint, init = more.pop("teachers", ()), more.pop("joint", None), more.pop("init", None)
        stored, train = more.pop("stored", ()), more.pop("train", "train")
        sets = [corpus / "data/tiny" / name for name in ([train] if isinstance(train, str) else train)]
        tree = {name: {**TINY.get(name, {}), **more.get(name, {})} for name in ("network", "objective", "training")}
        tree["network"]["head"] = head
        return Run(
            out=tmp_path / out,
            config=Config.model_validate(tree),
            train=open_sources(sets, ()),
            dev=open_source(corpus / "data/tiny/dev", None) if dev else None,
            seed=seed,
            device=torch.device("cpu"),
            teachers=tuple(teachers),
            stored=tuple(stored),
            joint=joint,
            init=init,
            anew=anew,
        )

    return make


@pytest.fixture
def rows() -> Callable[[Path], list[dict[str, Any]]]:
    """What a folder's log says of each epoch."""

    def read(folder: Path) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (folder / "training.jsonl").read_text().splitlines()]

    return read


@pytest.fixture
def assert_same_weights() -> Callable[[Path, Path], None]:
    """Compares the networks of two folders, bit for bit."""

    def compare(one: Path, other: Path) -> None:
        mine, theirs = (load_network(folder).network.state_dict() for folder in (one, other))
        assert mine.keys() == theirs.keys()
        for name, tensor in mine.items():
            assert torch.equal(tensor, theirs[name]), name

    return compare


class CutOffError(Exception):
    """Stands for a machine that goes down."""


@pytest.fixture
def measure() -> Callable[[Run], Callable[[Network], float]]:
    """What the command line measures of a run's network on its dev set."""

    def make(run: Run) -> Callable[[Network], float]:
        assert run.dev is not None
        return make_measure(run.dev, run.config.training.nontarget, run.device)

    return make


@pytest.fixture
def cut_off(
    monkeypatch: pytest.MonkeyPatch, measure: Callable[[Run], Callable[[Network], float]]
) -> Callable[[Run, int], None]:
    """Trains a run that is cut off in the middle of an epoch (from 1)."""

    def train(run: Run, epoch: int) -> None:
        step = Trainer._step

        def stop(trainer: Trainer, number: int, *more: Any) -> Any:
            if number == trainer.steps_an_epoch * (epoch - 1) + 1:
                raise CutOffError
            return step(trainer, number, *more)

        monkeypatch.setattr(Trainer, "_step", stop)
        with pytest.raises(CutOffError):
            train_network(run, measure(run))
        monkeypatch.setattr(Trainer, "_step", step)

    return train
