"""Where things are in RSR2015, how they are called, and how many there are, as far as that is published."""

from __future__ import annotations

import re
from typing import NamedTuple

from svtok.corpora.common import Published


def _sentences(first: int, last: int) -> tuple[str, ...]:
    return tuple(f"{number:03d}" for number in range(first, last + 1))


PARTS = {1: _sentences(1, 30), 2: _sentences(31, 60), 3: _sentences(61, 73)}  # the sentences of each part
DIGITS_PART = 3
GENDERS = {"m": "male", "f": "female"}
SUBSETS = ("dev", "eval")
FLAGS = ("TC", "TW", "IC", "IW")
ENROLL_SESSIONS = ("01", "04", "07")
SESSIONS = tuple(f"{number:02d}" for number in range(1, 10))

_UTTERANCE = re.compile(r"(?P<spk>(?P<gender>[mf])[0-9]{3})_(?P<session>[0-9]{2})_(?P<sentence>[0-9A-Za-z]+)")


def part_of(sentence: str) -> int:
    """The part that a sentence belongs to."""
    return next((part for part in (1, 2) if sentence in PARTS[part]), DIGITS_PART)


class UtteranceName(NamedTuple):
    """What the id of an utterance says; `m001_02_031` is speaker m001, session 02, sentence 031."""

    spk: str
    gender: str
    session: str
    sentence: str

    @classmethod
    def parse(cls, utt: str) -> UtteranceName:
        """The parts of an id. Raises ValueError if it is none."""
        match = _UTTERANCE.fullmatch(utt)
        if match is None:
            raise ValueError(f"'{utt}' is not named as speaker_session_sentence, such as m101_02_031")
        return cls(match["spk"], match["gender"], match["session"], match["sentence"])

    @property
    def utt(self) -> str:
        return f"{self.spk}_{self.session}_{self.sentence}"

    @property
    def model(self) -> str:
        """The id of the enrollment model of this speaker and sentence."""
        return f"{self.spk}_{self.sentence}"

    @property
    def file(self) -> str:
        """The file below the folder of the gender, as the trials name it."""
        return f"{self.spk}/{self.utt}.sph"

    @property
    def file_with_gender(self) -> str:
        """The file below `sph/`, as the enrollment lists name it."""
        return f"{GENDERS[self.gender]}/{self.file}"


SOURCE = "Larcher et al. 2014 and public code that reads the corpus, see svtok/corpora/rsr2015/layout.py"
# Read in public code: the lines of each list, the TC and IC trials of part 1, eval, m, and the speakers of bkg m and
# eval. The others are remembered (trials of part 1, speakers of bkg f and dev) or concluded from the lines (part 2).
SPEAKERS = {"bkg": {"m": 50, "f": 47}, "dev": {"m": 50, "f": 47}, "eval": {"m": 57, "f": 49}}
TRIALS = {  # part, subset, gender: TC, TW, IC, IW
    (1, "dev", "m"): (8_931, 259_001, 437_631, 6_342_019),
    (1, "dev", "f"): (8_419, 244_123, 387_230, 5_612_176),
    (1, "eval", "m"): (10_244, 297_076, 573_664, 8_318_132),
    (1, "eval", "f"): (8_810, 255_490, 422_880, 6_131_760),
    (2, "dev", "m"): (8_970, 260_130, 439_530, 6_373_185),
    (2, "dev", "f"): (8_454, 245_166, 388_884, 5_638_818),
    (2, "eval", "m"): (10_248, 297_192, 573_888, 8_321_376),
    (2, "eval", "f"): (8_814, 255_606, 423_072, 6_134_544),
}
FULL_PARTS = tuple(sorted({part for part, _, _ in TRIALS}))  # whose trials are known


def published(part: int) -> Published:
    """The counts of a part, by names of `speakers_name` and `trials_name`."""
    counts = {
        speakers_name(subset, gender): number
        for subset, genders in SPEAKERS.items()
        for gender, number in genders.items()
    }
    read = {speakers_name(subset, gender) for subset, gender in (("bkg", "m"), ("eval", "m"), ("eval", "f"))}
    for (of_part, subset, gender), numbers in TRIALS.items():
        if of_part == part:
            counts |= {trials_name(subset, gender, flag): number for flag, number in zip(FLAGS, numbers, strict=True)}
            counts[trials_name(subset, gender)] = sum(numbers)
            read.add(trials_name(subset, gender))
    if part == 1:
        read |= {trials_name("eval", "m", flag) for flag in ("TC", "IC")}
    remembered = {name: number for name, number in counts.items() if name not in read}
    return Published({name: counts[name] for name in counts if name in read}, SOURCE, remembered)


def speakers_name(subset: str, gender: str) -> str:
    """What the number of speakers of a subset (bkg, dev, eval) and gender (m, f) is called where counts are checked."""
    return f"speakers of {subset} {gender}"


def trials_name(subset: str, gender: str, flag: str = "all") -> str:
    """What a number of trials is called where counts are checked.

    Args:
        subset: dev or eval.
        gender: m or f.
        flag: the flag of the trials that are counted; default: all of them.
    """
    return f"{flag} trials of {subset} {gender}"
