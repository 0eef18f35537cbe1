"""`synthetic.yaml` at the root of a corpus: the mark that its speech is synthetic, and how it was made."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path

import yaml

from svtok.corpora.synthetic.phrases import PHRASES
from svtok.errors import SvtokError
from svtok.files import write_text

MARKER_FILE = "synthetic.yaml"
REVISION = 1  # of the way the speech is made: counts up when the same settings would give other speech


@dataclass(frozen=True)
class Settings:
    """What a synthetic corpus is made of. Speakers are half male, half female."""

    speakers: int = 60  # in the background set, which trains networks
    dev_speakers: int = 10
    eval_speakers: int = 24
    phrases: int = 5
    sessions: int = 9
    seed: int = 1
    revision: int = REVISION

    def __post_init__(self) -> None:
        for name, least in (("speakers", 2), ("dev_speakers", 4), ("eval_speakers", 4)):
            number = getattr(self, name)
            if number < least or number % 2:
                raise SvtokError(f"{name} must be {least} or more and even (half male, half female), not {number}")
        if not 1 <= self.phrases <= len(PHRASES):
            raise SvtokError(f"phrases must be 1 to {len(PHRASES)}, not {self.phrases}")
        if not 4 <= self.sessions <= 9:
            raise SvtokError(f"sessions must be 4 to 9 (three enroll, the others are tests), not {self.sessions}")
        if self.seed < 0:
            raise SvtokError(f"seed must be 0 or more, not {self.seed}")


def write_marker(root: Path, settings: Settings) -> None:
    """Mark the corpus as synthetic."""
    write_text(root / MARKER_FILE, yaml.safe_dump(asdict(settings), sort_keys=False))


def read_marker(root: Path) -> Settings | None:
    """The settings that a synthetic corpus was made with; None for a corpus that has no mark, a real one that is.

    Raises SvtokError if the mark cannot be read.
    """
    path = root / MARKER_FILE
    if not path.exists():
        return None
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SvtokError(f"{path}: not a YAML file: {error}") from error
    names = {field.name for field in fields(Settings)}
    if not isinstance(content, dict) or set(content) != names or not all(type(n) is int for n in content.values()):
        raise SvtokError(f"{path}: must hold whole numbers for {', '.join(sorted(names))}, and nothing else")
    return Settings(**content)
