"""Where things are in RSR2015, and how they are called.

A. Larcher, K. A. Lee, B. Ma, H. Li, "Text-dependent speaker verification: Classifiers, databases and RSR2015", Speech
Communication 60, 2014. The tree, as public code that reads it (SIDEKIT's tutorials, T. Liu's SUV) shows it:

    sph/male/m001/m001_02_031.sph             speaker _ session (01 to 09) _ sentence
    key/part2/trn/3sesspwd_eval_m.trn         m101_031,male/m101/m101_01_031.sph,... (three files)
    key/part2/ndx/3sess-pwd_eval_m.ndx        m101_031,m101/m101_02_031.sph,Y,N,N,N

The four flags of a trial are the columns of FLAGS; the first and the third are documented, the other two follow.
Sentences 001 to 030 are Part I (certain); 031 to 060 Part II and 061 to 073 Part III, digit strings (likely). Nothing
else is known of Part III: whatever is no sentence of the other parts is taken for one of its own.
"""

from __future__ import annotations

import re
from typing import NamedTuple


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
    """What the id of an utterance tells; `m001_02_031` is speaker m001, session 02, sentence 031."""

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
