"""The four Y/N flags of a trial in the lists of RSR2015 and RedDots: TC, TW, IC, IW, of which one is Y."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from svtok.errors import Problem
from svtok.manifest.schema import TRIAL_TYPES, Place, codes_of


def read_flags(lines: pd.DataFrame, place: Place) -> tuple[npt.NDArray[np.int64], list[Problem]]:
    """For each line (its columns TC, TW, IC and IW) which flag is Y, as a number into TRIAL_TYPES; and the lines
    whose flags are not one Y and three N, which have the number -1."""
    yes, no = (
        np.stack([_is(lines[name], value) for name in TRIAL_TYPES])
        for value in "YN"  # (flags, lines)
    )
    good = (yes.sum(axis=0) == 1) & (no.sum(axis=0) == len(TRIAL_TYPES) - 1)
    flags = lines[list(TRIAL_TYPES)]
    problems = place.problems(
        np.flatnonzero(~good), lambda row: f"flags {','.join(flags.iloc[row])} are not one Y and three N"
    )
    return np.where(good, yes.argmax(axis=0), -1), list(problems)


def _is(column: pd.Series, value: str) -> npt.NDArray[np.bool_]:
    codes, values = codes_of(column)
    return np.array([known == value for known in values], bool)[codes]
