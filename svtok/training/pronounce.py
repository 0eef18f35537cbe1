"""From what was said, by the table of utterances, to phones: by a lexicon, or by espeak-ng's rules for a language.

A lexicon lists the phones of words, as Kaldi's lexicon.txt does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from svtok.audio.espeak import phones_of, require_espeak
from svtok.errors import Problem, SvtokError, raise_problems
from svtok.manifest.schema import Place, codes_of, normal
from svtok.manifest.sets import UTTERANCES_FILE, PreparedSet
from svtok.manifest.tables import fields_of_lines
from svtok.trained.phones import PhoneList


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


FIRST_ROW = 2  # the line of the first utterance, after the header
Phones = tuple[str, ...]


@dataclass(frozen=True)
class Spelling:
    """Where the phones of a set come from.

    Attributes:
        text_from: the column that says what was said: `text`, of which each word is looked up in a lexicon, or
            `phrase`, of which the whole id is.
        lexicon: a file for `read_lexicon`; without one, espeak-ng's rules give the phones.
        language: espeak-ng's name of the language of all utterances; without one, the column `lang` names it.
    """

    text_from: Literal["text", "phrase"] = "text"
    lexicon: Path | None = None
    language: str | None = None

    def __post_init__(self) -> None:
        if self.lexicon is not None and self.language is not None:
            raise SvtokError(
                f"both a lexicon ({self.lexicon}) and a language ({self.language}) are given; the phones come from one"
            )


def pronounce(prepared: PreparedSet, spelling: Spelling, known: PhoneList | None = None) -> list[Phones]:
    """The phones of each utterance of a set, in the order of its table.

    Args:
        prepared: the set.
        spelling: where its phones come from.
        known: the phones that may come up; by default any.

    Raises:
        SvtokError: the table has not the columns that are needed; a lexicon is missing, or espeak-ng is, where needed.
        ProblemsError: every word that the lexicon lacks, every text that the rules do not know, and every phone that
            is not in `known`.
    """
    place = Place((prepared.folder or Path()) / UTTERANCES_FILE, FIRST_ROW)
    table = prepared.utterances
    if spelling.text_from not in table:
        raise SvtokError(
            f"{place.path}: has no column '{spelling.text_from}' that says what was said; with the names of the "
            "phrases in its place, use --text-from phrase"
        )
    codes, texts = codes_of(table[spelling.text_from])
    if spelling.lexicon is not None:
        pronunciations = _by_lexicon(codes, texts, read_lexicon(spelling.lexicon), spelling.text_from, place)
    else:
        if spelling.language is None and "lang" not in table:
            raise SvtokError(f"{place.path}: has no column 'lang'; use --language, or --lexicon")
        if spelling.language is None:
            codes, pairs = codes_of(table["lang"] + "\t" + table[spelling.text_from])
            said = [(language, text) for language, text in (pair.split("\t") for pair in pairs)]
        else:
            said = [(spelling.language, text) for text in texts]
        pronunciations = _by_rules(codes, said, place)
    if known is not None:
        raise_problems(_unknown_phones(codes, pronunciations, known, place))
    return [pronunciations[code] for code in codes]


def _by_lexicon(
    codes: np.ndarray, texts: Sequence[str], lexicon: Lexicon, text_from: str, place: Place
) -> list[Phones]:
    """The phones of each text; `codes` says which of the texts each row of the table holds."""
    words = [text.split() if text_from == "text" else [text] for text in texts]
    missing = _first_rows(codes, [[word for word in each if word not in lexicon.phones] for each in words])
    raise_problems(
        [Problem(f"'{word}' is not in {lexicon.path}", place.path, place.line(row)) for word, row in missing]
    )
    return [tuple(phone for word in each for phone in lexicon.phones[word]) for each in words]


def _by_rules(codes: np.ndarray, said: Sequence[tuple[str, str]], place: Place) -> list[Phones]:
    """The phones of each (language, text), by espeak-ng."""
    require_espeak()
    pronunciations: list[Phones] = [()] * len(said)
    faults: list[str | None] = [None] * len(said)
    for language in sorted({language for language, _ in said}):
        numbers = [number for number, (its_language, _) in enumerate(said) if its_language == language]
        try:
            found = phones_of([said[number][1] for number in numbers], language)
        except SvtokError as error:
            faults[numbers[0]] = str(error)
            continue
        for number, phones in zip(numbers, found, strict=True):
            pronunciations[number] = tuple(map(normal, phones))
            faults[number] = None if phones else f"espeak-ng's rules for '{language}' do not know '{said[number][1]}'"
    raise_problems(list(place.problems_of_values(codes, faults)))
    return pronunciations


def _unknown_phones(
    codes: np.ndarray, pronunciations: Sequence[Phones], known: PhoneList, place: Place
) -> list[Problem]:
    missing = _first_rows(codes, [[phone for phone in phones if phone not in known] for phones in pronunciations])
    return [
        Problem(f"phone '{phone}' is not in the list of phones given", place.path, place.line(row))
        for phone, row in missing
    ]


def _first_rows(codes: np.ndarray, names: Sequence[Sequence[str]]) -> list[tuple[str, int]]:
    """Each of the names of the values in a column, with the first row that holds it, by row."""
    _, first = np.unique(codes, return_index=True)  # every value stands in some row
    rows: dict[str, int] = {}
    for row, each in sorted(zip(first.tolist(), names, strict=True)):
        for name in each:
            rows.setdefault(name, row)
    return list(rows.items())
