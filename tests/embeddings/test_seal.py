"""Stores of voices that are encrypted: what can be read of them without their key, and what each fault is."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from svtok.embeddings.takes import Source, Take, unit_rows
from svtok.embeddings.voices import Voices
from svtok.errors import SvtokError

pytest.importorskip("cryptography", reason="needs the extra encryption")

OURS = Source("a" * 64, "exp/ours", 2)


def take(seed: int) -> Take:
    random = np.random.default_rng(seed)
    states = random.standard_normal((5, 4)).astype(np.float32)
    return Take(random.standard_normal(8).astype(np.float32), unit_rows(states))


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "voices.key"
    path.write_text("correct horse battery staple\n")
    return path


@pytest.fixture
def store(tmp_path: Path, key_file: Path) -> Voices:
    voices = Voices(tmp_path / "voices.db", key_file)
    voices.add(OURS, "zoe", "open the door", [take(0), take(1)])
    voices.add(OURS, "anna", "close it", [take(2)])
    voices.add(OURS, "anna", "open the door", [take(3)])
    return voices


def test_an_encrypted_store_does_what_another_does(store: Voices) -> None:
    found = [(voice.speaker, voice.phrase, voice.takes) for voice in store.list()]
    assert found == [("anna", "close it", 1), ("anna", "open the door", 1), ("zoe", "open the door", 2)]
    takes = store.takes(OURS, "zoe")["zoe", "open the door"]
    for mine, wanted in zip(takes, [take(0), take(1)], strict=True):
        np.testing.assert_array_equal(mine.embedding, wanted.embedding)
        np.testing.assert_array_equal(mine.states, wanted.states)
    assert [line["speaker"] for line in store.export()] == ["anna", "anna", "zoe", "zoe"]
    with pytest.raises(SvtokError, match="is enrolled already"):
        store.add(OURS, "zoe", "open the door", [take(1)])
    with pytest.raises(SvtokError, match=r"'zoo'.*'zoe'"):
        store.takes(OURS, "zoo")
    assert store.remove("anna", "close it") == 1
    assert store.remove("zoe") == 2
    assert [voice.speaker for voice in store.list()] == ["anna"]


def test_the_file_shows_no_name_no_embedding_and_no_state(store: Voices) -> None:
    content = store.path.read_bytes()
    for number in range(4):
        for hidden in (take(number).embedding.tobytes(), take(number).states.astype("<f2").tobytes()):
            assert hidden not in content
    for name in (b"zoe", b"anna", b"door", b"close"):
        assert name not in content
    with closing(sqlite3.connect(store.path)) as connection:
        (rows,) = connection.execute("SELECT count(*) FROM takes WHERE length(embedding) > 32").fetchone()
    assert rows == 4


def test_no_key_another_key_and_a_key_for_a_store_that_is_not_encrypted_are_an_error_each(
    store: Voices, tmp_path: Path
) -> None:
    with pytest.raises(SvtokError, match=r"voices\.db: is encrypted: name the file of its key \(--key-file\)"):
        Voices(store.path).list()
    with pytest.raises(SvtokError, match="is encrypted: name"):
        Voices(store.path).add(OURS, "eve", "x", [take(9)])
    (other := tmp_path / "other.key").write_text("another passphrase, as long")
    for refused in (Voices(store.path, other).list, lambda: Voices(store.path, other).remove("zoe")):
        with pytest.raises(SvtokError, match=r"is encrypted with another key than that of .*other\.key"):
            refused()
    plain = Voices(tmp_path / "plain.db")
    plain.add(OURS, "eve", "x", [take(9)])
    with pytest.raises(SvtokError, match=r"plain\.db: is not encrypted, and a key is given"):
        Voices(plain.path, other).add(OURS, "eve", "x", [take(8)])
    assert (len(store.list()), len(plain.list())) == (3, 1)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "cannot be read: No such file"), (b"short\n", "holds 5 bytes, and a key of at least")],
)
def test_a_key_that_is_missing_or_short_makes_no_store(tmp_path: Path, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / "bad.key").write_bytes(content)
    voices = Voices(tmp_path / "voices.db", tmp_path / "bad.key")
    with pytest.raises(SvtokError, match=message):
        voices.add(OURS, "eve", "x", [take(9)])
    assert not Voices(voices.path).list() if voices.path.exists() else True


def test_an_array_that_is_put_into_another_row_or_changed_is_damage(store: Voices) -> None:
    with closing(sqlite3.connect(store.path)) as connection, connection:
        connection.execute("UPDATE takes SET embedding = (SELECT embedding FROM takes WHERE id = 3) WHERE id = 1")
    with pytest.raises(SvtokError, match=r"damaged \(a part of it is not what its key has hidden there\)"):
        store.takes(OURS, "zoe")
    assert len(store.takes(OURS, "anna")) == 2


@pytest.mark.parametrize("change", ["UPDATE seal SET salt = 'salt'", "UPDATE seal SET mark = 3", "DELETE FROM seal"])
def test_a_damaged_seal_is_that_of_another_key(store: Voices, change: str) -> None:
    with closing(sqlite3.connect(store.path)) as connection, connection:
        connection.execute(change)
    with pytest.raises(SvtokError, match="is encrypted with another key"):
        store.list()


def test_without_the_extra_it_is_named(tmp_path: Path, key_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from svtok.embeddings.seal import seal_of

    seal_of.cache_clear()
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.ciphers.aead", None)
    with pytest.raises(SvtokError, match=r"pip install 'svtok\[encryption\]'"):
        Voices(tmp_path / "voices.db", key_file).add(OURS, "eve", "x", [take(9)])
