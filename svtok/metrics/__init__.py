"""Error rates of verification, from the scores of target and of non-target trials. Knows no file."""

from svtok.metrics.roc import DCF08, DCF10, Cost, Roc, dcf08, dcf10, eer, min_dcf, roc

__all__ = ["DCF08", "DCF10", "Cost", "Roc", "dcf08", "dcf10", "eer", "min_dcf", "roc"]
