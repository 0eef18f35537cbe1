"""A small encoder of shorten 2 (T. Robinson, "SHORTEN: Simple lossless and near-lossless waveform compression", 1994),
as NIST SPHERE embeds it. It uses of the format what its decoders must know at least: blocks of samples (DIFF0) or of
differences (DIFF1), each a Rice code."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

Compressed = Callable[..., bytes]

BLOCK = 256
DIFF0, DIFF1, QUIT, BLOCKSIZE = 0, 1, 4, 5
S16_LITTLE_ENDIAN = 5


class Bits:
    """Bits, the highest of a byte first."""

    def __init__(self) -> None:
        self.text = ""

    def rice(self, value: int, low: int) -> None:
        """A number of 0 or more: its high bits in unary, its `low` bits as they are."""
        self.text += "0" * (value >> low) + "1" + (f"{value & (1 << low) - 1:0{low}b}" if low else "")

    def signed(self, value: int, low: int) -> None:
        self.rice(value << 1 if value >= 0 else ~value << 1 | 1, low + 1)

    def long(self, value: int) -> None:
        """A number after how many bits it takes."""
        self.rice(value.bit_length(), 2)
        self.rice(value, value.bit_length())

    def to_bytes(self) -> bytes:
        text = self.text + "0" * (-len(self.text) % 32)
        return int(text, 2).to_bytes(len(text) // 8, "big")


def encode(samples: np.ndarray) -> bytes:
    """The stream of one channel of samples (N,) int16."""
    bits = Bits()
    for value in (S16_LITTLE_ENDIAN, 1, BLOCK, 0, 0, 0):  # type, channels, block size, LPC order, means, skipped bytes
        bits.long(value)
    before = 0
    for start in range(0, len(samples), BLOCK):
        block = samples[start : start + BLOCK].astype(int).tolist()
        if len(block) < BLOCK:
            bits.rice(BLOCKSIZE, 2)
            bits.long(len(block))
        command = start // BLOCK % 2
        bits.rice((DIFF0, DIFF1)[command], 2)
        values = block if command == 0 else np.diff([before, *block]).tolist()
        low = max(int(np.abs(values).mean()), 1).bit_length() - 1
        bits.rice(low, 3)
        for value in values:
            bits.signed(value, low)
        before = block[-1]
    bits.rice(QUIT, 2)
    return b"ajkg\x02" + bits.to_bytes()


def sphere(samples: np.ndarray, rate: int = 16000, coding: str = "pcm,embedded-shorten-v2.00") -> bytes:
    """A NIST SPHERE file with the samples (N,) int16 compressed."""
    fields = [
        f"sample_count -i {len(samples)}",
        "sample_n_bytes -i 2",
        "channel_count -i 1",
        "sample_byte_format -s2 01",
        f"sample_rate -i {rate}",
        f"sample_coding -s{len(coding)} {coding}",
        "end_head",
    ]
    header = "\n".join(["NIST_1A", "   1024", *fields, ""]).encode()
    return header.ljust(1024) + encode(samples)


@pytest.fixture
def compressed_sphere() -> Compressed:
    """Samples (N,) int16 in, the bytes of a compressed NIST SPHERE file out."""
    return sphere
