"""A name always holds a whole file or folder."""

import errno
from pathlib import Path
from typing import Any

import pytest

from svtok.files import sha256_of_files, write_text, writing_file, writing_folder


def test_a_file_appears_when_its_block_ends_well(tmp_path: Path) -> None:
    path = tmp_path / "new" / "table.tsv"
    with writing_file(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


def fail_in(writing: Any, path: Path, name: str, error: Any) -> None:
    """Write `name` into what a block gives, then fail."""
    with writing(path) as temporary:
        (temporary / name if temporary.is_dir() else temporary).touch()
        raise error


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_file_that_was_there_stays_when_the_block_fails(tmp_path: Path, error: Any) -> None:
    path = tmp_path / "table.tsv"
    write_text(path, "old")
    with pytest.raises(error):
        fail_in(writing_file, path, "", error)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_takes_the_place_of_the_old_one_whole(tmp_path: Path) -> None:
    path = tmp_path / "set"
    for content in ("old", "new"):
        with writing_folder(path) as temporary:
            (temporary / content).touch()
    assert [entry.name for entry in path.iterdir()] == ["new"]
    with pytest.raises(KeyboardInterrupt):
        fail_in(writing_folder, path, "half", KeyboardInterrupt)
    assert [entry.name for entry in path.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("writing", [writing_file, writing_folder])
def test_a_full_disk_is_named_with_the_name_of_what_was_being_written(tmp_path: Path, writing: Any) -> None:
    with pytest.raises(OSError, match="No space left") as caught:
        fail_in(writing, tmp_path / "big", "part", OSError(errno.ENOSPC, "No space left on device"))
    assert caught.value.filename == str(tmp_path / "big")
    assert not list(tmp_path.iterdir())


def test_the_hash_is_of_the_contents_in_order(tmp_path: Path) -> None:
    one, two = tmp_path / "1", tmp_path / "2"
    one.write_text("ab")
    two.write_text("c")
    assert sha256_of_files([one, two]) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # of "abc"
    assert sha256_of_files([one, two]) != sha256_of_files([two, one])
