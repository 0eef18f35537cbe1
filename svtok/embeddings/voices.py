"""The store of enrolled voices: one SQLite file of embeddings and frame states, and no audio.

A voice is a speaker saying a phrase; each of its takes is a row. The file belongs to one network, whose hash it holds,
and to one layer of it, whose states the phrase is checked by. Writers wait for each other, what is removed is
overwritten with zeros (`PRAGMA secure_delete`), and only its owner may read a file that is made here. With a key, a new
file is encrypted (`svtok.embeddings.seal`): names, embeddings, states and costs, and not the times, nor how many there
are. Queries read a view that shows what is hidden.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from svtok.embeddings.seal import Seal, get_seal, put_seal, read_passphrase
from svtok.embeddings.takes import ARRAYS, Source, Take, Voice, as_bytes
from svtok.errors import SvtokError, unknown_name
from svtok.manifest.names import normal

APPLICATION = 0x5356544B
"""SQLite's mark of whose file it is: "SVTK"."""
FORMAT = 2
SEALED = 100 + FORMAT
"""The format of an encrypted file."""
BUSY_SECONDS = 30.0
"""How long one writer waits for another."""
NO_VOICES = "holds no voices; add one with `svtok enroll`"
TABLES = """
CREATE TABLE about (network TEXT NOT NULL, folder TEXT NOT NULL, layer INTEGER NOT NULL, dim INTEGER NOT NULL,
                    width INTEGER NOT NULL, cohort TEXT NOT NULL, members INTEGER NOT NULL);
CREATE TABLE takes (id INTEGER PRIMARY KEY, speaker TEXT NOT NULL, phrase TEXT NOT NULL, added TEXT NOT NULL,
                    embedding BLOB NOT NULL, states BLOB NOT NULL, costs BLOB NOT NULL);
CREATE INDEX of_voice ON takes (speaker, phrase);
"""


