"""What a synthetic RSR2015 is made of, and its enrollment and trial lists: small, or of the published size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from svtok.corpora.rsr2015.layout import (
    DIGITS_PART,
    ENROLL_SESSIONS,
    FLAGS,
    FULL_PARTS,
    GENDERS,
    PARTS,
    SESSIONS,
    SPEAKERS,
    SUBSETS,
    TRIALS,
    UtteranceName,
)
from svtok.errors import SvtokError
from svtok.files import write_text, writing_file
from svtok.manifest.tables import write_rows

LONG_STRINGS = 3  # of ten digits, which enroll in Part III; its other sentences are strings of five, the tests
REVISION = 1  # of the way the speech is made: counts up when the same settings would give other speech


@dataclass(frozen=True)
class Settings:
    """A small part with speech. Speakers are half male, half female."""

    speakers: int = 60  # in the background set, which trains networks
    dev_speakers: int = 10
    eval_speakers: int = 24
    phrases: int = 5  # sentences; of Part III, test sentences
    sessions: int = 9
    seed: int = 1
    part: int = 2
    revision: int = REVISION

    def __post_init__(self) -> None:
        if self.part not in PARTS:
            raise SvtokError(f"part must be one of {', '.join(map(str, PARTS))}, not {self.part}")
        for name, least in (("speakers", 2), ("dev_speakers", 4), ("eval_speakers", 4)):
            number = getattr(self, name)
            if number < least or number % 2:
                raise SvtokError(f"{name} must be {least} or more and even (half male, half female), not {number}")
        most = len(PARTS[self.part]) - self._long_strings
        if not 1 <= self.phrases <= most:
            raise SvtokError(f"phrases must be 1 to {most}, not {self.phrases}")
        if not 4 <= self.sessions <= 9:
            raise SvtokError(f"sessions must be 4 to 9 (three enroll, the others are tests), not {self.sessions}")
        if self.seed < 0:
            raise SvtokError(f"seed must be 0 or more, not {self.seed}")

    @property
    def _long_strings(self) -> int:
        return LONG_STRINGS if self.part == DIGITS_PART else 0

    @property
    def enroll_sentences(self) -> tuple[str, ...]:
        """What models are enrolled with."""
        return PARTS[self.part][: self._long_strings or self.phrases]

    @property
    def test_sentences(self) -> tuple[str, ...]:
        """What tests are made of: of Part III other sentences than those that enroll."""
        return PARTS[self.part][self._long_strings :][: self.phrases]

    @property
    def sentences(self) -> tuple[str, ...]:
        return tuple(sorted({*self.enroll_sentences, *self.test_sentences}))

    @property
    def session_names(self) -> tuple[str, ...]:
        """The sessions that are kept: those that enroll always, and the first of the others."""
        tests = [session for session in SESSIONS if session not in ENROLL_SESSIONS]
        return tuple(sorted((*ENROLL_SESSIONS, *tests[: self.sessions - len(ENROLL_SESSIONS)])))

    def speakers_of(self, subset: str, gender: str) -> list[str]:
        """The speakers of one gender in `bkg`, `dev` or `eval`; they are numbered in this order, as in RSR2015."""
        counts = {"bkg": self.speakers, "dev": self.dev_speakers, "eval": self.eval_speakers}
        return numbered({name: count // 2 for name, count in counts.items()}, subset, gender)


@dataclass(frozen=True)
class FullScale:
    """The lists of Part I or II in their published size, without speech."""

    full_scale: int = 1
    part: int = 2
    revision: int = REVISION

    def __post_init__(self) -> None:
        if self.part not in FULL_PARTS:
            known = ", ".join(map(str, FULL_PARTS))
            raise SvtokError(f"the size of the lists of part {self.part} is not published (that of {known} is)")

    @property
    def enroll_sentences(self) -> tuple[str, ...]:
        return PARTS[self.part]

    test_sentences = enroll_sentences

    @property
    def session_names(self) -> tuple[str, ...]:
        return SESSIONS

    def speakers_of(self, subset: str, gender: str) -> list[str]:
        """The speakers of one gender in `bkg`, `dev` or `eval`."""
        return numbered({name: genders[gender] for name, genders in SPEAKERS.items()}, subset, gender)


def numbered(counts: dict[str, int], subset: str, gender: str) -> list[str]:
    """The speakers of a subset, where so many of a gender are in each of the subsets, which are numbered through.

    Args:
        counts: how many of that gender each subset has, in the order of the numbers.
        subset: one of `counts`.
        gender: the letter before the number, m or f.
    """
    names = list(counts)
    first = 1 + sum(counts[name] for name in names[: names.index(subset)])
    return [f"{gender}{number:03d}" for number in range(first, first + counts[subset])]


Rows = npt.NDArray[np.int64]
Models = dict[str, list[UtteranceName]]


def write_lists(root: Path, settings: Settings | FullScale) -> None:
    """Write the enrollment lists (`trn`) and trial lists (`ndx`) of dev and eval, each gender by itself.

    As in RSR2015, each test of Parts I and II meets its own model (TC), the others of its speaker (TW), the same
    sentence of all other speakers (IC), and half of their other sentences (IW). Of full scale are as many of each as
    are published: tests are left out until as many are there as meet so many models, then single trials. In Part III a
    model is a speaker, whom each test meets, its own (TC) and others (IC).
    """
    key = root / "key" / f"part{settings.part}"
    for subset, gender in product(SUBSETS, GENDERS):
        models = _models(settings, subset, gender)
        wanted = TRIALS[settings.part, subset, gender] if isinstance(settings, FullScale) else None
        tests = _tests(settings, subset, gender, wanted)
        _write_trn(key / "trn" / f"3sesspwd_{subset}_{gender}.trn", models)
        types = _types([names[0] for names in models.values()], tests, by_sentence=settings.part != DIGITS_PART)
        _write_ndx(key / "ndx" / f"3sess-pwd_{subset}_{gender}.ndx", list(models), tests, types, wanted)


def _models(settings: Settings | FullScale, subset: str, gender: str) -> Models:
    """The files that each model is enrolled with: those of a sentence, or in Part III all of a speaker."""
    models: Models = {}
    speakers = settings.speakers_of(subset, gender)
    for spk, sentence, session in product(speakers, settings.enroll_sentences, ENROLL_SESSIONS):
        name = UtteranceName(spk, gender, session, sentence)
        models.setdefault(spk if settings.part == DIGITS_PART else name.model, []).append(name)
    return models


def _tests(
    settings: Settings | FullScale, subset: str, gender: str, wanted: Sequence[int] | None
) -> list[UtteranceName]:
    """The tests: all, or, evenly spread, only so many as the wanted numbers of trials take."""
    speakers, sentences = settings.speakers_of(subset, gender), settings.test_sentences
    sessions = [session for session in settings.session_names if session not in ENROLL_SESSIONS]
    tests = [
        UtteranceName(spk, gender, session, sentence)
        for spk, sentence, session in product(speakers, sentences, sessions)
    ]
    if wanted is None:
        return tests
    trials_a_test = (1, len(sentences) - 1, len(speakers) - 1)  # TC, TW, IC
    number = max(-(-count // each) for count, each in zip(wanted[:3], trials_a_test, strict=True))
    return [tests[row] for row in _spread(np.arange(len(tests)), number).tolist()]


def _write_trn(path: Path, models: Models) -> None:
    lines = ([model, *(name.file_with_gender for name in names)] for model, names in models.items())
    write_text(path, "".join(",".join(fields) + "\n" for fields in lines))


def _write_ndx(
    path: Path,
    models: list[str],
    tests: Sequence[UtteranceName],
    types: npt.NDArray[np.int8],
    wanted: Sequence[int] | None,
) -> None:
    meets = np.sort(np.concatenate(list(_drawn(types, wanted))))
    model, test = meets // len(tests), meets % len(tests)
    flags = [",".join("Y" if flag == name else "N" for flag in FLAGS) for name in FLAGS]
    lines = pd.DataFrame(
        {
            "model": pd.Categorical.from_codes(model, categories=pd.Index(models)),
            "file": pd.Categorical.from_codes(test, categories=pd.Index([name.file for name in tests])),
            "flags": pd.Categorical.from_codes(types.ravel()[meets], categories=pd.Index(flags)),
        }
    )
    with writing_file(path) as temporary:
        write_rows(lines, temporary, delimiter=",", header=False)


def _types(
    models: Sequence[UtteranceName], tests: Sequence[UtteranceName], *, by_sentence: bool
) -> npt.NDArray[np.int8]:
    """The type of each model against each test (models, tests), as a number into FLAGS."""

    def differ(values: list[str]) -> npt.NDArray[np.bool_]:
        codes, _ = pd.factorize(np.array(values, dtype=object))
        codes = codes.astype(np.int16)
        return np.asarray(codes[: len(models), None] != codes[None, len(models) :])

    impostor = differ([name.spk for name in (*models, *tests)])
    wrong = differ([name.sentence for name in (*models, *tests)]) if by_sentence else np.zeros_like(impostor)
    return (impostor * np.int8(2) + wrong).astype(np.int8)


def _drawn(types: npt.NDArray[np.int8], wanted: Sequence[int] | None) -> Iterator[Rows]:
    """The cells of the trials of each type: all TC, TW and IC and half of IW, or so many as are wanted."""
    for number, flag in enumerate(FLAGS):
        cells = np.flatnonzero(types == number)
        count = len(cells) if wanted is None else wanted[number]
        if flag != "IW":
            yield _spread(cells, count)
            continue
        count = len(cells) // 2 if wanted is None else count
        # of a test and an impostor by turns the one half of the sentences and the other
        half = (cells // types.shape[1] + cells % types.shape[1]) % 2 == 0
        chosen, others = cells[half], cells[~half]
        yield _spread(chosen, min(count, len(chosen)))
        yield _spread(others, max(count - len(chosen), 0))


def _spread(rows: Rows, number: int) -> Rows:
    """So many of the rows, evenly spread over them."""
    return rows[np.arange(number) * len(rows) // max(number, 1)]
