from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from svtok.embeddings.store import read_embeddings, write_embeddings
from svtok.errors import SvtokError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    vectors = np.arange(6, dtype=np.float32).reshape(3, 2)
    write_embeddings(tmp_path / "e", ["b", "a", "é"], vectors, "a1b2")
    return tmp_path / "e"


def test_what_is_written_is_read_sorted_by_utterance(folder: Path) -> None:
    embeddings = read_embeddings(folder)
    assert embeddings.utts == ["a", "b", "é"]
    np.testing.assert_array_equal(embeddings.vectors, np.array([[2, 3], [0, 1], [4, 5]], dtype=np.float32))
    assert embeddings.vectors.dtype == np.float32
    assert embeddings.network_hash == "a1b2"
    assert sorted(path.name for path in folder.iterdir()) == ["embeddings.npy", "embeddings.tsv", "embeddings.yaml"]
    assert (folder / "embeddings.tsv").read_text(encoding="utf-8") == "utt\na\nb\né\n"


def test_the_parts_of_an_embedding_are_kept_and_divide_it(tmp_path: Path) -> None:
    write_embeddings(tmp_path / "e", ["a"], np.ones((1, 6), np.float32), "h", parts=3)
    assert read_embeddings(tmp_path / "e").parts == 3
    about = tmp_path / "e/embeddings.yaml"
    about.write_text(about.read_text().replace("parts: 3", "parts: 4"))
    with pytest.raises(SvtokError, match=r"e is damaged: embeddings\.yaml says 4 parts of 6 dimensions; run"):
        read_embeddings(tmp_path / "e")
    about.write_text(about.read_text().replace("parts: 4\n", ""))  # as older versions wrote it
    assert read_embeddings(tmp_path / "e").parts == 1


def test_a_hash_that_looks_like_a_number_stays_text(tmp_path: Path) -> None:
    write_embeddings(tmp_path / "e", ["a"], np.ones((1, 2), np.float32), "12345678")
    assert read_embeddings(tmp_path / "e").network_hash == "12345678"


def test_repeated_utterances_and_values_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SvtokError, match="utterance 'a' has more than one embedding"):
        write_embeddings(tmp_path / "e", ["a", "b", "a"], np.ones((3, 2), np.float32), "h")
    with pytest.raises(SvtokError, match="1 embeddings hold NaN or infinity, the first is of 'b'"):
        write_embeddings(tmp_path / "e", ["a", "b"], np.array([[0, 1], [np.nan, 1]], np.float32), "h")
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_shape_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"2 utterances need vectors of shape \(2, D\)"):
        write_embeddings(tmp_path / "e", ["a", "b"], np.ones((3, 2), np.float32), "h")


def test_a_missing_file_is_named_with_the_command_that_makes_it(folder: Path) -> None:
    (folder / "embeddings.yaml").unlink()
    with pytest.raises(SvtokError, match=r"has no embeddings\.yaml: run `svtok extract-embeddings`"):
        read_embeddings(folder)


def test_damaged_files_are_refused(folder: Path) -> None:
    whole = (folder / "embeddings.npy").read_bytes()
    (folder / "embeddings.npy").write_bytes(whole[:-4])
    with pytest.raises(SvtokError, match=r"embeddings\.npy: missing or damaged"):
        read_embeddings(folder)
    (folder / "embeddings.npy").write_bytes(whole)
    (folder / "embeddings.tsv").write_text("utt\na\n")
    with pytest.raises(SvtokError, match=r"shape \(3, 2\), embeddings\.tsv names 1 utterances"):
        read_embeddings(folder)
    (folder / "embeddings.tsv").write_text("utt\na\nb\nb\n")
    with pytest.raises(SvtokError, match="'b' has more than one embedding"):
        read_embeddings(folder)
    (folder / "embeddings.tsv").write_text("utterance\na\nb\nc\n")
    with pytest.raises(SvtokError, match=r"embeddings\.tsv:1: the header is not 'utt'.*\n*.*run `svtok extract-emb"):
        read_embeddings(folder)
    (folder / "embeddings.tsv").write_text("utt\na\nb\nc\n")
    np.save(folder / "embeddings.npy", np.ones((3, 2)))
    with pytest.raises(SvtokError, match=r"holds float64 of shape \(3, 2\) where there should be a float32 matrix"):
        read_embeddings(folder)


def test_the_format_has_a_number_and_a_folder_without_one_is_of_the_first(folder: Path) -> None:
    about = "network: a1b2\nutterances: 3\ndim: 2\n"
    assert (folder / "embeddings.yaml").read_text() == f"format: 1\n{about}parts: 1\n"
    (folder / "embeddings.yaml").write_text(about)
    assert read_embeddings(folder).network_hash == "a1b2"
    (folder / "embeddings.yaml").write_text(f"format: 2\n{about}other: 1\n")
    with pytest.raises(SvtokError, match=r"is of format 2, this svtok reads 1; run `svtok extract-embeddings` with"):
        read_embeddings(folder)


def test_a_damaged_yaml_file_is_refused_with_its_line(folder: Path) -> None:
    (folder / "embeddings.yaml").write_text("network: [\n")
    with pytest.raises(SvtokError, match=r"embeddings\.yaml:2: not valid YAML"):
        read_embeddings(folder)
