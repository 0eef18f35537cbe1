"""Encryption of what a store of voices holds: AES-SIV, by a key that scrypt makes of a passphrase and a salt.

The same value in the same place gives the same bytes, so that a name can be looked up; what a value belongs to (its
column, and the names of its row) is authenticated with it. Needs the extra `encryption`.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from svtok.embeddings.takes import ARRAYS
from svtok.errors import SvtokError

SALT_BYTES = 16
LEAST_BYTES = 16
"""Of a passphrase: a short one is guessed."""
COST = {"n": 2**15, "r": 8, "p": 1, "maxmem": 2**26}
"""Of scrypt (RFC 7914): 32 MB, and about 0.1 s, for each guess."""

TABLE = "CREATE TABLE seal (salt BLOB NOT NULL, mark BLOB NOT NULL)"
MARK = b"svtok"
"""What is hidden in the seal, to know the right key by."""
SHOWN = """
CREATE TEMP VIEW IF NOT EXISTS takes AS SELECT id, show_name(speaker, 'speaker') AS speaker,
    show_name(phrase, 'phrase') AS phrase, added, show(embedding, 'embedding', speaker, phrase) AS embedding,
    show(states, 'states', speaker, phrase) AS states, show(costs, 'costs', speaker, phrase) AS costs FROM main.takes
"""


class Seal:
    """A key, and what it hides and shows again.

    >>> seal = Seal(b"a long passphrase", bytes(16))
    >>> seal.show(seal.hide(b"anna", b"speaker"), b"speaker")
    b'anna'
    """

    def __init__(self, passphrase: bytes, salt: bytes) -> None:
        try:
            from cryptography.hazmat.primitives.ciphers.aead import AESSIV
        except ImportError:
            raise SvtokError("an encrypted store of voices needs pip install 'svtok[encryption]'") from None
        self._cipher = AESSIV(hashlib.scrypt(passphrase, salt=salt, dklen=64, **COST))
        self.name = lru_cache(maxsize=100_000)(self._name)

    def hide(self, value: bytes, *belongs: bytes) -> bytes:
        """A value as it is stored; of no bytes, none."""
        return self._cipher.encrypt(value, list(belongs)) if value else b""

    def show(self, value: bytes, *belongs: bytes) -> bytes:
        """What `hide` was given. cryptography's InvalidTag where it is of another key, or belongs elsewhere."""
        return self._cipher.decrypt(value, list(belongs)) if value else b""

    def hide_row(self, row: Sequence[Any]) -> tuple[Any, ...]:
        """A row as it is stored: speaker, phrase, time, and the arrays."""
        speaker, phrase, added, *arrays = row
        names = self.hide(speaker.encode(), b"speaker"), self.hide(phrase.encode(), b"phrase")
        hidden = [
            self.hide(array, column.encode(), *names) for column, array in zip(ARRAYS.split(", "), arrays, strict=True)
        ]
        return (*names, added, *hidden)

    def show_in(self, connection: sqlite3.Connection) -> None:
        """Let queries of the table of takes see what is hidden."""

        def show(value: bytes, column: str, speaker: bytes, phrase: bytes) -> bytes:
            return self.show(value, column.encode(), speaker, phrase)

        connection.create_function("show_name", 2, self.name, deterministic=True)
        connection.create_function("show", 4, show, deterministic=True)
        connection.execute(SHOWN)

    def _name(self, value: bytes, column: str) -> str:
        return self.show(value, column.encode()).decode()


seal_of = lru_cache(maxsize=8)(Seal)
"""The seal of a passphrase and a salt: scrypt is slow by intent."""


def put_seal(connection: sqlite3.Connection, passphrase: bytes) -> None:
    """Make a file one that this passphrase encrypts."""
    salt = os.urandom(SALT_BYTES)
    connection.execute(TABLE)
    connection.execute("INSERT INTO seal VALUES (?, ?)", (salt, seal_of(passphrase, salt).hide(MARK)))


def get_seal(connection: sqlite3.Connection, passphrase: bytes) -> Seal | None:
    """The seal of an encrypted file, None where the passphrase is that of another."""
    row = connection.execute("SELECT salt, mark FROM seal").fetchone()
    if row is None or not all(isinstance(value, bytes) for value in row):
        return None
    salt, mark = row
    seal = seal_of(passphrase, salt)
    return seal if seal.hide(MARK) == mark else None


def read_passphrase(path: Path) -> bytes:
    """The passphrase in a file, without blanks around it. Raises SvtokError where it is missing or short."""
    try:
        passphrase = path.read_bytes().strip()
    except OSError as error:
        raise SvtokError(f"{path}: the key of the store cannot be read: {error.strerror}") from None
    if len(passphrase) < LEAST_BYTES:
        raise SvtokError(
            f"{path}: holds {len(passphrase)} bytes, and a key of at least {LEAST_BYTES} is asked for; make one with "
            f"`openssl rand -base64 32 > {path}`"
        )
    return passphrase
