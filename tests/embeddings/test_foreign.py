"""Embeddings of other toolkits, from bytes as those write them into a folder of ours."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from svtok.cli.main import svtok
from svtok.embeddings.foreign import import_embeddings
from svtok.embeddings.store import Embeddings, read_embeddings
from svtok.errors import ProblemsError, SvtokError
from svtok.manifest.sets import PreparedSet, write_set


def entry(utt: str, *values: float, kind: str = "FV") -> bytes:
    """An entry of a binary archive, as Kaldi's copy-vector writes it."""
    letter = "f" if kind == "FV" else "d"
    size = b"\4" + struct.pack("<i", len(values))
    return f"{utt} \0B{kind} ".encode() + size + struct.pack(f"<{len(values)}{letter}", *values)


def imported(
    tmp_path: Path, file: Path, table: Path | None = None, data: Path | None = None, network: str = "x"
) -> Embeddings:
    import_embeddings(file, table, data, network, tmp_path / "out")
    return read_embeddings(tmp_path / "out")


def prepared(tmp_path: Path, *utts: str) -> Path:
    write_set(PreparedSet(pd.DataFrame({"utt": utts, "path": "a.wav", "spk": "s", "phrase": "p"})), tmp_path / "set")
    return tmp_path / "set"


def problems(tmp_path: Path, file: Path, table: Path | None = None, data: Path | None = None) -> list[str]:
    with pytest.raises(ProblemsError) as caught:
        imported(tmp_path, file, table, data)
    assert not (tmp_path / "out").exists()
    return [str(problem) for problem in caught.value.problems]


def test_binary_archives_of_floats_or_doubles_are_read_in_any_order(tmp_path: Path) -> None:
    (tmp_path / "x.ark").write_bytes(entry("u2", 1, 2.5) + entry("u1", -3, 4, kind="DV"))
    stored = imported(tmp_path, tmp_path / "x.ark", network="xvector")
    assert stored.utts == ["u1", "u2"]
    assert stored.vectors.tolist() == [[-3, 4], [1, 2.5]]
    assert stored.network_hash == "xvector"


def test_text_archives_are_read(tmp_path: Path) -> None:
    (tmp_path / "x.ark").write_text("u2  [ 1 2.5 ]\nu1  [ -3 4e0 ]\n")
    assert imported(tmp_path, tmp_path / "x.ark").vectors.tolist() == [[-3, 4], [1, 2.5]]


def test_a_list_names_places_within_archives(tmp_path: Path) -> None:
    first = entry("u2", 1, 2)
    (tmp_path / "x 1.ark").write_bytes(first + entry("u1", 3, 4))
    ark = tmp_path / "x 1.ark"
    (tmp_path / "x.scp").write_text(f"u1 {ark}:{len(first) + len('u1 ')}\nu2 {ark}:{len('u2 ')}\n")
    assert imported(tmp_path, tmp_path / "x.scp").vectors.tolist() == [[3, 4], [1, 2]]


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_rows_of_an_array_are_named_by_a_table(tmp_path: Path, kind: type) -> None:
    np.save(tmp_path / "x.npy", np.array([[1, 2], [3, 4], [5, 6]], dtype=kind))
    (tmp_path / "x.tsv").write_text("spk\tutt\ns\tu3\ns\tu1\ns\tu2\n")
    stored = imported(tmp_path, tmp_path / "x.npy", tmp_path / "x.tsv", prepared(tmp_path, "u3", "u2"))
    assert (stored.utts, stored.vectors.tolist()) == (["u2", "u3"], [[5, 6], [1, 2]])


def test_all_that_is_wrong_with_vectors_is_said_at_once_with_lines(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([[1, 2], [np.nan, 4], [5, np.inf], [7, 8]]))
    (tmp_path / "x.tsv").write_text("utt\nu1\nu2\nu3\nu1\n")
    assert problems(tmp_path, tmp_path / "x.npy", tmp_path / "x.tsv", prepared(tmp_path, "u1", "u2", "u3", "u8")) == [
        f"{tmp_path / 'x.tsv'}:3: the vector of 'u2' holds NaN or infinity",
        f"{tmp_path / 'x.tsv'}:4: the vector of 'u3' holds NaN or infinity",
        f"{tmp_path / 'x.tsv'}:5: the vector of 'u1' is there twice",
        f"{tmp_path / 'x.npy'}: 1 utterances of {tmp_path / 'set'} have no vector: u8",
    ]


def test_vectors_of_several_dimensions_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.ark").write_bytes(entry("u1", 1, 2) + entry("u2", 1, 2, 3))
    assert problems(tmp_path, tmp_path / "x.ark") == [
        f"{tmp_path / 'x.ark'}: the vector of 'u2' has 3 dimensions, the first 2"
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (entry("u1", 1, 2)[:-1], "'u1' is cut off"),
        (b"u1 \0BFM \4" + struct.pack("<i", 1) + b"\4" + struct.pack("<i", 1) + bytes(4), r"of the type b'FM '"),
        (b"u1 PKLcos\nsystem\n", "'u1' is no vector"),
        (b"u1  [\n 1 2\n 3 4 ]\n", "'u1' is no vector"),
        (b"u1  [ 1 x ]\n", "'u1' is no vector"),
        (b"\0" * 5000, "is no Kaldi archive"),
        (b"\xff\xfe ", "not UTF-8"),
        (b"", "has no vectors"),
    ],
)
def test_what_is_no_archive_of_vectors_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "x.ark").write_bytes(content)
    with pytest.raises(SvtokError, match=message):
        imported(tmp_path, tmp_path / "x.ark")


def test_a_list_with_a_pipe_runs_nothing(tmp_path: Path) -> None:
    (tmp_path / "x.scp").write_text(f"u1 touch {tmp_path / 'ran'} |\n")
    assert problems(tmp_path, tmp_path / "x.scp")[0].startswith(f"{tmp_path / 'x.scp'}:1: 'u1': a pipe, which is not")
    assert not (tmp_path / "ran").exists()


def test_a_table_belongs_to_an_array_and_to_nothing_else(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.ones((2, 2)))
    (tmp_path / "x.tsv").write_text("utt\nu1\n")
    (tmp_path / "y.tsv").write_text("u1\nu2\n")
    for table, message in ((None, "--table"), ("x.tsv", "names 1 utterances, but"), ("y.tsv", "header has no 'utt'")):
        with pytest.raises(SvtokError, match=message):
            imported(tmp_path, tmp_path / "x.npy", None if table is None else tmp_path / table)


def test_the_command_says_what_it_wrote_and_notices_another_archive_behind_a_list(tmp_path: Path) -> None:
    (tmp_path / "x.ark").write_bytes(entry("u1", 1, 2, 3))
    (tmp_path / "x.scp").write_text(f"u1 {tmp_path / 'x.ark'}:3\n")

    def call() -> Result:
        given = ("kaldi", "import", "embeddings", tmp_path / "x.scp", "--network", "x", "--out", tmp_path / "out")
        return CliRunner().invoke(svtok, [str(word) for word in given], catch_exceptions=False)

    assert call().output == f"wrote {tmp_path / 'out'}: 1 embeddings of 3 dimensions\n"
    assert "up to date" in call().output
    (tmp_path / "x.ark").write_bytes(entry("u1", 1, 2, 3, 4))
    assert "1 embeddings of 4 dimensions" in call().output
