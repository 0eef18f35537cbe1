"""The recordings of an SdSV or TdSV release, and those of them that are not there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from svtok.corpora.completeness import tell
from svtok.errors import Problem
from svtok.manifest.schema import Place

FOLDERS = ("train", "enrollment", "evaluation")
SUFFIXES = (".wav", ".flac")


@dataclass(frozen=True)
class Named:
    """The files that a list names, each once, in a folder of `wav/`; `place` knows the line of each."""

    folder: str
    files: list[str]
    place: Place


@dataclass(frozen=True)
class Audio:
    """The files below `wav/`, by folder and name; None where nobody looked, and every file is taken to be there."""

    root: Path
    found: Mapping[str, Mapping[str, Path]] | None

    @classmethod
    def of(cls, root: Path, problems: list[Problem], *, look: bool) -> Audio:
        """The recordings of a release. Folders that are not there go to `problems`."""
        wav = root.resolve() / "wav"
        absent = [name for name in FOLDERS if not (wav / name).is_dir()] if look else []
        problems += [
            Problem("there is no such folder; without it --no-audio can prepare the lists", wav / name)
            for name in absent
        ]
        return cls(wav, {name: _files(wav / name) for name in FOLDERS} if look and not absent else None)

    def path(self, folder: str, file: str) -> str:
        """The path of a file, or, where it is not there, the one that it should have."""
        known = self.found[folder].get(file) if self.found else None
        return str(known or self.root / folder / f"{file}.wav")

    def missing(self, named: Sequence[Named], problems: list[Problem], *, allowed: bool) -> dict[str, set[str]]:
        """The files, by folder, that lists name and that are not there.

        Each goes to `problems` with file and line, unless they are `allowed` to be missing: then their number is told
        on stderr. A list none of whose files is there is a problem in any case.
        """
        missing: dict[str, set[str]] = {folder: set() for folder in FOLDERS}
        if self.found is None:
            return missing
        told: list[Problem] = []
        for one in named:
            rows = [row for row, file in enumerate(one.files) if file not in self.found[one.folder]]
            missing[one.folder].update(one.files[row] for row in rows)
            if not allowed or len(rows) == len(one.files):
                told += _each(one, rows, self.root / one.folder)
            elif rows:
                names = ", ".join([one.files[row] for row in rows[:3]] + ["..."] * (len(rows) > 3))
                tell(f"{one.place.path}: {len(rows)} of {len(one.files)} recordings are not there: {names}")
        problems += [*told, *self._unnamed(named, missing)] if told else []
        return missing

    def _unnamed(self, named: Sequence[Named], missing: Mapping[str, set[str]]) -> Iterator[Problem]:
        """Folders that lack files and have others instead."""
        for folder, found in (self.found or {}).items():
            others = set(found).difference(*(one.files for one in named if one.folder == folder))
            if missing[folder] and others:
                yield Problem(
                    f"{len(missing[folder])} files that the lists name are not there, and {len(others)} are there that "
                    f"no list names, such as {min(others)}: are the lists and the audio of one release?",
                    self.root / folder,
                )


def _each(one: Named, rows: list[int], folder: Path) -> Iterator[Problem]:
    yield from one.place.problems(
        np.array(rows, np.int64), lambda row: f"'{one.files[row]}': there is no such recording in {folder}"
    )


def _files(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES}
