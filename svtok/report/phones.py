"""The phones of an utterance, to be drawn under its spectrogram."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from svtok.errors import Problem, raise_problems
from svtok.manifest.rows import Lines

ROUNDING = 0.005
"""Seconds by which a phone may end after the audio, or start before the end of the one before it."""


class Phone(NamedTuple):
    """From when to when, in seconds, a phone is spoken."""

    start: float
    end: float
    name: str


def read_phones(path: Path, duration: float) -> list[Phone]:
    """The phones of a file with lines `start end phone`, in seconds and in order; there may be time between them.

    Raises ProblemsError for an empty file, with every line that is not of that form, and with every phone that overlaps
    the one before it or lies outside the audio of `duration` seconds.
    """
    phones: list[Phone] = []
    problems = []
    for number, line in enumerate(Lines.open(path).content.decode().splitlines(), start=1):
        phone = _parsed(line)
        fault = "not 'start end phone', in seconds, with start before end" if phone is None else None
        if phone and not (phone.start >= 0 and phone.end <= duration + ROUNDING):
            fault = f"'{phone.name}' is from {phone.start:g} to {phone.end:g} s, but the audio lasts {duration:g} s"
        elif phone and phones and phone.start < phones[-1].end - ROUNDING:
            fault = (
                f"'{phone.name}' starts at {phone.start:g} s, before '{phones[-1].name}' ends ({phones[-1].end:g} s)"
            )
        if fault:
            problems.append(Problem(fault, path, number))
        elif phone:
            phones.append(phone)
    raise_problems(problems)
    return phones


def _parsed(line: str) -> Phone | None:
    fields = line.split()
    if len(fields) != 3:
        return None
    try:
        start, end = float(fields[0]), float(fields[1])
    except ValueError:
        return None
    return Phone(start, end, fields[2]) if math.isfinite(start) and start < end < math.inf else None


def label_levels(centres: Sequence[float], widths: Sequence[float]) -> list[int]:
    """For labels in order of their centres, the lowest level at which each overlaps no other: 0, 1, ..."""
    ends: list[float] = []
    levels = []
    for centre, width in zip(centres, widths, strict=True):
        free = next((level for level, end in enumerate(ends) if end <= centre - width / 2), len(ends))
        ends[free : free + 1] = [centre + width / 2]
        levels.append(free)
    return levels
