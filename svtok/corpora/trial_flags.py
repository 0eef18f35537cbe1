"""The four Y/N flags of a trial in the lists of RSR2015 and RedDots: TC, TW, IC, IW, of which one is Y."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from svtok.errors import Problem
from svtok.manifest.schema import TRIAL_TYPES, Place, codes_of


def read_flags(lines: pd.DataFrame, place: Place) -> tuple[npt.NDArray[np.int8], list[Problem]]:
    """For each line (its columns TC, TW, IC and IW) which flag is Y, as a number into TRIAL_TYPES; and the lines
    whose flags are not one Y and three N, which have the number -1."""
    flagged = np.full(len(lines), -1, np.int8)
    yes, no = np.zeros(len(lines), np.int8), np.zeros(len(lines), np.int8)
    for number, name in enumerate(TRIAL_TYPES):
        is_yes = _is(lines[name], "Y")
        flagged[is_yes] = number
        yes += is_yes
        no += _is(lines[name], "N")
    bad = (yes != 1) | (no != len(TRIAL_TYPES) - 1)
    flagged[bad] = -1
    flags = lines[list(TRIAL_TYPES)]
    problems = place.problems(
        np.flatnonzero(bad), lambda row: f"flags {','.join(flags.iloc[row])} are not one Y and three N"
    )
    return flagged, list(problems)


def _is(column: pd.Series, value: str) -> npt.NDArray[np.bool_]:
    codes, values = codes_of(column)
    return np.array([known == value for known in values], bool)[codes]
