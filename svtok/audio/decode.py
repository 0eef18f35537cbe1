"""Reading audio files, by libsndfile, and packed ones. Whatever is wrong is an AudioError that says what to do.

libsndfile takes a truncated WAV for a shorter one, so a file's own header is read first: what it promises, without
decoding. A recorder that streams cannot seek back to write how much it recorded: its WAV promises nothing, or no bytes
at all, and is read to the end of the file.
"""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeAlias

import numpy as np
import soundfile

from svtok.audio import CHANNELS
from svtok.audio.packed import PackedAudio, Piece, is_packed, open_packed
from svtok.audio.resampling import resampled
from svtok.audio.sphere import unpacked
from svtok.errors import AudioError

UNKNOWN_SIZE = 0x7FFF0000
"""Sizes from here on are what sox and ffmpeg write when they cannot seek back: they promise nothing."""

SPHERE_MAGIC = b"NIST_1A\n"

MOST_SAMPLES = 1 << 27
"""Samples, of all channels, that are read at once: 2 h 20 min of one channel at 16 kHz, half a gigabyte. A compressed
file of some kilobytes can hold days of silence."""
SAMPLES_AT_ONCE = 1 << 22
"""Memory is taken as samples come, for a damaged header promises any number of them."""
LONGEST_SPHERE_HEADER = 1 << 16
MOST_TAPS = 1 << 26
"""Values of the filters of a resampling: from 44,101 to 16,000 Hz, which no recorder has, they would be 700 million."""


@dataclass(frozen=True)
class Header:
    """What the first bytes of a file promise.

    `size`: bytes that the file must have at least to hold all its audio; None where that is not known: other formats
    than WAV, AIFF and uncompressed NIST SPHERE, streamed files, a header that makes no sense (decoding will show).
    `streamed_at`: in a WAV that was streamed, where the size of its audio should stand. `sphere`: the fields of a NIST
    SPHERE header, empty for another kind of file.
    """

    size: int | None = None
    streamed_at: int | None = None
    sphere: dict[str, str] = field(default_factory=dict)


def read_header(path: Path) -> Header:
    """The header of a file; one that makes no sense promises nothing."""
    with open(path, "rb") as stream:
        magic = stream.read(12)
        if magic[:4] == b"RIFF" and magic[8:] == b"WAVE":
            return _chunked(stream, b"data", "<I")
        if magic[:4] == b"FORM" and magic[8:] in (b"AIFF", b"AIFC"):
            return _chunked(stream, b"SSND", ">I")
    sphere = sphere_header(path)
    return Header(None if not sphere or is_compressed(sphere) else _sphere_size(sphere), sphere=sphere)


def _chunked(stream: BinaryIO, wanted: bytes, size_format: str) -> Header:
    """Walk over the chunks (name, size, content padded to even) that follow the first 12 bytes."""
    length = stream.seek(0, io.SEEK_END)
    stream.seek(12)
    while len(head := stream.read(8)) == 8:
        size = struct.unpack(size_format, head[4:])[0]
        here = stream.tell()
        if head[:4] == wanted:
            if 0 < size < UNKNOWN_SIZE or here + size == length or (size == 0 and _only_chunks(stream, length)):
                return Header(here + size)
            return Header(streamed_at=here - 4) if wanted == b"data" else Header()
        stream.seek(size + size % 2, 1)
    return Header()


def _only_chunks(stream: BinaryIO, length: int) -> bool:
    """Whether whole chunks, if anything, are all that is left of a WAV: then it is true that it holds no audio."""
    while head := stream.read(8):
        if len(head) < 8 or not head[:4].strip().isalnum():
            return False
        size = struct.unpack("<I", head[4:])[0]
        if stream.tell() + size > length:
            return False
        stream.seek(size + size % 2, 1)
    return True


def sphere_header(path: Path) -> dict[str, str]:
    """The fields of a NIST SPHERE header (`name -type value` a line), empty for another kind of file.

    `header_bytes` is added: the length that the second line gives.
    """
    with open(path, "rb") as stream:
        if stream.read(len(SPHERE_MAGIC)) != SPHERE_MAGIC:
            return {}
        length = stream.readline(16).strip()
        size = min(int(length), LONGEST_SPHERE_HEADER) if length.isdigit() else 16384
        text = stream.read(size).decode("latin-1")
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


