"""The phones of an utterance, to be drawn under its spectrogram."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from svtok.errors import Problem, raise_problems
from svtok.features.times import frame_spans
from svtok.manifest.rows import Lines
from svtok.phonetic.folder import load_phone_network
from svtok.report.recording import read_recording

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


def recognise_phones(folder: Path, audio: Path) -> list[Phone]:
    """What the phonetic network of a folder hears in an audio file: the phones on its best path, blanks left out.

    Trained by CTC, the network tells a phone in a few frames, not from its beginning to its end. Raises SvtokError
    where the folder holds no trained phonetic network, and where `read_recording` does.
    """
    trained = load_phone_network(folder)
    wave, frames, lengths = read_recording(audio, trained.features)
    with torch.inference_mode():
        logits, _ = trained.network(frames, lengths)  # (1, T', 1 + phones)
    spans = frame_spans(wave, trained.features, trained.network.subsample)
    return phones_on_path(logits[0].argmax(dim=1).tolist(), spans, trained.phones.names)


def phones_on_path(path: Sequence[int], spans: NDArray[np.float64], names: Sequence[str]) -> list[Phone]:
    """Each run of one phone on a path (T',) of numbers from 1, 0 being the blank, over frames at `spans` (T', 2)."""
    phones = []
    for number, run in groupby(range(len(path)), key=path.__getitem__):
        frames = list(run)
        if number:
            phones.append(Phone(float(spans[frames[0], 0]), float(spans[frames[-1], 1]), names[number - 1]))
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
