"""Training classes: the speakers, or each speaker's each phrase."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from svtok.errors import SvtokError

NO_PHRASE = ""
"""The phrase of a class that is a speaker alone."""


@dataclass(frozen=True)
class ClassList:
    """(speaker, phrase) of each class, in the order of the classifier's outputs; the phrase is '' for a speaker."""

    names: tuple[tuple[str, str], ...]

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def of(cls, utterances: pd.DataFrame, kind: str) -> ClassList:
        """The classes of a training set. Raises SvtokError if there are fewer than two."""
        names = sorted(set(_names(utterances, kind)))
        if len(names) < 2:
            raise SvtokError(f"the training set has {len(names)} class ({kind}); at least 2 are needed")
        return cls(tuple(names))

    def labels(self, utterances: pd.DataFrame, kind: str) -> np.ndarray:
        """Class index of each utterance, int64 (N,)."""
        index = {name: number for number, name in enumerate(self.names)}
        return np.array([index[name] for name in _names(utterances, kind)], dtype=np.int64)

    def write(self, path: Path) -> None:
        """Write `spk phrase`, a line a class."""
        pd.DataFrame(self.names, columns=["spk", "phrase"]).to_csv(
            path, sep="\t", index=False, quoting=csv.QUOTE_NONE, lineterminator="\n"
        )

    @classmethod
    def read(cls, path: Path) -> ClassList:
        """Read what `write` wrote."""
        table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False, quoting=csv.QUOTE_NONE)
        return cls(tuple(zip(table["spk"], table["phrase"], strict=True)))


def _names(utterances: pd.DataFrame, kind: str) -> list[tuple[str, str]]:
    phrases = [NO_PHRASE] * len(utterances) if kind == "speaker" else utterances["phrase"].tolist()
    return list(zip(utterances["spk"].tolist(), phrases, strict=True))
