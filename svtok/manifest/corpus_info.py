"""What a corpus is: `data/<name>/corpus.yaml`, from which tables and plots take their caption."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import yaml

from svtok.errors import SvtokError, unknown_name
from svtok.files import write_text

FILE_NAME = "corpus.yaml"


@dataclass(frozen=True)
class CorpusInfo:
    """A corpus's name, whether its speech is synthetic (every table must say so), and a line on what it is."""

    name: str
    synthetic: bool = False
    description: str = ""

    @property
    def caption(self) -> str:
        """The corpus's name for the head of a table: synthetic speech is always called that."""
        return f"{self.name} (SYNTHETIC speech)" if self.synthetic else self.name


def write_corpus_info(folder: Path, info: CorpusInfo) -> None:
    """Write `corpus.yaml` into the folder of a prepared corpus (the parent of its sets)."""
    write_text(folder / FILE_NAME, yaml.safe_dump(asdict(info), sort_keys=False, allow_unicode=True))


def read_corpus_info(folder: Path) -> CorpusInfo | None:
    """Read the `corpus.yaml` of a prepared corpus; None where there is none.

    Raises SvtokError if the file is not YAML, lacks `name`, or has a key or a value that does not belong there.
    """
    path = folder / FILE_NAME
    if not path.exists():
        return None
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SvtokError(f"{path}: not a YAML file: {error}") from error
    if not isinstance(content, dict):
        raise SvtokError(f"{path}: must hold the keys name, synthetic and description")
    types = {"name": str, "synthetic": bool, "description": str}
    for key, value in content.items():
        if key not in types:
            raise SvtokError(f"{path}: {unknown_name('key', str(key), types)}")
        if not isinstance(value, types[key]):
            raise SvtokError(f"{path}: {key} must be of type {types[key].__name__}, not {value!r}")
    if not content.get("name"):
        raise SvtokError(f"{path}: name is missing")
    return CorpusInfo(**content)
