"""The recordings of a set in one file of 16-bit samples, which is mapped into memory (`svtok pack` writes it).

A packed set is a prepared set as any other: its table names the file, and the seconds at which each utterance begins
and ends. `svtok.audio.decode` reads it beside all other audio; there is nothing to open and to decode for each clip.
"""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from pydantic import Field

from svtok.config import Section, read_about
from svtok.errors import AudioError, SvtokError

PACKED, ABOUT, INDEX = "recordings.int16", "pack.yaml", "utterances.tsv"
FOLDER_FORMAT = 1
REDO = "run 'svtok pack' again"
FULL_SCALE = 32768


class About(Section):
    """The content of `pack.yaml`."""

    format: int = Field(FOLDER_FORMAT, description="Number of the format.")
    sample_rate: int = Field(ge=1, description="Of all recordings, Hz.")
    samples: int = Field(ge=1, description="Of all recordings together.")
    content: str = Field(description="SHA-256 of the samples.")
    index: str = Field(description="SHA-256 of utterances.tsv, which says where each utterance is.")
    packed_from: str = Field(description="The prepared set that was packed.")
    recordings: str | None = Field(description="Changes with the sizes and times of that set's recordings.")
    svtok: str = Field(description="Version of svtok that packed it.")


class Piece(NamedTuple):
    """A run of samples in a file of 16-bit samples: from `first` to before `last`."""

    path: Path
    first: int
    last: int


class PackedAudio:
    """A packed file, to be read as an open `soundfile.SoundFile` of one channel."""

    channels = 1

    def __init__(self, samples: np.ndarray, sample_rate: int) -> None:
        self.samples, self.samplerate, self._at = samples, sample_rate, 0

    @property
    def frames(self) -> int:
        """How many samples there are."""
        return len(self.samples)

    def seek(self, frames: int) -> int:
        """Read on from this sample."""
        self._at = frames
        return frames

    def read(self, frames: int, dtype: Literal["float32"] = "float32") -> np.ndarray:
        """The next so many samples (N,), in [-1, 1)."""
        samples = self.samples[self._at : self._at + frames]
        self._at += len(samples)
        return as_float(samples)


def as_float(samples: np.ndarray) -> np.ndarray:
    """16-bit samples (N,) as float32 in [-1, 1): exactly what libsndfile gives of a file with them."""
    wave: np.ndarray = np.multiply(samples, np.float32(1 / FULL_SCALE), dtype=np.float32)
    return wave


def is_packed(path: Path) -> bool:
    """Whether a recording's file is a packed one, by its name."""
    return path.name == PACKED


def open_packed(path: Path) -> PackedAudio:
    """A packed file; that it is whole, and belongs to the table beside it, is looked at once in a process.

    Raises AudioError where it does not, or is cut, or its `pack.yaml` is missing or damaged.
    """
    try:
        status = os.stat(path)
    except OSError as error:
        raise AudioError(path, f"cannot be read: {error.strerror}; {REDO}") from None
    return PackedAudio(*_mapped(path, status.st_size, status.st_mtime_ns))


@lru_cache(maxsize=16)
def _mapped(path: Path, size: int, _: int) -> tuple[np.ndarray, int]:
    """The samples of a packed file of this size and time, and their rate."""
    try:
        about = read_about(path.with_name(ABOUT), About, format_number=FOLDER_FORMAT, remedy=REDO)
    except (SvtokError, OSError) as error:
        raise AudioError(path, f"is no packed set, or a damaged one ({error}); {REDO}") from None
    if size != 2 * about.samples:
        what = "is truncated" if size < 2 * about.samples else "is damaged"
        raise AudioError(path, f"{what}: {ABOUT} speaks of {2 * about.samples} bytes, it has {size}; {REDO}")
    index = path.with_name(INDEX)
    if not index.is_file() or hashlib.sha256(index.read_bytes()).hexdigest() != about.index:
        raise AudioError(path, f"is stale: {INDEX} beside it is not the one that was written with it; {REDO}")
    return map_samples(path), about.sample_rate


def map_samples(path: Path) -> np.ndarray:
    """All samples (N,) of a file of 16-bit samples, which are read as they are used."""
    return np.asarray(np.memmap(path, dtype="<i2", mode="r"))  # a memmap's own slices are slow to make
