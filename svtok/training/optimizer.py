"""The optimiser: which parameters decay, and the learning rate over the steps."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn

from svtok.trained.config import StepsConfig


def warm_up_cosine(step: int, steps: int, *, warm_up: float, highest: float, lowest: float) -> float:
    """Learning rate of a step (from 0): a linear rise over the share `warm_up`, then half a cosine to `lowest`."""
    rise = int(steps * warm_up)
    if step < rise:
        return highest * (step + 1) / rise
    done = (step - rise) / max(1, steps - 1 - rise)
    return lowest + (highest - lowest) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def make_optimizer(modules: Iterable[nn.Module], config: StepsConfig) -> torch.optim.AdamW:
    """AdamW that decays matrices and leaves vectors (biases, norms) and numbers alone."""
    parameters = [p for module in modules for p in module.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate)
