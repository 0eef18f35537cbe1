"""Phonetic columns of features: the bottleneck of a trained phonetic network, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from svtok.errors import SvtokError, raise_problems
from svtok.features.config import FeaturesConfig, PhoneticColumns, differences
from svtok.features.store import PHONETIC
from svtok.nets.phone_network import PhoneNetwork
from svtok.phonetic.folder import copy_phone_network, load_phone_network


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
