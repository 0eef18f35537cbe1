"""`synthetic.yaml` at the root of a corpus: the mark that its speech is synthetic, and how it was made."""

from __future__ import annotations

import shutil
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

from svtok.config import load_yaml, write_yaml
from svtok.errors import SvtokError
from svtok.files import write_text

MARKER_FILE = "synthetic.yaml"
T = TypeVar("T")


def is_synthetic(root: Path) -> bool:
    """Whether a corpus carries the mark."""
    return (root / MARKER_FILE).exists()


def claim(root: Path, settings: Any, readme: str) -> None:
    """Mark the folder as that of a synthetic corpus with these settings (a dataclass), and write its README.txt.

    Args:
        root: the folder, which need not be there.
        settings: a dataclass; those of the corpus.
        readme: the text of README.txt.

    Raises:
        SvtokError: where the folder holds anything else, or a corpus that was made with other settings.
    """
    there = read_marker(root, type(settings))
    if there is None and root.exists() and any(root.iterdir()):
        raise SvtokError(f"{root}: holds other files, and no synthetic corpus; name a new or an empty folder")
    if there is not None and there != settings:
        what = f"holds a corpus made with other settings ({_differences(there, settings)})"
        raise SvtokError(f"{root}: {what}; name another folder, or give this one up with --anew")
    write_marker(root, settings)
    write_text(root / "README.txt", readme)


def give_up_other(root: Path, settings: Any) -> None:
    """Remove the synthetic corpus that the folder holds, if it was made with other settings (a dataclass).

    Raises SvtokError if its mark cannot be read.
    """
    if read_marker(root, type(settings)) not in (None, settings):
        shutil.rmtree(root)


def options_of(settings: Any) -> str:
    """The settings as options of `svtok synthesize`."""
    given = asdict(settings).items()
    return " ".join(f"--{name.replace('_', '-')} {value}" for name, value in given if name != "revision")


def write_marker(root: Path, settings: Any) -> None:
    """Mark the corpus as synthetic, made with these settings (a dataclass)."""
    write_yaml(root / MARKER_FILE, asdict(settings))


def read_marker(root: Path, kind: type[T]) -> T | None:
    """The settings, a dataclass of this kind, that a synthetic corpus was made with; None for a corpus without a mark.

    Raises SvtokError if the mark cannot be read.
    """
    path = root / MARKER_FILE
    if not path.exists():
        return None
    content = load_yaml(path)
    names = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    if set(content) != names or not all(type(n) is int for n in content.values()):
        raise SvtokError(f"{path}: must hold whole numbers for {', '.join(sorted(names))}, and nothing else")
    return kind(**content)


def _differences(there: Any, asked: Any) -> str:
    pairs = zip(asdict(there).items(), asdict(asked).values(), strict=True)
    return ", ".join(f"{name} {old} there, {new} now" for (name, old), new in pairs if old != new)
