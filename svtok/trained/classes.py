"""Training classes: speakers, phrases, or each speaker's each phrase; in one group or in two."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from svtok.errors import Problem, raise_problems
from svtok.manifest.tables import read_columns, write_rows

if TYPE_CHECKING:
    import pandas as pd

NONE = ""
"""The phrase of a class that is a speaker alone, and the speaker of one that is a phrase alone."""

GROUPS = {
    "speaker": ("speaker",),
    "speaker-phrase": ("speaker-phrase",),
    "phrase": ("phrase",),
    "both": ("speaker", "speaker-phrase"),
}
"""What the classes of each group are, by the value of `training.classes`."""


@dataclass(frozen=True)
class ClassList:
    """(speaker, phrase) of each class, in the order of the classifier's outputs.

    The classes of a group exclude each other; every utterance is of one class in each group. Groups follow upon one
    another, and within a group the names rise. Speakers have no phrase (''), phrases no speaker; of speaker-phrase
    classes, those of free text have no phrase.
    """

    names: tuple[tuple[str, str], ...]

    def __len__(self) -> int:
        return len(self.names)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of classes of each group."""
        falls = [place for place, (one, other) in enumerate(pairwise(self.names), start=1) if other <= one]
        return tuple(end - begin for begin, end in pairwise([0, *falls, len(self.names)]))

    @property
    def factors(self) -> torch.Tensor:
        """The numbers of each class's speaker and phrase, by the order of their names; -1 for none: (classes, 2)."""
        numbers = []
        for part in zip(*self.names, strict=True):  # all speakers, then all phrases
            number = {name: place for place, name in enumerate(sorted(set(part) - {NONE}))}
            numbers.append([number.get(name, -1) for name in part])
        return torch.tensor(numbers).T.contiguous()

    @classmethod
    def of(cls, utterances: pd.DataFrame, kind: str, fewest: int = 2, free: Collection[str] = ()) -> ClassList:
        """The classes of a training set, `kind` being a value of `training.classes`.

        Args:
            utterances: those of the set, with their speakers and phrases.
            kind: a key of `GROUPS`.
            fewest: classes that each group needs; 1 where no label is learned. Several groups need 2.
            free: phrases that stand for free text, whose classes are the speakers alone.

        Raises:
            ProblemsError: a group has fewer than `fewest`, or free text would have to be a phrase.
        """
        groups = {group: sorted(set(_names(utterances, group, free))) for group in GROUPS[kind]}
        fewest = max(fewest, len(groups))
        problems = [
            Problem(f"the training set has {len(names)} class ({group}); at least {fewest} are needed")
            for group, names in groups.items()
            if len(names) < fewest
        ]
        if kind == "phrase" and (count := int(utterances["phrase"].isin(list(free)).sum())):
            problems.append(
                Problem(
                    f"{count} utterances are of free text (training.free_phrases), which is of no class where "
                    "training.classes is phrase: train without them, or without training.free_phrases"
                )
            )
        raise_problems(problems)
        return cls(tuple(name for names in groups.values() for name in names))

    def labels(self, utterances: pd.DataFrame, kind: str, free: Collection[str] = ()) -> np.ndarray:
        """Class of each utterance in each group, counted from the group's first: int64 (N, groups).

        Args:
            utterances: those that the classes are of, or some of them.
            kind: as of `of`.
            free: as of `of`.
        """
        labels = np.empty((len(utterances), len(GROUPS[kind])), dtype=np.int64)
        start = 0
        for column, (group, size) in enumerate(zip(GROUPS[kind], self.sizes, strict=True)):
            index = {name: number for number, name in enumerate(self.names[start : start + size])}
            labels[:, column] = [index[name] for name in _names(utterances, group, free)]
            start += size
        return labels

    def write(self, path: Path) -> None:
        """Write `spk phrase`, a line a class."""
        import pandas as pd

        write_rows(pd.DataFrame(self.names, columns=["spk", "phrase"]), path, delimiter="\t", header=True)

    @classmethod
    def read(cls, path: Path) -> ClassList:
        """Read what `write` wrote. Raises ProblemsError where the file is missing or damaged."""
        table = read_columns(path, ["spk", "phrase"])
        return cls(tuple(zip(*(column.to_pylist() for column in table.columns), strict=True)))


def at_speed(name: str, speed: float) -> str:
    """What a speaker, or an utterance, is called at another speed: `anna#0.9`."""
    return f"{name}#{speed:g}"


def with_speeds(utterances: pd.DataFrame, speeds: Sequence[float]) -> pd.DataFrame:
    """The utterances, then all of them again at each speed, by a speaker of its own such as `anna#0.9`."""
    import pandas as pd

    faster = [utterances.assign(spk=[at_speed(spk, speed) for spk in utterances["spk"]]) for speed in speeds]
    return pd.concat([utterances, *faster], ignore_index=True)


def _names(utterances: pd.DataFrame, group: str, free: Collection[str]) -> list[tuple[str, str]]:
    """The class of each utterance in a group."""
    none = [NONE] * len(utterances)
    speakers = none if group == "phrase" else utterances["spk"].tolist()
    phrases = none if group == "speaker" else utterances["phrase"].tolist()
    if group == "speaker-phrase":
        phrases = [NONE if phrase in free else phrase for phrase in phrases]
    return list(zip(speakers, phrases, strict=True))
