"""Kaldi's files of one key and its value a line, and which column of a table each of them is.

`utt2num_samples` is ESPnet's. `utt2phrase`, `utt2session`, `utt2sample_rate` and the `model2...` files are svtok's own,
under the rules that Kaldi has for `utt2lang`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from svtok.errors import Problem

UTTERANCE_FILES = {
    "spk": "utt2spk",
    "phrase": "utt2phrase",
    "lang": "utt2lang",
    "session": "utt2session",
    "num_samples": "utt2num_samples",
    "sample_rate": "utt2sample_rate",
    "text": "text",
}
MODEL_FILES = {"spk": "model2spk", "phrase": "model2phrase", "gender": "model2gender"}
ENROLLMENT_FILE = "enroll_spk2utt"
OTHER_FILES = ("wav.scp", "segments", "spk2utt", "spk2gender", "utt2dur", "trials", "trial_types")
ALL_FILES = (*UTTERANCE_FILES.values(), *MODEL_FILES.values(), ENROLLMENT_FILE, *OTHER_FILES)

NOT_A_FILE_NAME = re.compile(r"^\||\|$|^~|:[0-9]+$|^-$")
"""What Kaldi does not read as the name of a file: a pipe, a home folder, a place inside an archive, standard input."""


@dataclass(frozen=True)
class KaldiMap:
    """One file: its values by key, and the line of each key."""

    path: Path
    values: dict[str, str]
    lines: dict[str, int]

    def column(self, keys: Sequence[str], other: Path, problems: list[Problem]) -> list[str]:
        """The value of each key, '' where there is none; keys of only one of this file and `other` are problems."""
        known = set(keys)
        problems += [
            Problem(f"'{key}' is not there, but in {other.name}", self.path) for key in keys if key not in self.values
        ]
        problems += [
            Problem(f"'{key}' is not in {other.name}", self.path, self.lines[key])
            for key in self.values
            if key not in known
        ]
        return [self.values.get(key, "") for key in keys]


def read_map(path: Path, problems: list[Problem], *, words: int | None = 1) -> KaldiMap:
    """Read a file of `key value` lines. A value has `words` words, or any number of them where that is None.

    What is wrong is added to `problems`: no such file, not UTF-8, a line without value or with too many words, a key
    that repeats.
    """
    found = KaldiMap(path, {}, {})
    if not path.is_file():
        problems.append(Problem("the file does not exist", path))
        return found
    for number, line in enumerate(path.read_bytes().removesuffix(b"\n").split(b"\n"), start=1):
        try:
            key, *rest = re.split(r"[ \t]+", line.decode().strip(" \t\r"), maxsplit=1)
        except UnicodeDecodeError:
            problems.append(Problem("not UTF-8", path, number))
            continue
        value = rest[0] if rest else ""
        count = len(re.split(r"[ \t]+", value))
        if not value:
            problems.append(Problem(f"there is no value for '{key}'" if key else "the line is empty", path, number))
        elif key in found.values:
            problems.append(Problem(f"'{key}' is there twice, first in line {found.lines[key]}", path, number))
        elif words is not None and count != words:
            problems.append(Problem(f"'{key}' has {count} values, not {words}", path, number))
        found.values.setdefault(key, value)
        found.lines.setdefault(key, number)
    return found


def write_map(pairs: Mapping[Any, object], path: Path) -> None:
    """Write `key value` lines, sorted bytewise by key, as LC_ALL=C sort does."""
    path.write_text("".join(f"{key} {pairs[key]}\n" for key in sorted(pairs)), encoding="utf-8", newline="\n")
