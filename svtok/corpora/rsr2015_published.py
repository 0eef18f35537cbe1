"""How many speakers and trials RSR2015 holds, as far as that is published.

Sources, and how sure each number is:

- speakers: 157 male, 143 female (Larcher et al. 2014); of them evaluate m101 to m157 and f095 to f143 (the lists of
  Yang et al., ICASSP 2020), m001 to m050 are the background (SIDEKIT's tutorials): certain. The others follow.
- lines of each list: hard-coded in T. Liu's SUV; TC and IC of Part I, eval, male: SIDEKIT's tutorials: certain.
- the types of the other lists of Part I: remembered from Larcher et al. 2014; likely, they add up to the lines.
- the types of Part II: derived from the lines by the structure of the lists (every test meets its own model, the 29
  others of its speaker, the same sentence of all other speakers of its gender, and half of their other sentences),
  which gives whole numbers; likely.
- Part III: nothing is known.
"""

from __future__ import annotations

from svtok.corpora.completeness import Published
from svtok.corpora.rsr2015_layout import FLAGS

SOURCE = "Larcher et al. 2014 and public code that reads the corpus, see svtok/corpora/rsr2015_published.py"
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
    """The counts of a part, by names of `trials_name` and `speakers_name`."""
    speakers = {
        speakers_name(subset, gender): number
        for subset, genders in SPEAKERS.items()
        for gender, number in genders.items()
    }
    trials = {
        trials_name(subset, gender, flag): number
        for (of_part, subset, gender), counts in TRIALS.items()
        for flag, number in zip(FLAGS, counts, strict=True)
        if of_part == part
    }
    return Published({**speakers, **trials}, SOURCE)


def speakers_name(subset: str, gender: str) -> str:
    return f"speakers of {subset} {gender}"


def trials_name(subset: str, gender: str, flag: str) -> str:
    return f"{flag} trials of {subset} {gender}"