class AudioInfo(NamedTuple):
    """What a file holds: `num_samples` of each channel, at `sample_rate` Hz; `streamed`, where its header does not say
    how many, and it was read to its end."""

    num_samples: int
    sample_rate: int
    channels: int
    streamed: bool = False


def read_audio(
    path: Path,
    *,
    start: float | None = None,
    end: float | None = None,
    channel: str | None = None,
    sample_rate: int | None = None,
    resample: bool = False,
) -> tuple[np.ndarray, int]:
    """The samples of a recording.

    Args:
        path: The audio file.
        start: Seconds at which the part that is read begins; default: the beginning of the file.
        end: Seconds at which it ends; default: the end of the file.
        channel: One of `svtok.audio.CHANNELS`; without it, a file of several channels is an error.
        sample_rate: The rate in Hz that is wanted; audio of another rate is an error, unless `resample`.
        resample: Convert audio of another rate to `sample_rate`.

    Returns:
        The samples (N,) as float32 in [-1, 1), and their rate in Hz.

    Raises:
        AudioError: for a file that is missing, empty, truncated, not audio, of another rate, or of several channels or
            without the channel asked for, that holds NaN or infinite samples, or ends before the part asked for.
        SvtokError: for compressed NIST SPHERE where nothing is installed that unpacks it.
    """
    path = path if isinstance(path, Path) else Path(path)  # that takes as long as to find a clip in a packed file
    with open_audio(path) as (stream, info):
        rate = info.sample_rate
        if (fault := rate_fault(rate, sample_rate or rate, resample=resample)) is not None:
            raise AudioError(path, fault)
        wave = read_part(path, stream, info, start=start, end=end, channel=channel)
    return resampled(wave, rate, sample_rate or rate), sample_rate or rate


OpenAudio: TypeAlias = "soundfile.SoundFile | PackedAudio"


@contextmanager
def open_audio(path: Path) -> Iterator[tuple[OpenAudio, AudioInfo]]:
    """The open file, once it is known to hold all the samples that it promises. Raises as `read_audio` does."""
    if is_packed(path):
        packed = open_packed(path)
        yield packed, AudioInfo(packed.frames, packed.samplerate, packed.channels)
        return
    header = _header_of_whole(path)
    source: Path | io.BytesIO = path
    if is_compressed(header.sphere):
        source = io.BytesIO(unpacked(path, header.sphere))
    elif header.streamed_at is not None:
        content = bytearray(path.read_bytes())
        content[header.streamed_at : header.streamed_at + 4] = b"\xff" * 4  # libsndfile reads that to the end
        source = io.BytesIO(content)
    try:
        stream = soundfile.SoundFile(source)
    except (soundfile.LibsndfileError, TypeError) as error:  # TypeError: the name ends in .raw
        raise AudioError(path, f"is not audio that can be decoded, or is damaged ({_reason(error)})") from None
    with stream:
        if stream.frames == 0:
            raise AudioError(path, "has no samples; make or fetch it again")
        if stream.samplerate < 1:
            raise AudioError(path, f"has a sampling rate of {stream.samplerate} Hz; make or fetch it again")
        streamed = header.streamed_at is not None
        yield stream, AudioInfo(stream.frames, stream.samplerate, stream.channels, streamed)


def read_part(
    path: Path,
    stream: OpenAudio,
    info: AudioInfo,
    *,
    start: float | None = None,
    end: float | None = None,
    channel: str | None = None,
) -> np.ndarray:
    """The samples (N,) of a part of an open file, and of one channel. As `read_audio`.

    Args:
        path: the file, as errors name it.
        stream: the same file, open.
        info: the length, rate and number of channels of the file.
        start: seconds at which the part begins; default: the beginning of the file.
        end: seconds at which it ends; default: the end of the file.
        channel: one of `svtok.audio.CHANNELS`; without it, a file of several channels is an error.

    Returns:
        (N,) float32 at the rate of the file.

    Raises:
        AudioError: for a channel or a part that the file does not have, and samples that are not numbers.
    """
    if (fault := channel_fault(info.channels, channel)) is not None:
        raise AudioError(path, fault)
    first, last = _span(path, start, end, info.num_samples, info.sample_rate)
    wave = _read_span(path, stream, first, last)
    if info.channels > 1:  # (N, channels)
        wave = wave.mean(axis=1) if channel == "mean" else np.ascontiguousarray(wave[:, int(channel or 1) - 1])
    if not isinstance(stream, PackedAudio) and not np.isfinite(wave).all():
        raise AudioError(path, "holds samples that are not numbers (NaN or infinite); make or fetch the file again")
    return wave


