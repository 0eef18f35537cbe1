"""How names and types are written, in tables and out of them. It needs no pandas."""

from __future__ import annotations

import re
import unicodedata

TRIAL_TYPES = ("TC", "TW", "IC", "IW")
TARGET_TYPES = ("TC", "target")
"""The types of trials that are to be accepted."""

_OTHER_BLANKS = re.compile("[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]")  # Unicode's Zs, and the zero-width space


def normal(text: str) -> str:
    """The text in Unicode's normal form C, with a plain blank for every other kind of blank.

    So are ids, phrases, texts and names of speakers wherever they come in: `José` with one letter é or with an e and
    an accent is one speaker, and a no-break space is a blank. Blanks are those of Unicode's class Zs and U+200B, the
    zero-width space. U+200C and U+200D, which join letters or keep them apart, are letters of the text.
    """
    return text if text.isascii() else _OTHER_BLANKS.sub(" ", unicodedata.normalize("NFC", text))
