"""What a file's own header promises, read without decoding: libsndfile takes a truncated WAV as a shorter one."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

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