def packed_piece(path: Path, sample_rate: int, start: float | None, end: float | None) -> Piece | None:
    """Where a part of a packed file is in it; None where the file is of another rate than `sample_rate`, Hz.

    Raises AudioError for a damaged file, and for a part that it does not have.
    """
    packed = open_packed(path)
    if packed.samplerate != sample_rate:
        return None
    return Piece(path, *_span(path, start, end, packed.frames, packed.samplerate))


def channel_fault(channels: int, channel: str | None) -> str | None:
    """What is wrong with reading this channel of a file of so many."""
    if channel is None:
        what = f"has {channels} channels, not one; choose with --channel 1|2|mean, or a column 'channel' of the list"
        return what if channels > 1 else None
    if channel not in CHANNELS:
        return f"cannot be read as channel '{channel}': known are {', '.join(CHANNELS)}"
    return f"has 1 channel, and no channel {channel}" if channels == 1 and channel not in ("1", "mean") else None


def rate_fault(rate: int, wanted: int, *, resample: bool) -> str | None:
    """What is wrong with audio of this rate where another is wanted."""
    if rate == wanted:
        return None
    if resample:
        filters = math.lcm(rate, wanted) // math.gcd(rate, wanted)
        no_way = f"has a sampling rate of {rate} Hz, from which there is no way to {wanted} Hz; convert the file"
        return no_way if filters > MOST_TAPS else None
    return f"sampling rate is {rate} Hz, not {wanted}; set 'resample: true' or convert the file"


def _header_of_whole(path: Path) -> Header:
    """The header of a file that is there and has the size that it promises."""
    try:
        size = path.stat().st_size if path.is_file() else None
        if size is None:
            raise AudioError(path, "is a folder, not a file" if path.is_dir() else "there is no such file")
        if size == 0:
            raise AudioError(path, "is empty (0 bytes); make or fetch it again")
        header = read_header(path)
    except OSError as error:
        raise AudioError(path, f"cannot be read: {error.strerror}") from None
    if header.size is not None and header.size > size:
        what = f"is truncated: its header speaks of {header.size} bytes, it has {size}; fetch it again"
        raise AudioError(path, what)
    return header


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


def _read_span(path: Path, stream: OpenAudio, first: int, last: int) -> np.ndarray:
    """Samples (N,), or of several channels (N, channels)."""
    if (last - first) * stream.channels > MOST_SAMPLES:
        seconds = MOST_SAMPLES / stream.channels / stream.samplerate
        what = f"is too long, if its header is right: of its {stream.channels} channels at {stream.samplerate} Hz, "
        raise AudioError(path, f"{what}{seconds:.0f} s at most are read at once; cut it, or give start and end")
    blocks = []
    try:
        stream.seek(first)
        for start in range(first, last, SAMPLES_AT_ONCE):
            wanted = min(SAMPLES_AT_ONCE, last - start)
            blocks.append(stream.read(wanted, dtype="float32"))
            if len(blocks[-1]) < wanted:
                break
    except soundfile.LibsndfileError as error:
        raise AudioError(path, f"is truncated or damaged ({_reason(error)}); fetch it again") from None
    wave: np.ndarray = blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
    if len(wave) < last - first:
        raise AudioError(
            path, f"is truncated: its header speaks of {stream.frames} samples, {first + len(wave)} can be read"
        )
    return wave


def _reason(error: Exception) -> str:
    text = getattr(error, "error_string", str(error))
    return str(text).rstrip(".").removeprefix("Error : ")
