"""EER and minDCF by the arithmetic of the scoring script of the SdSV challenges, to compare with published numbers.

It differs from `svtok.metrics.roc` where scores tie: each trial is a threshold of its own, so that a tie counts in the
order of the trials; and where to accept all trials would cost least, for that is not among its thresholds. (The script
itself sorts unstably; here tied trials keep their order.)

H. Zeinali, K. A. Lee, J. Alam, L. Burget, "Short-duration Speaker Verification (SdSV) Challenge 2020: the challenge
evaluation plan", 2020; the same arithmetic is in the scoring of NIST SRE 2018 and in WeSpeaker.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from svtok.metrics.roc import Roc, Scores, check_scores


def sdsv_curve(scores: Scores, is_target: NDArray[np.bool_]) -> Roc:
    """Misses and false alarms (N,) when the 1, 2, ... N lowest of the scores (N,) are rejected.

    Raises ValueError where there are no target or no non-target trials, or a score is NaN or infinite.
    """
    scores = check_scores(scores, "trial")
    targets = int(np.count_nonzero(is_target))
    if targets in (0, len(scores)):
        raise ValueError(f"{targets} of {len(scores)} trials are targets: error rates need both classes")
    rejected = np.cumsum(is_target[np.argsort(scores, kind="stable")])
    nontargets = np.arange(1, len(scores) + 1) - rejected
    return Roc(rejected / targets, 1 - nontargets / (len(scores) - targets))


def sdsv_eer(curve: Roc) -> float:
    """EER, a fraction, of one curve of `sdsv_curve`: on the straight line from the last point with fewer misses than
    false alarms to the first with no fewer.

    Raises ValueError where all points miss at least as many as they accept falsely: that line has no beginning.
    """
    excess = curve.p_miss - curve.p_fa
    after, before = np.flatnonzero(excess >= 0)[:1], np.flatnonzero(excess < 0)[-1:]
    if len(before) == 0:
        raise ValueError("the official arithmetic gives no EER: rejecting the lowest score already passes it")
    share = excess[after] / (excess[after] - excess[before])
    return (curve.p_miss[after] + share * (curve.p_miss[before] - curve.p_miss[after])).item()
