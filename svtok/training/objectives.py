"""Objectives: what is minimised. The loop knows none of them by name.

The seam: an objective is a module; its `forward(networks, batch, progress)` gives the loss and what to log. Parameters
of its own (a radius, a threshold, a projection) are trained and kept in the checkpoint with those of the network.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from svtok.nets.network import Network
from svtok.training.data import Batch


@dataclass
class Networks:
    """The network that is trained, and its teachers where the objective has some: frozen, or one trained beside it."""

    network: Network
    teachers: Sequence[Network] = ()
    joint_teacher: Network | None = None


class Objective(nn.Module, ABC):
    """What a training minimises."""

    @abstractmethod
    def forward(self, networks: Networks, batch: Batch, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        """A differentiable loss (scalar) of a batch, and detached scalars to log, each a mean over the batch.

        Among what is logged are `loss` and `accuracy`. `progress`, in [0, 1), is the share of all training steps done.
        """
