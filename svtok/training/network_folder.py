"""A trained network on disk: config.yaml, classes.tsv, network.safetensors; training.jsonl tells how it went.

`network.safetensors` is written last: a folder without it is of a training that has not ended.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors import SafetensorError
from safetensors.torch import load_file, save

import svtok
from svtok.config_errors import load_yaml, validated
from svtok.errors import SvtokError
from svtok.features.config import FeaturesConfig
from svtok.files import sha256_of_files, write_text, writing_file
from svtok.nets.network import Network
from svtok.training.classes import ClassList
from svtok.training.config import Config

TEACHER = "teacher"
"""The folder, within a student's, of a teacher that was trained beside it."""

CONFIG, CLASSES, WEIGHTS, LOG = "config.yaml", "classes.tsv", "network.safetensors", "training.jsonl"


@dataclass(frozen=True)
class TrainedNetwork:
    """A network and what it was trained with. `hash` is the SHA-256 of its weights' file."""

    network: Network
    config: Config
    features: FeaturesConfig
    classes: ClassList
    hash: str


def write_settings(folder: Path, config: Config, classes: ClassList, about: dict[str, Any]) -> None:
    """Write config.yaml (the tree, and what `about` tells of the run) and classes.tsv."""
    tree = {**config.model_dump(mode="json"), "run": {"svtok": svtok.__version__, **about}}
    write_text(folder / CONFIG, yaml.safe_dump(tree, sort_keys=False))
    with writing_file(folder / CLASSES) as temporary:
        classes.write(temporary)


def read_settings(folder: Path) -> tuple[Config, dict[str, Any]]:
    """The configuration of a folder, and what its run was told. Raises SvtokError where there is none."""
    if not (folder / CONFIG).is_file():
        raise SvtokError(f"{folder}: not the folder of a network (it has no {CONFIG})")
    tree = load_yaml(folder / CONFIG)
    about = tree.pop("run", {})
    return validated(Config, tree, str(folder / CONFIG)), about


def write_weights(folder: Path, weights: dict[str, torch.Tensor]) -> None:
    """Write network.safetensors, which marks the training as ended."""
    whole = save({name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()})
    with writing_file(folder / WEIGHTS) as temporary:
        temporary.write_bytes(whole)


def weights_hash(folder: Path) -> str:
    """The SHA-256 (hex) of a network's weights, which is what its students name."""
    return sha256_of_files([folder / WEIGHTS])


def load_network(folder: Path) -> TrainedNetwork:
    """The network of a folder, in evaluation mode on the CPU.

    Raises SvtokError where the folder holds none, its training has not ended, or its files do not fit together.
    """
    config, _ = read_settings(folder)
    if config.features is None:
        raise SvtokError(f"{folder / CONFIG}: tells no features; train the network again")
    weights = folder / WEIGHTS
    if not weights.is_file():
        raise SvtokError(f"{folder}: its training has not ended (no {WEIGHTS}); run it again with --resume")
    classes = ClassList.read(folder / CLASSES)
    network = Network(config.network, config.features.dim, len(classes))
    try:
        network.load_state_dict(load_file(weights))
    except (SafetensorError, RuntimeError) as error:
        raise SvtokError(f"{weights}: damaged, or not of this {CONFIG}: {error}") from None
    return TrainedNetwork(network.eval(), config, config.features, classes, weights_hash(folder))
