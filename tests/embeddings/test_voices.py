"""The store of enrolled voices: who is found in it, who may read it, and that it stays whole."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from svtok.embeddings.takes import Source, Take, unit_rows
from svtok.embeddings.voices import Voices
from svtok.errors import SvtokError

OURS = Source("a" * 64, "exp/ours", 2)
DIM, WIDTH = 8, 4


def take(seed: int, frames: int = 5) -> Take:
    random = np.random.default_rng(seed)
    states = random.standard_normal((frames, WIDTH)).astype(np.float32)
    return Take(random.standard_normal(DIM).astype(np.float32), unit_rows(states))


@pytest.fixture
def store(tmp_path: Path) -> Voices:
    """Two phrases of Anna and one of Bob, in a file whose name has blanks and signs that addresses give a meaning."""
    voices = Voices(tmp_path / "my voices #1 ?.db")
    voices.add(OURS, "anna", "open the door", [take(0), take(1, frames=3)])
    voices.add(OURS, "anna", "close it", [take(2)])
    voices.add(OURS, "bob", "open the door", [take(3)])
    return voices


def test_takes_come_back_as_they_were_by_voice(store: Voices) -> None:
    voices = store.takes(OURS)
    assert list(voices) == [("anna", "close it"), ("anna", "open the door"), ("bob", "open the door")]
    for found, wanted in zip(voices["anna", "open the door"], [take(0), take(1, frames=3)], strict=True):
        np.testing.assert_array_equal(found.embedding, wanted.embedding)
        np.testing.assert_array_equal(found.states, wanted.states)
    assert list(store.takes(OURS, "anna")) == [("anna", "close it"), ("anna", "open the door")]
    assert list(store.takes(OURS, phrase="open the door")) == [("anna", "open the door"), ("bob", "open the door")]


def test_the_list_counts_takes(store: Voices) -> None:
    assert store.add(OURS, "bob", "open the door", [take(4)]) == 2
    found = [(voice.speaker, voice.phrase, voice.takes) for voice in store.list()]
    assert found == [("anna", "close it", 1), ("anna", "open the door", 2), ("bob", "open the door", 2)]
    assert store.list()[0].added.endswith("+00:00")


def test_the_same_take_is_not_added_twice_to_a_voice(store: Voices) -> None:
    # as where two programs enroll one recording at once, and neither finds it there before
    with pytest.raises(SvtokError, match="of 'anna' saying 'open the door' is enrolled already"):
        store.add(OURS, "anna", "open the door", [take(9), take(1, frames=3)])
    assert [len(found) for found in store.takes(OURS).values()] == [1, 2, 1]
    assert store.add(OURS, "bob", "close it", [take(1)]) == 1  # another voice may have it


def test_a_voice_that_is_not_enrolled_has_no_takes(store: Voices, tmp_path: Path) -> None:
    assert len(store.of(OURS, "anna", "open the door")) == 2
    assert store.of(OURS, "bob", "close it") == []
    assert Voices(tmp_path / "none.db").of(OURS, "anna", "open the door") == []


def test_a_voice_that_another_removes_while_it_is_read_is_read_whole(
    store: Voices, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, removed = store._found, []

    def found_and_then_removed(connection: sqlite3.Connection, *names: str | None) -> tuple[str, tuple[str, ...]]:
        answer = found(connection, *names)
        other = sqlite3.connect(store.path, timeout=0)
        other.execute("DELETE FROM takes WHERE speaker = 'anna'")
        try:
            other.commit()
        except sqlite3.OperationalError:  # it waits for the reader
            removed.append(False)
        other.close()
        return answer

    monkeypatch.setattr(store, "_found", found_and_then_removed)
    assert len(store.takes(OURS, "anna", "open the door")["anna", "open the door"]) == 2
    assert removed == [False]


def test_what_a_killed_writer_left_half_written_is_taken_back_by_whoever_reads_next(
    store: Voices, tmp_path: Path
) -> None:
    writer = sqlite3.connect(store.path, isolation_level=None)
    writer.execute("PRAGMA cache_size = 1")  # pages go into the file before the end of the transaction
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("DELETE FROM takes WHERE speaker = 'anna'")
    writer.execute("UPDATE takes SET embedding = zeroblob(100000)")
    files = [store.path, store.path.with_name(f"{store.path.name}-journal")]
    (left := tmp_path / "left").mkdir()
    for file in files:  # as after SIGKILL: the journal is there, and nobody has a lock
        shutil.copy(file, left)
    writer.close()
    assert files[0].read_bytes() != (left / files[0].name).read_bytes()
    assert len(Voices(left / store.path.name).list()) == 3
    assert not (left / files[1].name).exists()


def test_names_are_the_same_in_every_spelling_of_unicode_and_with_blanks_around(store: Voices) -> None:
    store.add(
        OURS, "Jose\u0301 P\u00e9rez", " \u0627\u0641\u062a\u062d\u00a0\u0627\u0644\u0628\u0627\u0628 ", [take(5)]
    )
    assert list(store.takes(OURS, "Jos\u00e9 Pe\u0301rez", "افتح الباب")) == [("José Pérez", "افتح الباب")]
    assert len(store.of(OURS, "José Pérez ", "افتح الباب")) == 1
    assert store.remove("Jose\u0301 Pérez") == 1


@pytest.mark.parametrize("name", ["", "  ", "two\nlines", "a\0b"])
def test_what_is_no_name_is_refused(store: Voices, name: str) -> None:
    with pytest.raises(SvtokError, match="cannot be a name"):
        store.add(OURS, name, "open the door", [take(0)])


def test_an_unknown_speaker_and_a_phrase_never_enrolled_are_named_with_those_that_are_there(store: Voices) -> None:
    with pytest.raises(SvtokError, match=r"unknown speaker 'ana' \(known: anna, bob\); did you mean 'anna'\?"):
        store.takes(OURS, "ana")
    with pytest.raises(SvtokError, match=r"'bob' never enrolled this phrase: unknown phrase 'close it' \(known: open"):
        store.takes(OURS, "bob", "close it")
    with pytest.raises(SvtokError, match=r"db: unknown phrase 'sing' \(known: close it, open the door\)"):
        store.takes(OURS, phrase="sing")
    with pytest.raises(SvtokError, match="unknown speaker 'carl'"):
        store.remove("carl")


def test_what_is_removed_is_gone_from_the_file(store: Voices) -> None:
    gone, kept = (np.asarray(take(seed).embedding, "<f4").tobytes() for seed in (0, 3))
    assert gone in store.path.read_bytes()
    assert store.remove("anna", "open the door") == 2
    assert store.remove("anna") == 1
    assert gone not in store.path.read_bytes()
    assert kept in store.path.read_bytes()
    assert b"anna" not in store.path.read_bytes()
    assert [voice.speaker for voice in store.list()] == ["bob"]
    assert os.listdir(store.path.parent) == [store.path.name]  # no journal is left beside it


def test_costs_come_back_too_and_those_of_another_cohort_are_refused(tmp_path: Path) -> None:
    voices, ours = Voices(tmp_path / "voices.db"), OURS._replace(cohort="ours")
    voices.add(ours, "anna", "open the door", [take(0)._replace(costs=np.array([0.25, 1.5], np.float32))])
    (found,) = voices.takes(ours)["anna", "open the door"]
    assert found.costs.tolist() == [0.25, 1.5]
    assert next(voices.export())["costs"] == [0.25, 1.5]
    for theirs in (OURS, OURS._replace(cohort="another")):
        with pytest.raises(SvtokError, match="holds voices of costs against another cohort than the one of the scorer"):
            voices.takes(theirs)


@pytest.mark.skipif(os.name != "posix", reason="modes of files")
def test_only_its_owner_may_read_it(store: Voices) -> None:
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600


def test_another_network_is_refused_with_the_way_out_and_may_have_a_store_that_is_empty(store: Voices) -> None:
    theirs = Source("b" * 64, "exp/theirs", 2)
    for use in (
        lambda: store.takes(theirs),
        lambda: store.add(theirs, "eve", "x", [take(0)]),
        lambda: store.check(theirs),
    ):
        with pytest.raises(
            SvtokError, match=r"of another network \(a{12}, that of exp/ours\) than exp/theirs"
        ) as caught:
            use()
        assert str(caught.value).endswith("(--network), or enroll them again, into another store (--store)")
    with pytest.raises(
        SvtokError, match=r"holds voices of states after layer 2, and the scorer of exp/ours compares those after 1"
    ):
        store.check(OURS._replace(layer=1))
    store.check(OURS._replace(folder="elsewhere"))  # the same network, moved
    for speaker in ("anna", "bob"):
        store.remove(speaker)
    assert store.list() == []
    store.add(theirs, "eve", "x", [take(0)])
    with pytest.raises(SvtokError, match="another network"):
        store.takes(OURS)


def test_there_is_no_store_and_an_empty_one(tmp_path: Path) -> None:
    voices = Voices(tmp_path / "voices.db")
    with pytest.raises(SvtokError, match=r"voices\.db: there is no such store of voices; make one with `svtok enroll`"):
        voices.list()
    assert voices.of(OURS, "anna", "x") == []
    voices.check(OURS)
    assert not voices.path.exists()
    with pytest.raises(SvtokError, match="there is no such store"):
        voices.remove("anna")
    assert not voices.path.exists()
    voices.path.touch()
    assert voices.list() == []
    with pytest.raises(SvtokError, match=r"voices\.db: holds no voices"):
        voices.takes(OURS)
    voices.add(OURS, "anna", "x", [take(0)])
    with pytest.raises(SvtokError, match="is a folder"):
        Voices(tmp_path).list()


def test_a_damaged_file_and_one_of_another_program_are_refused_and_left_alone(store: Voices, tmp_path: Path) -> None:
    text = Voices(tmp_path / "notes.db")
    text.path.write_text("not a database\n" * 100)
    cut = Voices(tmp_path / "cut.db")
    cut.path.write_bytes(store.path.read_bytes()[:5000] + b"\xff" * 9000)
    for voices in (text, cut):
        before = voices.path.read_bytes()
        refused = pytest.raises(SvtokError, match=r"db: not a store of voices, or damaged \(.*take a copy of it")
        with refused:
            voices.takes(OURS)
        with refused:
            voices.add(OURS, "eve", "x", [take(0)])
        assert voices.path.read_bytes() == before
    other = Voices(tmp_path / "other.db")
    connection = sqlite3.connect(other.path)
    connection.execute("CREATE TABLE money (amount)")
    connection.close()
    with pytest.raises(SvtokError, match="is a database of another program"):
        other.add(OURS, "eve", "x", [take(0)])
    with pytest.raises(SvtokError, match="is a database of another program"):
        other.list()


def test_a_take_of_the_wrong_size_or_of_no_numbers_is_damage(store: Voices) -> None:
    connection = sqlite3.connect(store.path)
    connection.execute("UPDATE takes SET states = x'00' WHERE speaker = 'bob'")
    connection.execute(
        "UPDATE takes SET embedding = ? WHERE speaker = 'anna'", (np.full(DIM, np.nan, "<f4").tobytes(),)
    )
    connection.commit()
    connection.close()
    with pytest.raises(SvtokError, match="take 4 has the wrong size"):
        store.takes(OURS, "bob")
    with pytest.raises(SvtokError, match="take 3 holds numbers that are none"):
        store.takes(OURS, "anna")


def test_a_store_of_a_later_format_is_not_read(store: Voices) -> None:
    connection = sqlite3.connect(store.path)
    connection.execute("PRAGMA user_version = 7")
    connection.close()
    with pytest.raises(SvtokError, match="is of format 7, this svtok reads 2"):
        store.list()


def test_on_a_read_only_disk_voices_are_read_and_not_written(store: Voices, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Any, flags: int, *mode: int) -> int:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    monkeypatch.setattr("svtok.embeddings.voices.os.open", refuse)
    with pytest.raises(SvtokError, match=r"cannot be written: Read-only file system; name another file \(--store\)"):
        store.add(OURS, "eve", "x", [take(0)])
    assert len(store.takes(OURS)) == 3


def test_a_reader_needs_no_right_to_write(store: Voices) -> None:
    store.path.chmod(0o400)
    store.path.parent.chmod(0o500)
    try:
        assert len(store.takes(OURS)) == 3
    finally:
        store.path.parent.chmod(0o700)


def test_waiting_too_long_for_another_writer_is_an_error_and_nothing_is_lost(
    store: Voices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("svtok.embeddings.voices.BUSY_SECONDS", 0.05)
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(SvtokError, match="another program has been writing it"):
        store.add(OURS, "eve", "x", [take(0)])
    assert len(store.list()) == 3  # readers do not wait
    other.execute("ROLLBACK")
    other.close()
    store.add(OURS, "eve", "x", [take(0)])


@pytest.mark.slow
def test_two_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    code = """
import sys
import numpy as np
from pathlib import Path
from svtok.embeddings.takes import Source, Take
from svtok.embeddings.voices import Voices
for number in range(25):
    one = Take(np.full(8, number, np.float32), np.ones((3, 4), np.float32))
    Voices(Path("both.db")).add(Source("a", "exp", 1), sys.argv[1], f"phrase {number % 5}", [one])
"""
    writers = [subprocess.Popen([sys.executable, "-c", code, name], cwd=tmp_path) for name in ("ann", "bob")]
    assert [writer.wait() for writer in writers] == [0, 0]
    voices = Voices(tmp_path / "both.db").list()
    assert [voice.takes for voice in voices] == [5] * 10


def test_a_writer_that_fails_in_the_middle_leaves_nothing(store: Voices) -> None:
    wrong = Take(np.ones(DIM, np.float32), "no array")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="could not convert"):
        store.add(OURS, "eve", "x", [take(0), wrong])
    assert [voice.speaker for voice in store.list()] == ["anna", "anna", "bob"]


def test_what_is_exported_is_all_that_is_held_of_a_speaker(store: Voices) -> None:
    [first, second, third] = store.export("anna")
    assert [row["phrase"] for row in (first, second, third)] == ["close it", "open the door", "open the door"]
    assert first["network"] == OURS.network
    assert first["embedding"] == take(2).embedding.tolist()
    assert third["states"] == take(1, frames=3).states.tolist()
    assert len(list(store.export())) == 4