class Voices:
    """The voices in a file. Every call opens it anew, so that threads and processes may share it."""

    def __init__(self, path: Path, key_file: Path | None = None) -> None:
        """Args:
        path: the file, which need not be there before the first `add`.
        key_file: holds the passphrase of an encrypted store; a new store becomes one.
        """
        self.path, self.key_file = Path(path), key_file

    def check(self, source: Source) -> None:
        """Raise SvtokError where the store is there and `add` would refuse it: before the work of making takes."""
        if self.path.exists():
            with self._open() as connection:
                if not self._is_new(connection) and connection.execute("SELECT 1 FROM takes LIMIT 1").fetchone():
                    self._check_source(connection, source)

    def of(self, source: Source, speaker: str, phrase: str) -> list[Take]:
        """The takes of one voice, none where it is not enrolled. Raises SvtokError as of `takes`, or for no name."""
        names = checked_name("speaker", speaker), checked_name("phrase", phrase)
        if not self.path.exists():
            return []
        with self._open() as connection:
            if self._is_new(connection):
                return []
            found = self._takes(connection, "WHERE speaker = ? AND phrase = ?", names)
            if found:
                self._check_source(connection, source)
            return found.get(names, [])

    def add(self, source: Source, speaker: str, phrase: str, takes: Sequence[Take]) -> int:
        """Add takes to a voice, all or none.

        Args:
            source: what made the takes. A store without voices becomes that of this network.
            speaker: a name, compared in Unicode's normal form C.
            phrase: the text of what is said, or a name for it, compared likewise.
            takes: at least one.

        Returns:
            How many takes the voice has now.

        Raises:
            SvtokError: a name is empty or of several lines; the voice has one of the takes already; the store is of
                another network, damaged, of another program, busy, or cannot be written.
        """
        names = checked_name("speaker", speaker), checked_name("phrase", phrase)
        added = datetime.now(timezone.utc).isoformat(timespec="seconds")
        rows = [
            (*names, added, as_bytes(take.embedding, "<f4"), as_bytes(take.states, "<f2"), as_bytes(take.costs, "<f4"))
            for take in takes
        ]
        with self._writing() as connection:
            if not connection.execute("SELECT 1 FROM takes LIMIT 1").fetchone():
                connection.execute("DELETE FROM about")
                network, folder, layer, cohort = source
                sizes = len(takes[0].embedding), takes[0].states.shape[1], len(takes[0].costs)
                about = (network, folder, layer, *sizes[:2], cohort, sizes[2])
                connection.execute("INSERT INTO about VALUES (?, ?, ?, ?, ?, ?, ?)", about)
            self._check_source(connection, source)
            self._refuse_again(connection, rows)
            if (seal := self._seal(connection)) is not None:
                rows = [seal.hide_row(row) for row in rows]
            connection.executemany(
                "INSERT INTO main.takes (speaker, phrase, added, embedding, states, costs) VALUES (?, ?, ?, ?, ?, ?)",
                rows,
            )
            query = "SELECT count(*) FROM takes WHERE speaker = ? AND phrase = ?"
            return int(connection.execute(query, names).fetchone()[0])

    def takes(
        self, source: Source, speaker: str | None = None, phrase: str | None = None
    ) -> dict[tuple[str, str], list[Take]]:
        """The takes of each voice, by its speaker and phrase, sorted by these.

        Args:
            source: what is to compare them with others.
            speaker: of this speaker alone; default: of all.
            phrase: of this phrase alone; default: of all.

        Raises:
            SvtokError: there is no store or no voice; the speaker or the phrase is not enrolled; or as of `add`.
        """
        with self._reading() as connection:
            self._check_source(connection, source)
            where, values = self._found(connection, speaker, phrase)
            return self._takes(connection, where, values)

    def _takes(
        self, connection: sqlite3.Connection, where: str, values: Sequence[str]
    ) -> dict[tuple[str, str], list[Take]]:
        voices: dict[tuple[str, str], list[Take]] = {}
        sizes = connection.execute("SELECT dim, width, members FROM about").fetchone()
        query = f"SELECT id, speaker, phrase, {ARRAYS} FROM takes {where} ORDER BY speaker, phrase, id"
        for row, of, what, *arrays in connection.execute(query, values):
            voices.setdefault((of, what), []).append(self._take(row, arrays, sizes))
        return voices

    def list(self) -> list[Voice]:
        """All voices, sorted by speaker and phrase; none of an empty store. Raises SvtokError as of `takes`."""
        with self._reading(empty=True) as connection:
            if self._is_new(connection):
                return []
            query = "SELECT speaker, phrase, count(*), max(added) FROM takes GROUP BY speaker, phrase ORDER BY 1, 2"
            return [Voice(*row) for row in connection.execute(query)]

    def remove(self, speaker: str, phrase: str | None = None) -> int:
        """Remove a speaker, or one of its phrases, and overwrite what there was.

        Args:
            speaker: the name.
            phrase: this phrase alone.

        Returns:
            How many takes were removed.

        Raises:
            SvtokError: no such speaker or phrase is enrolled; or as of `add`.
        """
        self.list()  # that there is a store
        with self._writing() as connection:
            where, values = self._found(connection, speaker, phrase)
            found = f"SELECT id FROM takes {where}"
            return connection.execute(f"DELETE FROM main.takes WHERE id IN ({found})", values).rowcount

    def export(self, speaker: str | None = None) -> Iterator[dict[str, object]]:
        """All that the store holds of each take, one at a time, as values that JSON can hold.

        Args:
            speaker: of this speaker alone; default: of all.

        Raises:
            SvtokError: as of `takes`.
        """
        with self._reading() as connection:
            where, values = self._found(connection, speaker, None)
            about = connection.execute("SELECT network, layer, dim, width, members FROM about").fetchone()
            network, layer, *sizes = about
            query = f"SELECT id, speaker, phrase, added, {ARRAYS} FROM takes {where} ORDER BY speaker, phrase, id"
            for row, of, phrase, added, *arrays in connection.execute(query, values):
                take = self._take(row, arrays, sizes)
                yield {
                    "speaker": of,
                    "phrase": phrase,
                    "added": added,
                    "network": network,
                    "layer": layer,
                    "embedding": take.embedding.tolist(),
                    "states": take.states.tolist(),
                    "costs": take.costs.tolist(),
                }

    def _check_source(self, connection: sqlite3.Connection, source: Source) -> None:
        about = connection.execute("SELECT network, folder, layer, cohort FROM about").fetchone()
        theirs = None if about is None else Source(*about)
        if theirs is None or theirs._replace(folder=source.folder) == source:
            return
        if theirs.network != source.network:
            what = f"another network ({theirs.network[:12]}, that of {theirs.folder}) than {source.folder}"
            what += f" ({source.network[:12]})"
        elif theirs.layer != source.layer:
            what = f"states after layer {theirs.layer}, and the scorer of {source.folder} compares those after "
            what += f"{source.layer}"
        else:
            what = f"costs against another cohort than the one of the scorer of {source.folder}"
        raise SvtokError(
            f"{self.path}: holds voices of {what}, which do not compare: name the network that they were enrolled with "
            "(--network), or enroll them again, into another store (--store)"
        )

    def _refuse_again(self, connection: sqlite3.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Raise SvtokError for a take that a voice has: one who looked before may have been overtaken by another.

        Rows begin with the speaker, the phrase, the time and the embedding.
        """
        query = "SELECT 1 FROM takes WHERE speaker = ? AND phrase = ? AND embedding = ?"
        for speaker, phrase, _, embedding, *_ in rows:
            if connection.execute(query, (speaker, phrase, embedding)).fetchone():
                raise SvtokError(
                    f"{self.path}: a recording of '{speaker}' saying '{phrase}' is enrolled already, and is no further "
                    "take; nothing was added"
                )

    def _found(
        self, connection: sqlite3.Connection, speaker: str | None, phrase: str | None
    ) -> tuple[str, tuple[str, ...]]:
        """The condition of a query for a speaker and a phrase. Raises SvtokError where nothing of them is enrolled."""
        wanted = {"speaker": speaker, "phrase": phrase}
        given = {column: normal(name).strip() for column, name in wanted.items() if name is not None}
        where = f"WHERE {' AND '.join(f'{column} = ?' for column in given)}" if given else ""
        values = tuple(given.values())
        if connection.execute(f"SELECT 1 FROM takes {where} LIMIT 1", values).fetchone():
            return where, values
        speakers = [row[0] for row in connection.execute("SELECT DISTINCT speaker FROM takes ORDER BY 1")]
        if not speakers:
            raise SvtokError(f"{self.path}: {NO_VOICES}")
        if speaker is not None and given["speaker"] not in speakers:
            raise SvtokError(f"{self.path}: {unknown_name('speaker', given['speaker'], speakers)}")
        of = "" if speaker is None else given["speaker"]
        query = "SELECT DISTINCT phrase FROM takes WHERE ? IN ('', speaker) ORDER BY 1"
        phrases = [row[0] for row in connection.execute(query, (of,))]
        whose = f"'{of}' never enrolled this phrase: " if of else ""
        raise SvtokError(f"{self.path}: {whose}{unknown_name('phrase', given['phrase'], phrases)}")

    def _take(self, row: int, arrays: Sequence[bytes], sizes: Sequence[int]) -> Take:
        """A take of its three arrays, where D, W and C are `sizes`."""
        (embedding, states, costs), (dim, width, members) = arrays, sizes
        if len(embedding) != 4 * dim or not states or len(states) % (2 * width) or len(costs) != 4 * members:
            raise self._damaged(f"take {row} has the wrong size")
        take = Take(
            np.frombuffer(embedding, "<f4").astype(np.float32),
            np.frombuffer(states, "<f2").reshape(-1, width).astype(np.float32),
            np.frombuffer(costs, "<f4").astype(np.float32),
        )
        if not all(np.isfinite(array).all() for array in take):
            raise self._damaged(f"take {row} holds numbers that are none")
        return take

    @contextmanager
    def _reading(self, *, empty: bool = False) -> Iterator[sqlite3.Connection]:
        if not self.path.is_file():
            what = "is a folder" if self.path.is_dir() else "there is no such store of voices"
            raise SvtokError(f"{self.path}: {what}; make one with `svtok enroll`, or name another with --store")
        with self._open() as connection:
            if not empty and self._is_new(
                connection
            ):  # a file of no bytes, left where the first writing came to nothing
                raise SvtokError(f"{self.path}: {NO_VOICES}")
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction of its own, from its beginning: a second writer waits for its turn and then sees it all."""
        try:
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise SvtokError(f"{self.path}: cannot be written: {error.strerror}; name another file (--store)") from None
        with self._open(writing=True) as connection:
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("BEGIN IMMEDIATE")
            try:
                if self._is_new(connection):
                    for statement in TABLES.split(";"):
                        connection.execute(statement)
                    connection.execute(f"PRAGMA application_id = {APPLICATION}")
                    connection.execute(f"PRAGMA user_version = {FORMAT if self.key_file is None else SEALED}")
                    if self.key_file is not None:
                        put_seal(connection, read_passphrase(self.key_file))
                self._show(connection)
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _open(self, *, writing: bool = False) -> Iterator[sqlite3.Connection]:
        try:
            # a reader may write, too, where it can: what a writer that was killed has left half-written is taken back
            address = f"{self.path.absolute().as_uri()}?mode=rw"
            connection = sqlite3.connect(address, timeout=BUSY_SECONDS, isolation_level=None, uri=True)
            with closing(connection):
                if not writing:
                    connection.execute("BEGIN")  # all that is read is of one moment: another may remove meanwhile
                    if not self._is_new(connection):
                        self._show(connection)
                    connection.execute("PRAGMA query_only = ON")
                yield connection
        except sqlite3.OperationalError as error:
            if "user-defined function" in str(error):
                raise self._damaged("a part of it is not what its key has hidden there") from None
            if "locked" in str(error):
                what = f"another program has been writing it for {BUSY_SECONDS:g} s; try again"
            else:
                what = f"cannot be read or written ({error}); see whether the disk is full or read-only"
            raise SvtokError(f"{self.path}: {what}") from None
        except sqlite3.DatabaseError as error:
            raise self._damaged(str(error)) from None

    def _is_new(self, connection: sqlite3.Connection) -> bool:
        """Whether nothing was ever written to a file; SvtokError for one of another program or format."""
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if application == 0 and tables == 0:
            return True
        if application != APPLICATION:
            raise SvtokError(f"{self.path}: is a database of another program; name another file (--store)")
        if (version := connection.execute("PRAGMA user_version").fetchone()[0]) not in (FORMAT, SEALED):
            raise SvtokError(
                f"{self.path}: is of format {version}, this svtok reads {FORMAT}: use the svtok that wrote it, or "
                "enroll again, into another store (--store)"
            )
        return False

    def _seal(self, connection: sqlite3.Connection) -> Seal | None:
        """The seal of an encrypted store, None of another; SvtokError where the key is missing, or not this one's."""
        if connection.execute("PRAGMA user_version").fetchone()[0] == FORMAT:
            if self.key_file is None:
                return None
            raise SvtokError(
                f"{self.path}: is not encrypted, and a key is given ({self.key_file}): leave it out, or enroll into "
                "another store (--store)"
            )
        if self.key_file is None:
            raise SvtokError(f"{self.path}: is encrypted: name the file of its key (--key-file)")
        if (seal := get_seal(connection, read_passphrase(self.key_file))) is None:
            raise SvtokError(f"{self.path}: is encrypted with another key than that of {self.key_file}")
        return seal

    def _show(self, connection: sqlite3.Connection) -> None:
        """Let queries see what is hidden, where something is."""
        if (seal := self._seal(connection)) is not None:
            seal.show_in(connection)

    def _damaged(self, why: str) -> SvtokError:
        return SvtokError(
            f"{self.path}: not a store of voices, or damaged ({why}); take a copy of it that is whole, or enroll into "
            "another store (--store)"
        )


def checked_name(kind: str, name: str) -> str:
    """A name as it is stored and compared: in normal form, without blanks at its ends.

    Raises SvtokError where nothing is left, or it has a control character, such as the end of a line.

    >>> checked_name("speaker", " Jose\u0301 Pérez ")
    'José Pérez'
    """
    clean = normal(name).strip()
    if not clean or not clean.isprintable():
        raise SvtokError(f"the {kind} {name!r} cannot be a name: it must be of one line, and of letters one can print")
    return clean
