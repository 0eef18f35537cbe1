"""Errors that a user can act on, which the command line prints without a traceback and exits with 1; and warnings."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TextIO


class SvtokError(Exception):
    """Something the user can mend. The message says what, where, and what to do."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong with an input: what it is, and the file and line (counted from 1) where it stands."""

    what: str
    path: Path | str | None = None
    line: int | None = None

    def __str__(self) -> str:
        if self.path is None:
            return self.what
        where = str(self.path) if self.line is None else f"{self.path}:{self.line}"
        return f"{where}: {self.what}"


class ProblemsError(SvtokError):
    """Several problems, all at once."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(problems)
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        super().__init__("\n".join([f"{count} found", *(f"  {problem}" for problem in self.problems)]))


def warn(what: str) -> None:
    """Print on stderr what a user should know of, and what changes no exit code; see `is_shown`."""
    if is_shown("warning"):
        print(f"{coloured('warning:', YELLOW)} {what}", file=sys.stderr, flush=True)


def is_shown(level: Literal["info", "warning"]) -> bool:
    """Whether messages of this level are printed: they are, unless the logger `svtok` has a higher level."""
    import logging

    return logging.getLogger("svtok").level <= getattr(logging, level.upper())


RED, GREEN, YELLOW = 31, 32, 33


def coloured(text: str, colour: int, stream: TextIO | None = None) -> str:
    """The text in a colour, where the stream (default: stderr) is a terminal and NO_COLOR (no-color.org) is not set."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return text if plain or not (stream or sys.stderr).isatty() else f"\033[{colour}m{text}\033[0m"


def raise_problems(problems: Sequence[Problem]) -> None:
    """Raise ProblemsError if there is any problem."""
    if problems:
        raise ProblemsError(problems)


def first_few(names: Sequence[str], most: int = 5) -> str:
    """The first few names, with commas between.

    >>> first_few(["a", "b", "c"], most=2)
    'a, b, ...'
    """
    return ", ".join([*names[:most], *(["..."] if len(names) > most else [])])


def unknown_name(kind: str, name: str, known: Iterable[str], elsewhere: Iterable[str] = ()) -> str:
    """Text for a name that does not exist: the known names, and the nearest of them and of those known `elsewhere`."""
    known = list(known)
    nearest = difflib.get_close_matches(name, [*known, *elsewhere], n=1, cutoff=0.5)
    hint = f"; did you mean '{nearest[0]}'?" if nearest else ""
    return f"unknown {kind} '{name}' (known: {', '.join(known)}){hint}"


class AudioError(SvtokError):
    """An audio file that cannot be used. The message has the path, what is wrong, and what to do."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(f"{path}: {what}")
        self.path = path
        self.what = what

    def __reduce__(self) -> tuple[type[AudioError], tuple[Path, str]]:
        return AudioError, (self.path, self.what)
