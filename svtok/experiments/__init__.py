"""Ablations: many systems, folds and seeds of one plan, run by the public commands; their results and the table."""
