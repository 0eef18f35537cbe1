"""What is wrong with an audio file."""

from __future__ import annotations

from pathlib import Path

from svtok.errors import SvtokError


class AudioError(SvtokError):
    """An audio file that cannot be used. The message has the path, what is wrong, and what to do."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(f"{path}: {what}")
        self.path = path
        self.what = what

    def __reduce__(self) -> tuple[type[AudioError], tuple[Path, str]]:
        return AudioError, (self.path, self.what)
