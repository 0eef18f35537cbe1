"""Pronunciation lexicons: the phones of words, as Kaldi's lexicon.txt lists them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from svtok.errors import Problem, SvtokError, raise_problems
from svtok.manifest.rows import Lines

COMMENT = "#"


@dataclass(frozen=True)
class Lexicon:
    """The phones of each word; a word may be the id of a phrase, for transcriptions of whole phrases."""

    path: Path
    phones: Mapping[str, tuple[str, ...]]


def read_lexicon(path: Path) -> Lexicon:
    """A text file with a word and its phones a line, between blanks.

    Of several pronunciations of a word the first counts. Empty lines and those that begin with `#` are passed over.

    Raises SvtokError where the file is missing or holds no word, ProblemsError with every word that has no phones and
    every line that is not UTF-8.
    """
    phones: dict[str, tuple[str, ...]] = {}
    problems = []
    for line, (word, *rest) in fields_of_lines(path):
        if not rest:
            problems.append(Problem(f"'{word}' has no phones", path, line))
        phones.setdefault(word, tuple(rest))
    raise_problems(problems)
    if not phones:
        raise SvtokError(f"{path}: holds no words; a line is a word and its phones, between blanks")
    return Lexicon(path, phones)


def fields_of_lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The number of each line of a text file that is neither empty nor a comment, and its fields between blanks.

    Raises SvtokError where there is no such file, ProblemsError where it is empty or not UTF-8.
    """
    if not path.is_file():
        raise SvtokError(f"{path}: there is no such file")
    for number, line in enumerate(Lines.open(path).content.decode().split("\n"), start=1):
        fields = line.split()
        if fields and not line.startswith(COMMENT):
            yield number, fields
