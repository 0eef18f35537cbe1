"""What a synthetic RSR2015 is made of."""

from __future__ import annotations

from dataclasses import dataclass

from svtok.corpora.rsr2015_layout import DIGITS_PART, ENROLL_SESSIONS, PARTS, SESSIONS
from svtok.corpora.rsr2015_published import FULL_PARTS, SPEAKERS
from svtok.errors import SvtokError

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
    """The speakers of a subset, where so many of a gender are in each of the subsets, which are numbered through."""
    names = list(counts)
    first = 1 + sum(counts[name] for name in names[: names.index(subset)])
    return [f"{gender}{number:03d}" for number in range(first, first + counts[subset])]
