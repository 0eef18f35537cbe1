"""An objective: the loss on the labels, plus how far states are from the mean of their class in the batch."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from svtok.trained.config import Config
from svtok.training.data import Batch
from svtok.training.objectives import LabelLoss, Networks, Objective, accuracies, first_state


class Compact(Objective):
    """Classification that keeps the utterances of a class together.

    Args:
        config: of the network and the objective.
        sizes: number of classes of each group.
        weight: of the mean square distance to the mean of the class.
    """

    def __init__(self, config: Config, sizes: Sequence[int], weight: float) -> None:
        super().__init__()
        self.label_loss, self.weight = LabelLoss(config, sizes), weight

    def forward(self, networks: Networks, batch: Batch, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        states = networks.network(batch.frames, batch.lengths)
        state, logits = first_state(networks.network, states)  # (B, D), (B, classes)
        loss = self.label_loss(state, logits, batch.labels, progress)
        spread = spread_within(state, batch.labels[:, -1])
        total = loss + self.weight * spread
        values = {"loss": total.detach(), "spread": spread.detach()}
        return total, {**values, **accuracies(logits, batch.labels, self.label_loss.groups)}


def spread_within(state: Tensor, labels: Tensor) -> Tensor:
    """state (B, D), labels (B,) -> scalar: the mean square distance to the mean of the own class."""
    same = (labels[:, None] == labels).to(state.dtype)  # (B, B)
    means = same @ state / same.sum(dim=1, keepdim=True)  # (B, D)
    return (state - means).square().sum(dim=1).mean()
