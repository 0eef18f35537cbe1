"""Several processes train one network: the same as one, whatever the shares are; only the first writes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from svtok.ranks import Ranks
from svtok.training.data import EpochSampler
from tests.processes import svtok, together

pytestmark = pytest.mark.slow

FRONT_END = {"kind": "ecapa", "channels": 8, "scale": 2, "out_channels": 8, "squeeze": 4}
SETTINGS: dict[str, dict[str, Any]] = {
    "residual": {
        "network": {"head": "cls", "front_end": {"channels": 6, "blocks": [8]}},
        "objective": {"loss": "aam", "ring_weight": 0.1},
        "training": {"batch_size": 8, "accumulate": 3},  # of 4 batches an epoch
    },
    "ecapa": {
        "network": {"head": "attentive-stats", "front_end": FRONT_END, "layers": 0},
        "objective": {"loss": "adcf"},
        "training": {"batch_size": 10},  # of 32 utterances: of the last batch's 2, a third process has none
    },
    "sampled": {
        "network": {"head": "cls", "front_end": {"channels": 6, "blocks": [8]}, "sub_centers": 2},
        "objective": {"loss": "aam"},
        "training": {"batch_size": 7, "sampled_classes": 6, "accumulate": 2},  # uneven shares
    },
    "drawn": {
        "network": {"head": "cls-sampled", "front_end": {"channels": 6, "blocks": [8]}, "dropout": 0.1},
        "training": {"batch_size": 8, "keep": "best"},
    },
}


def settings(folder: Path, name: str) -> Path:
    """A file with the settings of that name, of a tiny network and two epochs."""
    tree = SETTINGS[name]
    network = {"attention_heads": 2, "memory": {"slots": 4, "key_dim": 4}, "dropout": 0.0, **tree["network"]}
    steps = {"epochs": 2, "precision": "fp32", "learning_rate": 0.01, **tree["training"]}
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump({**tree, "network": network, "training": steps}))
    return path


def train(corpus: Path, folder: Path, name: str, world: int, *more: str) -> Path:
    """The folder of a network that so many processes have trained."""
    data, out = corpus / "data/tiny/train", folder / f"of-{world}"
    arguments = ("train", "--data", str(data), "--config", str(settings(folder, name)), "--out", str(out), *more)
    ended = together(folder, world, svtok, *arguments, "--device", "cpu")
    assert [status for status, _ in ended] == [0] * world, ended
    assert ended[0][1].count("epoch 2/2") == 1
    assert not any(text for _, text in ended[1:]), "the first prints"
    return out


def log(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "training.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(("name", "world"), [("residual", 2), ("residual", 4), ("ecapa", 3), ("sampled", 2)])
def test_the_loss_curve_is_that_of_one_process(corpus: Path, tmp_path: Path, name: str, world: int) -> None:
    one, several = (train(corpus, tmp_path, name, count) for count in (1, world))
    for mine, other in zip(log(one), log(several), strict=True):
        assert mine.keys() == other.keys()
        assert other["loss"] == pytest.approx(mine["loss"], rel=1e-4)
        # biases in front of BatchNorm have no gradient but rounding, and running means follow them late
        assert other["dev_eer"] == pytest.approx(mine["dev_eer"], abs=0.1)
    assert sorted(path.name for path in one.iterdir()) == sorted(path.name for path in several.iterdir())


def test_runs_that_draw_repeat_with_as_many_processes(corpus: Path, tmp_path: Path) -> None:
    both = [train(corpus, tmp_path / name, "drawn", 2) for name in "ab"]
    assert len({(folder / "network.safetensors").read_bytes() for folder in both}) == 1


def test_what_is_wrong_ends_all_processes(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "of-2").mkdir()
    (tmp_path / "of-2" / "mine.txt").write_text("none of svtok's")
    config = settings(tmp_path, "residual")
    arguments = ("--data", str(corpus / "data/tiny/train"), "--config", str(config), "--out", str(tmp_path / "of-2"))
    (status, printed), (other, nothing) = together(tmp_path, 2, svtok, "train", *arguments)
    assert (status, other, nothing) == (1, 1, "")
    assert "is not empty and holds no network" in printed


@pytest.mark.parametrize("world", [1, 2, 3, 7])
def test_shares_are_the_batches_of_one_process_taken_apart(world: int) -> None:
    lengths = np.random.default_rng(0).integers(10, 90, 23).astype(float)
    whole = list(EpochSampler(lengths, 6, seed=3))
    samplers = [EpochSampler(lengths, 6, seed=3, ranks=Ranks(rank, world)) for rank in range(world)]
    for number, batch in enumerate(whole):
        shares: Sequence[Sequence[Any]] = [list(sampler)[number] for sampler in samplers]
        assert all(sampler.batches()[number] == [key for key, _ in batch] for sampler in samplers)
        own = [len(sampler.ranks.share(batch)) for sampler in samplers]
        assert sorted(key for keys, count in zip(shares, own, strict=True) for key in keys[:count]) == sorted(batch)
        assert all(len(keys) == max(1, count) for keys, count in zip(shares, own, strict=True))
