"""What a synthetic release of DeepMine is made of."""

from __future__ import annotations

from dataclasses import dataclass

from svtok.corpora.sdsv_layout import PHRASES
from svtok.errors import SvtokError

ENROLL_SESSIONS = 3  # of a speaker of dev or eval: one utterance each enrolls a model
REVISION = 1  # of the way the speech is made: counts up when the same settings would give other speech


@dataclass(frozen=True)
class Settings:
    """A small release with speech. Speakers are half female, half male; phrases half Persian, half English."""

    speakers: int = 60  # who train networks
    dev_speakers: int = 0  # of whom there are dev lists; without, training speakers can be held out
    eval_speakers: int = 24
    phrases: int = 10
    sessions: int = 6
    seed: int = 1
    tdsv2024: int = 0  # 1: in the layout of TdSV 2024, with free text, else in that of SdSV
    revision: int = REVISION

    def __post_init__(self) -> None:
        for name, least in (("speakers", 4), ("dev_speakers", 0), ("eval_speakers", 4)):
            number = getattr(self, name)
            if number < least or number % 2:
                raise SvtokError(f"{name} must be {least} or more and even (half female, half male), not {number}")
        if not 2 <= self.phrases <= len(PHRASES) or self.phrases % 2:
            raise SvtokError(f"phrases must be even (half Persian, half English), 2 to 10, not {self.phrases}")
        if not ENROLL_SESSIONS < self.sessions <= 9:
            raise SvtokError(f"sessions must be 4 to 9 (three enroll, the others are tests), not {self.sessions}")
        if self.seed < 0:
            raise SvtokError(f"seed must be 0 or more, not {self.seed}")

    @property
    def phrase_ids(self) -> list[str]:
        """As many of the Persian as of the English phrases."""
        ids = list(PHRASES)
        return ids[: self.phrases // 2] + ids[5 : 5 + self.phrases // 2]


@dataclass(frozen=True)
class FullScale:
    """The lists of a release of the size of SdSV 2020, without speech."""

    full_scale: int = 1
    seed: int = 1
    revision: int = REVISION
