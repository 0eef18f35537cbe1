"""What the recordings of a table of utterances hold: length, rate, damage, and what a listener would notice."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from svtok.audio import CHANNELS
from svtok.audio.decode import AudioInfo, OpenAudio, open_audio, read_part
from svtok.errors import AudioError, Problem, warn
from svtok.manifest.schema import MOST_SECONDS, Place
from svtok.parallel import map_in_processes
from svtok.progress import progress

FEW_FILES = 200  # starting processes takes longer than listening to these
FIRST_NAMES = 3  # recordings that a warning names; the others are counted

SILENT = "silent (every sample is 0)"
CONSTANT = "constant (every sample is the same)"
CLIPPED = "clipped (over 1 % of the samples are at full scale)"
STREAMED = "streamed (the header does not say how long it is; it is read to the end of the file)"
WARNINGS = (SILENT, CONSTANT, CLIPPED, STREAMED)
FULL_SCALE = 0.98  # the loudest sample of mu-law is at 0.980, of A-law at 0.984, of 16 bits at 1.000
MOST_AT_FULL_SCALE = 0.01


class Part(NamedTuple):
    """What of a file an utterance is: from `start` to `end` seconds of a channel; None: from its beginning, to its end,
    and its only channel."""

    start: float | None = None
    end: float | None = None
    channel: str | None = None


class Heard(NamedTuple):
    """What the file of an utterance holds, and those of WARNINGS that the utterance itself deserves."""

    info: AudioInfo
    warnings: tuple[str, ...] = ()


def listen(utterances: pd.DataFrame, paths: Sequence[Path], *, jobs: int) -> list[Heard | AudioError]:
    """Decode the recording of each utterance, each file once.

    Args:
        utterances: The table, with the columns start and end (NaN: those of the file) and channel, or without.
        paths: The audio file of each row.
        jobs: Processes to use.

    Returns:
        For each row what was heard, or what is wrong with its file. A part or a channel that is none is left to the
        checks of the table.
    """
    of_rows = list(zip(paths, map(_part, utterances.itertuples()), strict=True))
    of_files: dict[Path, list[Part]] = {}
    for path, part in dict.fromkeys(of_rows):
        of_files.setdefault(path, []).append(part)
    files = list(of_files.items())
    results = map_in_processes(_listen_to_file, files, jobs=jobs if len(files) > FEW_FILES else 1)
    heard: dict[tuple[Path, Part], Heard | AudioError] = {}
    for (path, parts), found in zip(
        files, progress(results, total=len(files), what="listening to recordings"), strict=True
    ):
        heard.update(zip(((path, part) for part in parts), found, strict=True))
    return [heard[row] for row in of_rows]


def _part(utterance: Any) -> Part:
    start, end = (getattr(utterance, name, math.nan) for name in ("start", "end"))
    channel = getattr(utterance, "channel", None) or None
    start, end = (seconds if seconds <= MOST_SECONDS else None for seconds in (start, end))  # else a fault of the table
    return Part(start, end, channel)


def _listen_to_file(file: tuple[Path, list[Part]]) -> list[Heard | AudioError]:
    path, parts = file
    try:
        with open_audio(path) as (stream, info):
            return [_listen_to_part(path, stream, info, part) for part in parts]
    except AudioError as error:
        return [error] * len(parts)


def _listen_to_part(path: Path, stream: OpenAudio, info: AudioInfo, part: Part) -> Heard | AudioError:
    first = round((part.start or 0) * info.sample_rate)
    last = info.num_samples if part.end is None else round(part.end * info.sample_rate)
    if not 0 <= first < last <= info.num_samples or part.channel not in (None, *CHANNELS):
        return Heard(info)  # a fault of the table
    try:
        wave = read_part(path, stream, info, **part._asdict())
    except AudioError as error:
        return error
    return Heard(info, (*_warnings_of(wave), *((STREAMED,) if info.streamed else ())))


def _warnings_of(wave: np.ndarray) -> Iterator[str]:
    """What a listener to these samples (N,) would notice."""
    lowest, highest = wave.min(), wave.max()
    if lowest == highest:
        yield SILENT if highest == 0 else CONSTANT
    elif max(highest, -lowest) >= FULL_SCALE and np.mean(np.abs(wave) >= FULL_SCALE) > MOST_AT_FULL_SCALE:
        yield CLIPPED


def check_recordings(utterances: pd.DataFrame, heard: Sequence[Heard | AudioError], place: Place) -> Iterator[Problem]:
    """Files that cannot be used, parts that are not inside their file, and lengths and rates that disagree.

    `heard` holds, for each row, what `listen` heard.

    Args:
        utterances: N rows.
        heard: N, in the order of the rows.
        place: the file and lines of the rows.
    """
    for fault in (_fault_of_file, _fault_of_part, _fault_of_length, _fault_of_rate):
        pairs = zip(utterances.itertuples(), heard, strict=True)
        faults = {row: what for row, (utterance, found) in enumerate(pairs) if (what := fault(utterance, found))}
        yield from place.problems(np.array(list(faults), np.int64), faults.__getitem__)


def list_warnings(paths: Sequence[Path], heard: Sequence[Heard | AudioError], place: Place) -> Iterator[Problem]:
    """Every recording that deserves a warning, where it stands.

    Args:
        paths: the audio file of each of N rows.
        heard: what `listen` heard of each, N.
        place: the file and lines of the rows.
    """
    for warning in WARNINGS:
        rows = [row for row, found in enumerate(heard) if isinstance(found, Heard) and warning in found.warnings]
        yield from place.problems(np.array(rows, np.int64), lambda row, is_=warning: f"{paths[row]}: is {is_}")  # type: ignore[misc]


def warn_of_recordings(paths: Sequence[Path], heard: Sequence[Heard | AudioError]) -> None:
    """Warn on stderr: of each of WARNINGS how many recordings deserve it, and which are the first."""
    for warning in WARNINGS:
        files = {
            str(path): None
            for path, found in zip(paths, heard, strict=True)
            if isinstance(found, Heard) and warning in found.warnings
        }
        if files:
            first = ", ".join([*files][:FIRST_NAMES] + ["..."] * (len(files) > FIRST_NAMES))
            warn(f"{len(files)} of {len(set(paths))} recordings are {warning}: {first}")


def with_lengths(utterances: pd.DataFrame, heard: Sequence[Heard | AudioError]) -> pd.DataFrame:
    """The table with num_samples and sample_rate, from files that `check_recordings` found nothing wrong with."""
    whole = [found.info for found in heard if isinstance(found, Heard)]
    pairs = zip(utterances.itertuples(), whole, strict=True)
    num_samples = [_num_samples(utterance, info) for utterance, info in pairs]
    return utterances.assign(num_samples=num_samples, sample_rate=[info.sample_rate for info in whole])


def _num_samples(utterance: Any, info: AudioInfo) -> int:
    """Samples of one utterance: those of its file, or from its start to its end."""
    if not hasattr(utterance, "start"):
        return info.num_samples
    # rounded as svtok.audio.decode.read_audio does
    return round(utterance.end * info.sample_rate) - round(utterance.start * info.sample_rate)


def _fault_of_file(_utterance: Any, heard: Heard | AudioError) -> str | None:
    return str(heard) if isinstance(heard, AudioError) else None


def _fault_of_part(utterance: Any, heard: Heard | AudioError) -> str | None:
    if isinstance(heard, AudioError) or not _has_part(utterance):
        return None
    info = heard.info
    if round(utterance.end * info.sample_rate) <= info.num_samples:
        return None
    return f"end {utterance.end} is after the end of the file, {info.num_samples / info.sample_rate:g} s"


def _fault_of_length(utterance: Any, heard: Heard | AudioError) -> str | None:
    if isinstance(heard, AudioError) or not hasattr(utterance, "num_samples"):
        return None
    if math.isnan(utterance.num_samples) or (hasattr(utterance, "start") and not _has_part(utterance)):
        return None  # a fault of the table
    real = _num_samples(utterance, heard.info)
    return f"num_samples is {utterance.num_samples}, but there are {real}" if utterance.num_samples != real else None


def _fault_of_rate(utterance: Any, heard: Heard | AudioError) -> str | None:
    if isinstance(heard, AudioError) or not hasattr(utterance, "sample_rate") or math.isnan(utterance.sample_rate):
        return None
    rate, real = utterance.sample_rate, heard.info.sample_rate
    return f"sample_rate is {rate}, but the file has {real}" if rate != real else None


def _has_part(utterance: Any) -> bool:
    return hasattr(utterance, "start") and bool(utterance.start < utterance.end <= MOST_SECONDS)
