"""The utterances of each enrollment model one after the other, as if they were one recording."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from svtok.embeddings.store import INDEX, read_embeddings
from svtok.errors import SvtokError
from svtok.features.store import FeatureStore
from svtok.manifest.sets import PreparedSet


class JoinedFeatures:
    """Features by the name of a model: those of its utterances joined in time, in the order of the models table.

    Stored features are normalised already, each utterance by its own statistics, and joined as they are. Raises
    SvtokError where the set has no models, or one of them has no utterance.
    """

    def __init__(self, store: FeatureStore, prepared: PreparedSet) -> None:
        if prepared.models is None:
            raise SvtokError(f"{prepared.folder or 'the set'} has no models.tsv: there are no models to join")
        table = prepared.models
        self.store = store
        self.utts_of = {str(name): str(utts).split() for name, utts in zip(table["model"], table["utts"], strict=True)}
        empty = [name for name, utts in self.utts_of.items() if not utts]
        if empty:
            raise SvtokError(f"model '{empty[0]}' has no enrollment utterance")

    @property
    def models(self) -> list[str]:
        return list(self.utts_of)

    def frames(self, model: str) -> int:
        """Number of frames of a model's utterances together."""
        return sum(self.store.frames(utt) for utt in self.utts_of[model])

    def __getitem__(self, model: str) -> np.ndarray:
        """Features (T, F) of a model's utterances. Raises SvtokError where one has none."""
        return np.concatenate([self.store[utt] for utt in self.utts_of[model]])


def refuse_other_names(folder: Path, names: list[str]) -> None:
    """Raise SvtokError where a folder to write holds embeddings of anything but these, as those of utterances."""
    if (folder / INDEX).is_file() and read_embeddings(folder).utts != sorted(names):
        raise SvtokError(f"{folder} holds embeddings of other names than these models: name another folder")
