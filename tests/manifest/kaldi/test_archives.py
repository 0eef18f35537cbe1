"""Kaldi's archives: what its own code, in kaldi_native_io, writes and reads."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import kaldi_native_io
import numpy as np
import pytest

from svtok.errors import SvtokError
from svtok.manifest.kaldi.archives import Named, Values, read_archive, read_named, write_archive

DRAW = np.random.default_rng(0)
LONG = DRAW.standard_normal((300, 5)).astype(np.float32) * 10


def by_name(named: Iterator[Named] | list[Named]) -> dict[str, Values]:
    return {utt: values for utt, values, _ in named}


@pytest.mark.parametrize(
    ("method", "mark"), [("kSpeechFeature", b"CM "), ("kTwoByteAuto", b"CM2 "), ("kOneByteAuto", b"CM3 ")]
)
def test_compressed_matrices_are_what_kaldi_makes_of_them(tmp_path: Path, method: str, mark: bytes) -> None:
    path = f"{tmp_path / 'x.ark'}"
    with kaldi_native_io.CompressedMatrixWriter(f"ark:{path}") as writer:
        writer.write("a", LONG, getattr(kaldi_native_io.CompressionMethod, method))
        writer.write("b", LONG[:9], getattr(kaldi_native_io.CompressionMethod, method))
    assert b"\0B" + mark in Path(path).read_bytes()
    with kaldi_native_io.SequentialFloatMatrixReader(f"ark:{path}") as reader:
        expected = {name: np.array(matrix) for name, matrix in reader}
    found = by_name(read_archive(Path(path), 2))
    assert list(found) == ["a", "b"]
    for name in found:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found["a"], LONG, atol=0.5)


def test_text_and_double_matrices_are_read(tmp_path: Path) -> None:
    content = b"a \0BDM \4" + struct.pack("<i", 1) + b"\4" + struct.pack("<i", 2) + struct.pack("<2d", 1, 2.5)
    (tmp_path / "x.ark").write_bytes(content + b"b  [\n  1 2\n  3 4e0 ]\nc  [ 5 6 ]\n")
    found = by_name(read_archive(tmp_path / "x.ark", 2))
    assert {name: values.tolist() for name, values in found.items()} == {
        "a": [[1, 2.5]],
        "b": [[1, 2], [3, 4]],
        "c": [[5, 6]],
    }


@pytest.mark.parametrize("shape", [(4,), (3, 2)])
def test_what_is_written_is_read_by_kaldi_and_here_by_archive_and_list(tmp_path: Path, shape: tuple[int, ...]) -> None:
    arrays = {name: DRAW.standard_normal(shape).astype(np.float32) for name in ("u-1", "u-2", "ü")}
    assert write_archive(tmp_path / "x.ark", arrays.items()) == 3
    kind = "Vector" if len(shape) == 1 else "Matrix"
    for source in ("ark", "scp"):
        file = tmp_path / f"x.{source}"
        with getattr(kaldi_native_io, f"SequentialFloat{kind}Reader")(f"{source}:{file}") as reader:
            read = {name: np.array(values) for name, values in reader}
        for found in (read, by_name(list(read_named(file, len(shape))))):
            assert list(found) == list(arrays)
            assert all(np.array_equal(found[name], arrays[name]) for name in arrays)


def sized(kind: bytes, *sizes: int) -> bytes:
    return b"a \0B" + kind + b"".join(b"\4" + struct.pack("<i", size) for size in sizes)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (sized(b"FM ", 2**30, 2**16) + bytes(64), "the matrix of 'a' is cut off or damaged"),
        (sized(b"FM ", 2, 2) + bytes(15), "the matrix of 'a' is cut off or damaged"),
        (sized(b"FM ", -1, 2) + bytes(15), "the matrix of 'a' is cut off or damaged"),
        (b"a \0BCM " + struct.pack("<ffii", 0, 1, 2**30, 4) + bytes(99), "the matrix of 'a' is cut off or damaged"),
        (b"a \0BCM2 " + struct.pack("<ffii", 0, 1, 0, 0), "the matrix of 'a' is cut off or damaged"),
        (b"a \0BCM3 " + bytes(9), "the matrix of 'a' is cut off or damaged"),
        (sized(b"FV ", 2) + bytes(8), r"is of the type b'FV '; a matrix"),
        (b"a \0BPKL", r"is of the type b'PKL'; a matrix"),
        (b"a [\n 1 2\n 3 ]\n", "'a' is no matrix of numbers"),
        (b"a [\n 1 2\n 3 4\n", "'a' is no matrix of numbers"),
        (b"a [ ]\n", "'a' is no matrix of numbers"),
    ],
)
def test_what_is_no_archive_of_matrices_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "x.ark").write_bytes(content)
    with pytest.raises(SvtokError, match=message):
        list(read_archive(tmp_path / "x.ark", 2))


def test_the_end_of_a_name_says_what_a_file_is(tmp_path: Path) -> None:
    with pytest.raises(SvtokError, match=r"known by the end of its name"):
        read_named(tmp_path / "x.txt", 1)
    with pytest.raises(SvtokError, match=r"name the archive \.ark; its list will be x\.scp"):
        write_archive(tmp_path / "x.scp", [])
