"""What the audio files of a table of utterances hold: length and rate, or what is wrong with them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from svtok.audio.decode import AudioInfo, probe, read_audio
from svtok.errors import AudioError, Problem
from svtok.manifest.schema import Place
from svtok.parallel import map_in_processes
from svtok.progress import progress

FEW_FILES = 200  # starting processes takes longer than looking at these


def probe_files(paths: Sequence[Path], *, jobs: int) -> list[AudioInfo | AudioError]:
    """The header of each file, or what is wrong with it; a file that is named several times is opened once."""
    return _look_at(probe, paths, "looking at recordings", jobs)


def decode_files(paths: Sequence[Path], *, jobs: int) -> list[AudioInfo | AudioError]:
    """Length and rate of each file from its samples, or what is wrong with it: damage that no header tells."""
    return _look_at(decode, paths, "decoding recordings", jobs)


def decode(path: Path) -> AudioInfo:
    """Length and rate of a file, after decoding all of it. Raises AudioError."""
    wave, sample_rate = read_audio(path)
    return AudioInfo(len(wave), sample_rate, 1)


def check_recordings(
    utterances: pd.DataFrame, infos: Sequence[AudioInfo | AudioError], place: Place
) -> Iterator[Problem]:
    """Files that cannot be used, parts that are not inside their file, and lengths and rates that disagree.

    `infos` holds, for each row, what its file holds.
    """
    for fault in (_fault_of_file, _fault_of_part, _fault_of_length, _fault_of_rate):
        pairs = zip(utterances.itertuples(), infos, strict=True)
        told = {row: what for row, (utterance, info) in enumerate(pairs) if (what := fault(utterance, info))}
        yield from place.problems(np.array(list(told), np.int64), told.__getitem__)


def _num_samples(utterance: Any, info: AudioInfo) -> int:
    """Samples of one utterance: those of its file, or from its start to its end."""
    if not hasattr(utterance, "start"):
        return info.num_samples
    # rounded as svtok.audio.decode.read_audio does
    return round(utterance.end * info.sample_rate) - round(utterance.start * info.sample_rate)


def with_lengths(utterances: pd.DataFrame, infos: Sequence[AudioInfo | AudioError]) -> pd.DataFrame:
    """The table with num_samples and sample_rate, from files that `check_recordings` found nothing wrong with."""
    whole = [info for info in infos if isinstance(info, AudioInfo)]
    pairs = zip(utterances.itertuples(), whole, strict=True)
    num_samples = [_num_samples(utterance, info) for utterance, info in pairs]
    return utterances.assign(num_samples=num_samples, sample_rate=[info.sample_rate for info in whole])


def _fault_of_file(utterance: Any, info: AudioInfo | AudioError) -> str | None:
    if isinstance(info, AudioError):
        return str(info)
    return f"the recording has {info.channels} channels, not one" if info.channels != 1 else None


def _fault_of_part(utterance: Any, info: AudioInfo | AudioError) -> str | None:
    if isinstance(info, AudioError) or not _has_part(utterance):
        return None
    if round(utterance.end * info.sample_rate) <= info.num_samples:
        return None
    return f"end {utterance.end} is after the end of the file, {info.num_samples / info.sample_rate:g} s"


def _fault_of_length(utterance: Any, info: AudioInfo | AudioError) -> str | None:
    if isinstance(info, AudioError) or not hasattr(utterance, "num_samples"):
        return None
    if math.isnan(utterance.num_samples) or (hasattr(utterance, "start") and not _has_part(utterance)):
        return None  # told of the table
    real = _num_samples(utterance, info)
    return f"num_samples is {utterance.num_samples}, but there are {real}" if utterance.num_samples != real else None


def _fault_of_rate(utterance: Any, info: AudioInfo | AudioError) -> str | None:
    if isinstance(info, AudioError) or not hasattr(utterance, "sample_rate") or math.isnan(utterance.sample_rate):
        return None
    rate = utterance.sample_rate
    return f"sample_rate is {rate}, but the file has {info.sample_rate}" if rate != info.sample_rate else None


def _has_part(utterance: Any) -> bool:
    return hasattr(utterance, "start") and bool(utterance.start < utterance.end)


def _look_at(
    look: Callable[[Path], AudioInfo], paths: Sequence[Path], what: str, jobs: int
) -> list[AudioInfo | AudioError]:
    distinct = list(dict.fromkeys(paths))
    results = map_in_processes(partial(_try, look), distinct, jobs=jobs if len(distinct) > FEW_FILES else 1)
    infos = dict(zip(distinct, progress(results, total=len(distinct), what=what), strict=True))
    return [infos[path] for path in paths]


def _try(look: Callable[[Path], AudioInfo], path: Path) -> AudioInfo | AudioError:
    try:
        return look(path)
    except AudioError as error:
        return error
