"""Reading audio files, by libsndfile. Whatever is wrong with a file is an AudioError that says what to do.

libsndfile takes a truncated WAV for a shorter one, so a file's own header is read first: what it promises, without
decoding.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import soundfile  # type: ignore[import-untyped]

from svtok.audio.sphere import check_compressed, unpacked
from svtok.audio.torchaudio_guard import import_torchaudio
from svtok.errors import AudioError

UNKNOWN_SIZE = 0x7FFF0000
"""Sizes from here on are what sox and ffmpeg write when they cannot seek back: they promise nothing."""

SPHERE_MAGIC = b"NIST_1A\n"


def promised_size(path: Path, sphere: dict[str, str]) -> int | None:
    """Bytes that the file must at least have to hold all the audio that its header (`sphere`: that of SPHERE, where it
    has one) speaks of.

    None where that is not known: other formats than WAV, AIFF and uncompressed NIST SPHERE, streamed files, a header
    that makes no sense (decoding will tell).
    """
    with open(path, "rb") as stream:
        magic = stream.read(12)
        if magic[:4] == b"RIFF" and magic[8:] == b"WAVE":
            return _end_of_chunk(stream, b"data", "<I")
        if magic[:4] == b"FORM" and magic[8:] in (b"AIFF", b"AIFC"):
            return _end_of_chunk(stream, b"SSND", ">I")
    return None if not sphere or is_compressed(sphere) else _sphere_size(sphere)


def _end_of_chunk(stream: BinaryIO, wanted: bytes, size_format: str) -> int | None:
    """Walk over the chunks (name, size, content padded to even) that follow the first 12 bytes."""
    while len(head := stream.read(8)) == 8:
        size = struct.unpack(size_format, head[4:])[0]
        if head[:4] == wanted:
            return None if size >= UNKNOWN_SIZE else stream.tell() + size
        stream.seek(size + size % 2, 1)
    return None


def sphere_header(path: Path) -> dict[str, str]:
    """The fields of a NIST SPHERE header (`name -type value` a line), empty for another kind of file.

    `header_bytes` is added: the length that the second line gives.
    """
    with open(path, "rb") as stream:
        if stream.read(len(SPHERE_MAGIC)) != SPHERE_MAGIC:
            return {}
        length = stream.readline(16).strip()
        text = stream.read(16384 if not length.isdigit() else int(length)).decode("latin-1")
    fields = {"header_bytes": length.decode("latin-1")}
    for line in text.split("end_head")[0].splitlines():
        name, _, rest = line.partition(" ")
        fields[name] = rest.partition(" ")[2]
    return fields


def is_compressed(header: dict[str, str]) -> bool:
    """Whether SPHERE audio is packed with an embedded codec (shorten, wavpack, shortpack)."""
    return "embedded" in header.get("sample_coding", "")


def _sphere_size(header: dict[str, str]) -> int | None:
    try:
        samples = int(header["sample_count"]) * int(header.get("channel_count", "1"))
        return int(header["header_bytes"]) + samples * int(header["sample_n_bytes"])
    except (KeyError, ValueError):
        return None


__all__ = ["AudioError", "AudioInfo", "probe", "read_audio"]


class AudioInfo(NamedTuple):
    """What a header says. `num_samples` counts samples of one channel, `sample_rate` is in Hz."""

    num_samples: int
    sample_rate: int
    channels: int


def probe(path: Path) -> AudioInfo:
    """Length, rate and channels from the header alone.

    Raises AudioError for a file that is missing, empty, truncated or not audio. Stereo is told by `channels`. Damage
    that shows only in decoding (in a FLAC file, say) is found by `read_audio`. Raises SvtokError for compressed NIST
    SPHERE where nothing is installed that unpacks it.
    """
    path = Path(path)
    header = _header_of_whole(path)
    if is_compressed(header):
        return AudioInfo(*check_compressed(path, header))
    with _opened(path, header) as stream:
        return AudioInfo(stream.frames, stream.samplerate, stream.channels)


def read_audio(
    path: Path,
    *,
    start: float | None = None,
    end: float | None = None,
    sample_rate: int | None = None,
    resample: bool = False,
) -> tuple[np.ndarray, int]:
    """The samples (N,) as float32 in [-1, 1), and their rate in Hz.

    `start` and `end` (seconds, default the whole file) cut out a part. With `sample_rate`, audio of another rate is
    an error, or with `resample` is converted to it. Raises AudioError for a file that is missing, empty, truncated,
    not audio, not mono, of another rate, holds NaN or infinite samples, or that ends before the part asked for, and
    SvtokError for compressed NIST SPHERE where nothing is installed that unpacks it.
    """
    path = Path(path)
    with _opened(path, _header_of_whole(path)) as stream:
        if stream.channels != 1:
            raise AudioError(
                path, f"has {stream.channels} channels, not one; take one of them, e.g. 'sox IN OUT remix 1'"
            )
        rate = stream.samplerate
        if sample_rate not in (None, rate) and not resample:
            raise AudioError(
                path, f"sampling rate is {rate} Hz, not {sample_rate}; set 'resample: true' or convert the file"
            )
        first, last = _span(path, start, end, stream.frames, rate)
        wave = _read_span(path, stream, first, last)
    if not np.isfinite(wave).all():
        raise AudioError(path, "holds samples that are not numbers (NaN or infinite); make or fetch the file again")
    if sample_rate in (None, rate):
        return wave, rate
    return _resampled(wave, rate, sample_rate), sample_rate


def _header_of_whole(path: Path) -> dict[str, str]:
    """The SPHERE header, if it has one, of a file that is there and has the size that it promises."""
    try:
        size = path.stat().st_size if path.is_file() else None
        if size is None:
            raise AudioError(path, "is a folder, not a file" if path.is_dir() else "there is no such file")
        if size == 0:
            raise AudioError(path, "is empty (0 bytes); make or fetch it again")
        header = sphere_header(path)
        promised = promised_size(path, header)
    except OSError as error:
        raise AudioError(path, f"cannot be read: {error.strerror}") from None
    if promised is not None and promised > size:
        raise AudioError(path, f"is truncated: its header speaks of {promised} bytes, it has {size}; fetch it again")
    return header


@contextmanager
def _opened(path: Path, header: dict[str, str]) -> Iterator[soundfile.SoundFile]:
    """The open file, once it is known to hold samples."""
    source = io.BytesIO(unpacked(path, header)) if is_compressed(header) else path
    try:
        stream = soundfile.SoundFile(source)
    except (soundfile.LibsndfileError, TypeError) as error:  # TypeError: the name ends in .raw
        raise AudioError(path, f"is not audio that can be decoded, or is damaged ({_reason(error)})") from None
    with stream:
        if stream.frames == 0:
            raise AudioError(path, "has no samples; make or fetch it again")
        yield stream


def _span(path: Path, start: float | None, end: float | None, num_samples: int, rate: int) -> tuple[int, int]:
    """First sample and the one after the last, of the part from `start` to `end` seconds."""
    first = 0 if start is None else round(start * rate)
    last = num_samples if end is None else round(end * rate)
    if not 0 <= first < last <= num_samples:
        raise AudioError(
            path,
            f"has no part from {start or 0:g} to {'its end' if end is None else f'{end:g}'} s: "
            f"it lasts {num_samples / rate:g} s; correct the start and end of the utterance",
        )
    return first, last


def _read_span(path: Path, stream: soundfile.SoundFile, first: int, last: int) -> np.ndarray:
    try:
        stream.seek(first)
        wave: np.ndarray = stream.read(last - first, dtype="float32")
    except soundfile.LibsndfileError as error:
        raise AudioError(path, f"is truncated or damaged ({_reason(error)}); fetch it again") from None
    if len(wave) < last - first:
        raise AudioError(
            path, f"is truncated: its header speaks of {stream.frames} samples, {first + len(wave)} can be read"
        )
    return wave


def _reason(error: Exception) -> str:
    text = getattr(error, "error_string", str(error))
    return str(text).rstrip(".").removeprefix("Error : ")


def _resampled(wave: np.ndarray, rate: int, new_rate: int) -> np.ndarray:
    import torch

    resample = import_torchaudio().functional.resample
    converted: np.ndarray = resample(torch.from_numpy(wave), rate, new_rate).numpy()
    return converted
