"""A trained phonetic network: its phones, its folder, and the phonetic columns that it computes.

The folder holds config.yaml, phones.txt, network.safetensors, and training.jsonl, its log.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from svtok.errors import Problem, SvtokError, raise_problems
from svtok.features.config import FeaturesConfig, PhoneticColumns, differences
from svtok.features.store import PHONETIC
from svtok.files import write_text, writing_folder
from svtok.manifest.tables import fields_of_lines
from svtok.nets.phone_network import PhoneNetwork
from svtok.trained.config import PhoneticConfig
from svtok.trained.folder import (
    CONFIG,
    LOG,
    WEIGHTS,
    check_ended,
    read_settings,
    weights_hash,
    with_weights,
)

BLANK = "<blank>"


@dataclass(frozen=True)
class PhoneList:
    """The phones in the order of their numbers, from 1."""

    names: tuple[str, ...]

    @classmethod
    def of(cls, pronunciations: Iterable[Sequence[str]]) -> PhoneList:
        """The phones of some pronunciations, in bytewise order."""
        return cls(tuple(sorted({phone for phones in pronunciations for phone in phones})))

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, phone: str) -> bool:
        return phone in self._numbers

    def numbers(self, phones: Sequence[str]) -> np.ndarray:
        """The number of each phone, int64 (L,). KeyError for one that is not in the list."""
        return np.array([self._numbers[phone] for phone in phones], dtype=np.int64)

    def write(self, path: Path) -> None:
        """Write a phone and its number a line, as Kaldi's phones.txt; the blank is the first."""
        write_text(path, "".join(f"{name} {number}\n" for number, name in enumerate((BLANK, *self.names))))

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.names, start=1)}


def read_phone_list(path: Path) -> PhoneList:
    """The phones of a file, a line each, in its order; what follows a phone on its line, as its number, is passed over.

    So is the blank. Raises SvtokError where the file is missing or holds no phone, ProblemsError with every phone that
    stands twice.
    """
    names: dict[str, None] = {}
    problems = []
    for line, (name, *_) in fields_of_lines(path):
        if name in names:
            problems.append(Problem(f"phone '{name}' stands twice", path, line))
        elif name != BLANK:
            names[name] = None
    raise_problems(problems)
    if not names:
        raise SvtokError(f"{path}: holds no phones; a line is a phone")
    return PhoneList(tuple(names))


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


def is_phone_network(folder: Path) -> bool:
    """Whether a folder is that of a phonetic network, by its list of phones."""
    return (folder / PHONES).is_file()


def load_phone_network(folder: Path) -> TrainedPhoneNetwork:
    """The phonetic network of a folder, in evaluation mode on the CPU.

    Raises SvtokError where the folder holds none, its training has not ended, or its files do not fit together.
    """
    if not is_phone_network(folder):
        raise SvtokError(f"{folder}: not the folder of a phonetic network (it has no {PHONES})")
    config, _ = read_settings(folder, PhoneticConfig)
    if (features := config.features) is None:
        raise SvtokError(f"{folder / CONFIG}: has no features; train the network again")
    check_ended(folder)
    phones = read_phone_list(folder / PHONES)
    network = with_weights(lambda: PhoneNetwork(config.network, features.dim, len(phones)), folder)
    return TrainedPhoneNetwork(network, config, features, phones, weights_hash(folder))


def copy_phone_network(folder: Path, to: Path) -> None:
    """Copy what belongs to a trained phonetic network into the folder `to`, whole or not at all."""
    with writing_folder(to) as temporary:
        for name in FILES:
            shutil.copyfile(folder / name, temporary / name)


def decode(logits: Tensor) -> list[int]:
    """The numbers of the phones on the best path (greedy): logits (T', 1 + phones) -> runs made one, without blanks."""
    return [number for number in torch.unique_consecutive(logits.argmax(dim=1)).tolist() if number]


@dataclass(frozen=True)
class PhoneticEmbedder:
    """Computes phonetic columns by the network of a folder. `features` are the acoustic ones with these columns."""

    folder: Path
    features: FeaturesConfig
    columns: PhoneticColumns

    @classmethod
    def open(cls, folder: Path, wanted: FeaturesConfig | None = None) -> PhoneticEmbedder:
        """The embedder of a phonetic network's folder.

        Raises SvtokError where there is no trained phonetic network, ProblemsError where its features are not those
        `wanted`, with these very columns if `wanted` has phonetic ones.
        """
        trained = load_phone_network(folder)
        columns = PhoneticColumns(hash=trained.hash, dim=trained.config.network.bottleneck)
        features = trained.features.model_copy(update={"phonetic": columns})
        if wanted is not None:
            wanted = wanted.model_copy(update={"phonetic": wanted.phonetic or columns})
            raise_problems(differences(wanted, features, "the one wanted", f"that of the phonetic network {folder}"))
        return cls(folder, features, columns)

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Acoustic features (T, A) of an utterance -> its phonetic columns (T, P), float32."""
        network = _network(self.folder, self.columns.hash)
        with torch.inference_mode():
            embedded = network.embed(torch.from_numpy(features)[None], torch.tensor([len(features)]))
        return embedded[0].numpy()

    def copy_to(self, folder: Path) -> None:
        """Copy the network into a folder of its own."""
        copy_phone_network(self.folder, folder)


def stored_embedder(folder: Path, config: FeaturesConfig) -> PhoneticEmbedder | None:
    """What computes the phonetic columns of `config`, from the copy that a feature store or a network's folder keeps.

    None where `config` has no such columns. Raises SvtokError or ProblemsError where the copy is missing or another.
    """
    return PhoneticEmbedder.open(folder / PHONETIC, config) if config.phonetic else None


@lru_cache(maxsize=1)
def _network(folder: Path, expected: str) -> PhoneNetwork:
    """The network, loaded once in each process."""
    trained = load_phone_network(folder)
    if trained.hash != expected:
        raise SvtokError(f"{folder}: the phonetic network was changed while it was used")
    return trained.network
