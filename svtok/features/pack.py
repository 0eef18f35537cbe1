"""Packing a prepared set: its recordings become one file of 16-bit samples at one rate, its table says where each is.

The samples are those that every reader of the recordings gets, so what is computed of a packed set is the same; only
recordings of more than 16 bits, and those that are resampled, are rounded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

import svtok
from svtok.audio.decode import rate_fault, read_audio
from svtok.audio.packed import ABOUT, FOLDER_FORMAT, FULL_SCALE, INDEX, PACKED, REDO, About
from svtok.audio.resampling import resampled
from svtok.config import read_about, write_yaml
from svtok.errors import AudioError, Problem, SvtokError, first_few, raise_problems, warn
from svtok.features.extract import Utterance, utterances_of
from svtok.files import sha256_of_files, writing_folder
from svtok.fresh import recordings
from svtok.manifest.sets import TABLE_FILES, PreparedSet, refuse_other_files, write_tables
from svtok.parallel import map_in_processes
from svtok.progress import progress


class Decoded(NamedTuple):
    """A recording in 16 bits: `samples` (N,) int16; `rounded`, where the file holds more than 16 bits of each, and
    `clipped`, where some are beyond full scale."""

    samples: np.ndarray
    rounded: bool
    clipped: bool


def in_16_bits(recording: Utterance, sample_rate: int, *, resample: bool) -> Decoded | Problem:
    """The samples of a recording at a rate, or what is wrong with it.

    Args:
        recording: where they are.
        sample_rate: Hz.
        resample: convert a recording of another rate, which is a problem otherwise.
    """
    try:
        wave, rate = read_audio(recording.path, start=recording.start, end=recording.end, channel=recording.channel)
        if (fault := rate_fault(rate, sample_rate, resample=resample)) is not None:
            raise AudioError(recording.path, fault)
    except SvtokError as error:
        return recording.problem(error)
    scaled = wave * np.float32(FULL_SCALE)
    rounded = bool((scaled != np.rint(scaled)).any())
    if rate != sample_rate:
        scaled = resampled(scaled, rate, sample_rate)
    whole = np.rint(scaled)
    clipped = bool((whole > FULL_SCALE - 1).any() or (whole < -FULL_SCALE).any())
    return Decoded(np.clip(whole, -FULL_SCALE, FULL_SCALE - 1).astype("<i2"), rounded, clipped)


def decode_all(
    utterances: Sequence[Utterance], sample_rate: int, *, resample: bool, jobs: int
) -> Iterator[Decoded | Problem]:
    """`in_16_bits` of each, in order, over processes."""
    function = partial(in_16_bits, sample_rate=sample_rate, resample=resample)
    return map_in_processes(function, utterances, jobs=jobs)


def rate_of(prepared: PreparedSet) -> int:
    """The sampling rate that the recordings of a set have in common. Raises SvtokError where there is none."""
    rates = sorted(set(prepared.utterances["sample_rate"])) if "sample_rate" in prepared.utterances else []
    if len(rates) != 1:
        what = f"its recordings have {', '.join(map(str, rates))} Hz" if rates else "its table has no sample_rate"
        raise SvtokError(f"{prepared.folder or 'the set'}: {what}; name the rate to pack at with --sample-rate")
    return int(rates[0])


def pack(prepared: PreparedSet, out: Path, *, sample_rate: int | None, jobs: int) -> float:
    """Write a packed set: the tables of a set, and its recordings in one file.

    Args:
        prepared: the set, read from a folder.
        out: the folder of the packed set, left as it was where an error is raised.
        sample_rate: Hz; recordings of another rate are resampled. None: the one that they have in common.
        jobs: how many processes decode.

    Returns:
        How many seconds of speech it holds. Recordings that were rounded or clipped are named in a warning.

    Raises:
        SvtokError: `out` is the set itself, or holds other files; no rate is given, and there is none in common.
        ProblemsError: with every recording that cannot be read.
    """
    if prepared.folder is None or prepared.folder.resolve() == out.resolve():
        raise SvtokError(f"{out}: is the set that is to be packed; name another folder with --out")
    refuse_other_files(out, (*TABLE_FILES, PACKED, ABOUT))
    rate, utterances, state = sample_rate or rate_of(prepared), utterances_of(prepared), recordings(prepared.folder)
    if not utterances:
        raise SvtokError(f"{prepared.folder}: has no utterances")
    lengths: list[int] = []
    problems: list[Problem] = []
    odd: dict[str, list[str]] = {"rounded": [], "clipped": []}
    content = hashlib.sha256()
    with writing_folder(out) as temporary:
        with open(temporary / PACKED, "wb") as stream:
            decoded = decode_all(utterances, rate, resample=True, jobs=jobs)
            for utterance, found in zip(
                utterances, progress(decoded, total=len(utterances), what=f"packing {out}"), strict=True
            ):
                if isinstance(found, Problem):
                    problems.append(found)
                    continue
                for what, utts in odd.items():
                    if getattr(found, what):
                        utts.append(utterance.utt)
                lengths.append(len(found.samples))
                stream.write(found.samples.data)
                content.update(found.samples.data)
        raise_problems(problems)
        ends = np.cumsum(lengths)
        table = prepared.utterances.drop(columns="channel", errors="ignore").assign(
            path=PACKED, start=(ends - lengths) / rate, end=ends / rate, num_samples=lengths, sample_rate=rate
        )
        write_tables(PreparedSet(table, prepared.models, prepared.trials), temporary)
        about = About(
            sample_rate=rate,
            samples=int(ends[-1]),
            content=content.hexdigest(),
            index=sha256_of_files([temporary / INDEX]),
            packed_from=str(prepared.folder.absolute()),
            recordings=state,
            svtok=svtok.__version__,
        )
        write_yaml(temporary / ABOUT, about)
    _warn(out, odd, len(utterances))
    return float(ends[-1]) / rate


def _warn(out: Path, odd: dict[str, list[str]], count: int) -> None:
    whats = {
        "rounded": "hold more than 16 bits a sample, which were rounded",
        "clipped": "go beyond full scale, and were clipped",
    }
    for name, utts in odd.items():
        if utts:
            warn(f"{out}: {len(utts)} of {count} recordings {whats[name]}: {first_few(utts)}")


def pack_problems(folder: Path) -> list[Problem]:
    """What is wrong with a packed set as a whole: its samples are not those that were written, or the set that was
    packed, where it is still there, has other recordings by now. A set that is not packed has no such problems."""
    if not (folder / ABOUT).is_file():
        return []
    try:
        about = read_about(folder / ABOUT, About, format_number=FOLDER_FORMAT, remedy=REDO)
    except SvtokError as error:
        return [Problem(str(error))]
    problems, source = [], Path(about.packed_from)
    if (folder / PACKED).is_file() and sha256_of_files([folder / PACKED]) != about.content:
        problems.append(Problem(f"is damaged: its samples are not those that were packed; {REDO}", folder / PACKED))
    if (source / INDEX).is_file() and recordings(source) != about.recordings:
        what = f"is stale: recordings of {source} have changed since it was packed; {REDO}"
        problems.append(Problem(what, folder))
    return problems
