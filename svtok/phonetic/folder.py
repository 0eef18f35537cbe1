"""A trained phonetic network on disk: config.yaml, phones.txt, network.safetensors, and training.jsonl, its log."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from svtok.errors import SvtokError
from svtok.features.config import FeaturesConfig
from svtok.files import writing_folder
from svtok.nets.phone_network import PhoneNetwork
from svtok.phonetic.config import PhoneticConfig
from svtok.phonetic.phone_list import PhoneList, read_phone_list
from svtok.training.network_folder import (
    CONFIG,
    LOG,
    WEIGHTS,
    check_ended,
    load_weights,
    read_settings,
    weights_hash,
)

PHONES = "phones.txt"
FILES = (CONFIG, PHONES, LOG, WEIGHTS)


@dataclass(frozen=True)
class TrainedPhoneNetwork:
    """A phonetic network and what it was trained with. `hash` is the SHA-256 of its weights' file."""

    network: PhoneNetwork
    config: PhoneticConfig
    features: FeaturesConfig
    phones: PhoneList
    hash: str


def load_phone_network(folder: Path) -> TrainedPhoneNetwork:
    """The phonetic network of a folder, in evaluation mode on the CPU.

    Raises SvtokError where the folder holds none, its training has not ended, or its files do not fit together.
    """
    if not (folder / PHONES).is_file():
        raise SvtokError(f"{folder}: not the folder of a phonetic network (it has no {PHONES})")
    config, _ = read_settings(folder, PhoneticConfig)
    if config.features is None:
        raise SvtokError(f"{folder / CONFIG}: tells no features; train the network again")
    check_ended(folder)
    phones = read_phone_list(folder / PHONES)
    network = PhoneNetwork(config.network, config.features.dim, len(phones))
    load_weights(network, folder)
    return TrainedPhoneNetwork(network.eval(), config, config.features, phones, weights_hash(folder))


def copy_phone_network(folder: Path, to: Path) -> None:
    """Copy what belongs to a trained phonetic network into the folder `to`, whole or not at all."""
    with writing_folder(to) as temporary:
        for name in FILES:
            shutil.copyfile(folder / name, temporary / name)
