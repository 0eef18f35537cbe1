"""Changes to the bytes of a valid file, as accidents and strangers make them."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from random import Random

HUGE = (
    *(b"0", b"-1", b"-0", b"1e308", b"1e999", b"nan", b"-inf", b"4294967296", b"99999999999999999999", b"9" * 5000),
    *(b"0x" + b"f" * 5000, b"1_0", b"1:" * 3000 + b"1", b"\xc2\xb2", b"\xb2", "٣".encode(), b"2026-13-45"),
)
"""What stands where a number stood. `\\xb2` is a digit to `str.isdigit`, and no number."""
ODD = (
    *(b"\0", b"\n", b"\r", b"\t", b" ", b'"', b"'", b"\\", b"../../x", b"/dev/zero", b"~root", b"| touch x |"),
    *(b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", "\u2028".encode(), "e\u0301".encode(), "\u200b".encode(), b"%s{}"),
    *(b"a" * 5000, b"&a [*a, *a]", b"<<: *a", b"*a", b"!!python/object/apply:os.system ['touch x']", b"!!binary =="),
    *(b"[" * 3000, b"{a: " * 3000, b"[1, [2, {}]]", b"null", b"true", b": ", b"- ", b"\x80\x04N."),
)
WORDS = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x7FFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF)
Content = bytearray


def mutated(content: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """The content after one to four changes.

    Args:
        content: that of a valid file.
        others: contents of other valid files, of which pieces may be put in.
        random: chooses.
    """
    changed = bytearray(content)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        change = random.choice(CHANGES)
        change(changed, others, random)
    return bytes(changed)


def _place(content: Content, random: Random) -> int:
    """Anywhere; often near the beginning, where headers stand."""
    return random.randint(0, min(len(content), random.choice((16, 64, 512, len(content)))))


def _flip_bits(content: Content, others: Sequence[bytes], random: Random) -> None:
    for _ in range(random.choice((1, 1, 3, 20)) if content else 0):
        content[min(_place(content, random), len(content) - 1)] ^= 1 << random.randrange(8)


def _cut(content: Content, others: Sequence[bytes], random: Random) -> None:
    del content[_place(content, random) :]


def _remove(content: Content, others: Sequence[bytes], random: Random) -> None:
    start = _place(content, random)
    del content[start : start + random.choice((1, 2, 4, 8, 100))]


def _insert_random(content: Content, others: Sequence[bytes], random: Random) -> None:
    start = _place(content, random)
    content[start:start] = random.randbytes(random.choice((1, 2, 4, 8, 300)))


def _insert_odd(content: Content, others: Sequence[bytes], random: Random) -> None:
    start = _place(content, random)
    content[start : start + random.choice((0, 0, 1, 8))] = random.choice(ODD)


def _replace_number(content: Content, others: Sequence[bytes], random: Random) -> None:
    """A run of digits becomes a number that nobody expects."""
    start = next((n for n in range(_place(content, random), len(content)) if content[n : n + 1].isdigit()), None)
    if start is not None:
        end = start
        while content[end : end + 1].isdigit():
            end += 1
        content[start:end] = random.choice(HUGE)


def _replace_word(content: Content, others: Sequence[bytes], random: Random) -> None:
    """Two, four or eight bytes become an integer at an end of its range."""
    kind = random.choice(("<H", ">H", "<I", ">I", "<Q", ">Q"))
    size = struct.calcsize(kind)
    start = _place(content, random)
    content[start : start + size] = struct.pack(kind, random.choice(WORDS) & ((1 << 8 * size) - 1))


def _repeat(content: Content, others: Sequence[bytes], random: Random) -> None:
    start = _place(content, random)
    piece = content[start : start + random.choice((1, 10, 100))]
    content[start:start] = bytes(piece) * min(random.choice((1, 3, 1000)), 1 + (1 << 18) // max(1, len(piece)))


def _splice(content: Content, others: Sequence[bytes], random: Random) -> None:
    other = random.choice(others)
    start = _place(content, random)
    piece = other[random.randint(0, len(other)) :][: random.choice((10, 100, 10000))]
    content[start : start + random.choice((0, len(piece), len(content)))] = piece


def _encode(content: Content, others: Sequence[bytes], random: Random) -> None:
    text = content.decode("latin-1")
    content[:] = text.encode(random.choice(("utf-16", "utf-32", "utf-8", "utf-7")))


CHANGES: tuple[Callable[[Content, Sequence[bytes], Random], None], ...] = (
    *(_flip_bits, _flip_bits, _cut, _remove, _insert_random, _insert_odd, _insert_odd, _replace_number),
    *(_replace_number, _replace_word, _replace_word, _repeat, _splice, _encode),
)
