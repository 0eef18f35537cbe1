"""The phones that a network tells apart, and their numbers: 0 is CTC's blank, the phones follow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from svtok.errors import Problem, SvtokError, raise_problems
from svtok.files import write_text
from svtok.phonetic.lexicon import fields_of_lines

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
