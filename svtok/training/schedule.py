"""The learning rate over the steps."""

from __future__ import annotations

import math


def warm_up_cosine(step: int, steps: int, *, warm_up: float, highest: float, lowest: float) -> float:
    """Learning rate of a step (from 0): a linear rise over the share `warm_up`, then half a cosine to `lowest`."""
    rise = int(steps * warm_up)
    if step < rise:
        return highest * (step + 1) / rise
    done = (step - rise) / max(1, steps - 1 - rise)
    return lowest + (highest - lowest) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
