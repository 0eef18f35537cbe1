"""Error rates of verification, from the scores of target and of non-target trials. Knows no file."""

from svtok.metrics.bootstrap import (
    Counts,
    Intervals,
    Rates,
    count_trials,
    resampled_interval,
    resampled_rates,
    speaker_intervals,
)
from svtok.metrics.cllr import Reliability, cllr, min_cllr, mixture_cllr, mixture_roc, reliability
from svtok.metrics.official import sdsv_curve, sdsv_eer
from svtok.metrics.roc import DCF08, DCF10, Cost, Roc, actual_dcf, dcf08, dcf10, eer, min_dcf, roc

__all__ = [
    "DCF08",
    "DCF10",
    "Cost",
    "Counts",
    "Intervals",
    "Rates",
    "Reliability",
    "Roc",
    "actual_dcf",
    "cllr",
    "count_trials",
    "dcf08",
    "dcf10",
    "eer",
    "min_cllr",
]
__all__ += ["min_dcf", "mixture_cllr", "mixture_roc", "reliability", "resampled_interval", "resampled_rates", "roc"]
__all__ += ["sdsv_curve", "sdsv_eer", "speaker_intervals"]
