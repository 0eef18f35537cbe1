"""Tiny networks that nobody trained, in folders as training leaves them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from svtok.nets.network import Network
from svtok.nets.phone_network import PhoneNetwork
from svtok.trained.classes import ClassList
from svtok.trained.config import Config, PhoneticConfig
from svtok.trained.folder import TrainedNetwork, load_network, weights_hash, write_config, write_settings, write_weights
from svtok.trained.phones import PHONES, PhoneList

CLASSES = ClassList((("ann", "yes"), ("ann", "no"), ("bob", "yes"), ("bob", "no")))
SMALL = {"front_end": {"channels": 8, "blocks": [8]}, "memory": {"slots": 4, "key_dim": 4}, "attention_heads": 2}
MakeNetwork = Callable[..., TrainedNetwork]


def write(
    folder: Path,
    network: dict[str, Any] | None = None,
    features: dict[str, Any] | None = None,
    *,
    phonetic: bool = False,
) -> TrainedNetwork:
    """Write a network's folder, with means and variances unlike those of a network before training, and load it.

    With `phonetic`, its features get the columns of a phonetic network, whose copy lies in the folder.
    """
    torch.manual_seed(0)
    folder.mkdir()
    tree = {"sample_rate": 8000, "bands": 8, **(features or {})}
    if phonetic:
        tree["phonetic"] = _write_phonetic(folder / "phonetic", tree)
    config = Config.model_validate({"network": {**SMALL, **(network or {})}, "features": tree})
    assert config.features is not None
    write_settings(folder, config, CLASSES, {})
    made = Network(config.network, config.features.dim, len(CLASSES), config.features.phonetic_dim, CLASSES.factors)
    for part in made.modules():
        if isinstance(part, torch.nn.BatchNorm1d):
            part.running_mean, part.running_var = torch.randn(part.num_features), torch.rand(part.num_features) + 0.5
    write_weights(folder, made.state_dict())
    return load_network(folder)


@pytest.fixture(scope="session")
def write_network() -> MakeNetwork:
    """`write`: folder, network, features."""
    return write


@pytest.fixture
def make_network(tmp_path: Path) -> MakeNetwork:
    """`write`, into net of the test's own folder."""
    return partial(write, tmp_path / "net")


def _write_phonetic(folder: Path, features: dict[str, Any]) -> dict[str, Any]:
    """The columns of the phonetic network that is written."""
    folder.mkdir()
    tree = {"front_end": {"channels": 4, "blocks": [4], "subsample": 2}, "bottleneck": 3}
    config = PhoneticConfig.model_validate({"network": tree, "features": features})
    assert config.features is not None
    write_config(folder, config, {})
    phones = PhoneList(("a", "b"))
    phones.write(folder / PHONES)
    (folder / "training.jsonl").write_text('{"epoch": 1}\n')
    write_weights(folder, PhoneNetwork(config.network, config.features.dim, len(phones)).state_dict())
    return {"hash": weights_hash(folder), "dim": 3}
