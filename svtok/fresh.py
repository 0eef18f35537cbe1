"""Is what a command wrote still what its inputs and options make? The one notion of that, for all commands.

A command leaves a note with what it wrote: `.made.json` in a folder, `.NAME.made.json` beside a file. The note holds a
fingerprint of the command's inputs and options, and the identity of what it wrote. Called again, the command compares
both, and where they are the same there is nothing to do. A fingerprint holds the identities of the inputs, never their
places, and the format number of what is written (`FORMAT` of its room), never the version of svtok.

The identity of a file is its content. Of a folder that svtok wrote, it is the content of those files that say all
(`KNOWN_BY`), of gigabytes of features the hash that they carry; of any other folder, such as a corpus of recordings, it
is the names, sizes and times of its files. So what is made again and comes out the same puts nothing out of date.
Where recordings are read by way of a prepared set, `recordings` adds their sizes and times.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from svtok.config import load_yaml
from svtok.errors import SvtokError
from svtok.files import sha256_of_files, write_text

NOTE = ".made.json"
UTTERANCES = "utterances.tsv"
TABLES = (UTTERANCES, "models.tsv", "trials.tsv", "trials.parquet")
KNOWN_BY = {
    "network.safetensors": ("network.safetensors", "config.yaml", "classes.tsv", "phones.txt"),
    "network.onnx": ("network.onnx", "config.yaml", "scorer/scorer.yaml", "scorer/scorer.safetensors"),
    "features.yaml": ("features.yaml", "features.tsv"),
    "embeddings.yaml": ("embeddings.yaml", "embeddings.tsv", "embeddings.npy"),
    "states.yaml": ("states.yaml", "states.tsv", "states.npy"),
    "scorer.yaml": ("scorer.yaml", "scorer.safetensors"),
    UTTERANCES: (*TABLES, "../corpus.yaml"),
    "corpus.yaml": ("corpus.yaml", *(f"{part}/{name}" for part in ("train", "dev", "eval") for name in TABLES)),
}
"""By the file that shows what kind of folder it is: the files that identify it, as far as they are there."""


def fingerprint(*parts: object) -> str:
    """SHA-256 (hex) of values that JSON can hold; of anything else, of its text."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def identity(path: Path) -> str | None:
    """What a file or folder is, wherever it lies, as the module's docstring says; None where there is nothing."""
    if path.is_file():
        return sha256_of_files([path])
    if not path.is_dir():
        return None
    mark = next((mark for mark in KNOWN_BY if (path / mark).is_file()), None)
    if mark is None:
        return fingerprint(list(_tree(path)))
    files = [path / name for name in KNOWN_BY[mark]]
    return fingerprint([(file.name, _content(file)) for file in files if file.is_file()])


def recordings(folder: Path) -> str | None:
    """Sizes and times of the recordings of a prepared set or of the sets of a corpus; None where there are no sets."""
    states = []
    for table in sorted([*folder.glob(UTTERANCES), *folder.glob(f"*/{UTTERANCES}")]):
        header, *rows = _rows(table)
        place = header.index(b"path") if b"path" in header else None
        paths = [os.fsdecode(row[place]) for row in rows if place is not None and place < len(row)]
        states += [(path, *state(table.parent / path)) for path in paths]
    return fingerprint(states) if states else None


def state(path: Path) -> tuple[int, int]:
    """Size and time (ns) of a file, by which a change is noticed; zeros where it cannot be read, as its reader says."""
    try:
        status = path.stat()
    except (OSError, ValueError):  # ValueError: a NUL byte in the name
        return 0, 0
    return status.st_size, status.st_mtime_ns


def printed_before(outputs: Iterable[Path], made_of: str) -> str | None:
    """What the command printed that made the outputs of inputs with this fingerprint; None where one is not as it was.

    Raises nothing: a note that cannot be read is none.
    """
    printed = ""
    for output in outputs:
        try:
            note = json.loads(_note(output).read_text(encoding="utf-8"))
            same = (note["made_of"], note["identity"]) == (made_of, _as_written(output))
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return None
        if not same:
            return None
        printed = str(note.get("printed", ""))
    return printed


def remember(outputs: Iterable[Path], made_of: str, printed: str = "", command: str = "") -> None:
    """Leave a note with each of the outputs that is there.

    Args:
        outputs: what the command wrote.
        made_of: the fingerprint of its inputs and options.
        printed: what it printed, if that is to be printed again.
        command: how it was called, for people.
    """
    for output in outputs:
        if output.exists():
            texts = {name: text for name, text in (("printed", printed), ("command", command)) if text}
            note = {"made_of": made_of, "identity": _as_written(output), **texts}
            write_text(_note(output), json.dumps(note, indent=1) + "\n")


def command_of(note: Path) -> str | None:
    """How the command was called that left a note; None where it does not say so. Raises nothing."""
    try:
        content = json.loads(note.read_text(encoding="utf-8"))
        return str(content["command"])
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _as_written(output: Path) -> str:
    """The identity of an output and, of prepared sets, the states of their recordings, whose headers were read."""
    return fingerprint(identity(output), recordings(output))


def _note(output: Path) -> Path:
    return output / NOTE if output.is_dir() else output.with_name(f".{output.name}{NOTE}")


def _content(file: Path) -> Any:
    """What counts of a file of a folder that svtok wrote: not where recordings lie, nor which svtok wrote it."""
    if file.name == UTTERANCES:
        header, *rows = _rows(file)
        if b"path" in header:
            place = header.index(b"path")
            rows = [row[:place] + row[place + 1 :] for row in [header, *rows]]
            return hashlib.sha256(b"\n".join(map(b"\t".join, rows))).hexdigest()
    if file.name in ("features.yaml", "config.yaml"):
        try:
            tree = load_yaml(file)
            made_of = "fingerprint" if tree.get("content") else None
            run = {name: value for name, value in tree.get("run", {}).items() if name != "svtok"}
            return {**{name: value for name, value in tree.items() if name not in ("svtok", made_of)}, "run": run}
        except (SvtokError, AttributeError):
            pass  # whoever reads it says what is wrong with it
    return sha256_of_files([file])


def _rows(table: Path) -> list[list[bytes]]:
    return [line.removesuffix(b"\r").split(b"\t") for line in table.read_bytes().removesuffix(b"\n").split(b"\n")]


def _tree(folder: Path) -> Iterator[tuple[str, int, int]]:
    """Names, sizes and times of all files below a folder, in a fixed order; links are followed, each folder once."""
    seen = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        status = os.stat(place)
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders.sort()
        for name in sorted(files):
            if not name.endswith(NOTE):
                yield os.path.relpath(os.path.join(place, name), folder), *state(Path(place, name))
