"""Learning from the labels alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from svtok.nets.losses import DetectionCost, RingLoss, additive_angular_margin
from svtok.nets.network import Network
from svtok.training.config import Config, ObjectiveConfig
from svtok.training.data import Batch
from svtok.training.objectives import Networks, Objective


class Classification(Objective):
    """The label loss of a network with one state.

    Args:
        config: of the network and the objective.
        sizes: number of classes of each group.
    """

    def __init__(self, config: Config, sizes: Sequence[int]) -> None:
        super().__init__()
        self.label_loss = LabelLoss(config, sizes)

    def forward(self, networks: Networks, batch: Batch, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        network = networks.network
        states = network(batch.frames, batch.lengths)
        state, logits = first_state(network, states)
        loss = self.label_loss(state, logits, batch.labels, progress)
        return loss, {"loss": loss.detach(), **accuracies(logits, batch.labels, self.label_loss.groups)}


class ClassGroups:
    """The groups of classes in a classifier's outputs, and how much the loss of each counts."""

    def __init__(self, config: ObjectiveConfig, sizes: Sequence[int]) -> None:
        self.sizes = list(sizes)
        self.weights = (config.speaker_weight, 1 - config.speaker_weight) if len(self.sizes) == 2 else (1.0,)

    def split(self, logits: Tensor) -> tuple[Tensor, ...]:
        """logits (B, classes) -> those of each group."""
        return torch.split(logits, self.sizes, dim=1)

    def weigh(self, losses: Iterable[Tensor]) -> Tensor:
        """The loss of all groups, from that of each."""
        return torch.stack([w * loss for w, loss in zip(self.weights, losses, strict=True)]).sum()


class LabelLoss(nn.Module):
    """`objective.loss` of one state on the labels of each group of classes, plus the ring loss.

    Args:
        config: of the network and the objective.
        sizes: number of classes of each group.
    """

    def __init__(self, config: Config, sizes: Sequence[int]) -> None:
        super().__init__()
        self.config, self.scale = config.objective, config.network.cosine_scale
        self.groups = ClassGroups(self.config, sizes)
        cost = self.config.detection_cost
        self.costs = nn.ModuleList(
            DetectionCost(cost.slope, cost.miss_weight, cost.false_alarm_weight, cost.threshold)
            for _ in (sizes if self.config.loss == "adcf" else ())
        )
        self.ring = RingLoss() if self.config.ring_weight else None

    def forward(self, state: Tensor, logits: Tensor, labels: Tensor, progress: float) -> Tensor:
        """state (B, D), logits (B, classes), labels (B, groups), share of the training done -> scalar."""
        parts = enumerate(zip(self.groups.split(logits.float()), labels.unbind(dim=1), strict=True))
        loss = self.groups.weigh(self._of_group(group, *part, progress) for group, part in parts)
        return loss if self.ring is None else loss + self.config.ring_weight * self.ring(state.float())

    def _of_group(self, group: int, logits: Tensor, labels: Tensor, progress: float) -> Tensor:
        """logits (B, classes of the group), labels (B,) -> scalar."""
        if self.config.loss == "adcf":
            return self.costs[group](logits / self.scale, labels)
        if self.config.loss == "aam":
            logits = self.scale * additive_angular_margin(logits / self.scale, labels, self.margin(progress))
        return functional.cross_entropy(logits, labels, label_smoothing=self.config.label_smoothing)

    def margin(self, progress: float) -> float:
        """The margin when the share `progress` of the training is done."""
        rise = self.config.margin_warm_up
        return self.config.margin * (min(1.0, progress / rise) if rise else 1.0)


def first_state(network: Network, states: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """A network's only state, or its class token's, (B, D), and the logits (B, classes) of that state."""
    name = next(iter(states))
    return states[name], network.classify({name: states[name]})[name]


def accuracies(logits: Tensor, labels: Tensor, groups: ClassGroups) -> dict[str, Tensor]:
    """`accuracy` among the classes of the last group, and `speaker_accuracy` where speakers are a group too."""
    shares = [
        (part.argmax(dim=1) == own).float().mean()
        for part, own in zip(groups.split(logits), labels.unbind(dim=1), strict=True)
    ]
    return dict(zip(("speaker_accuracy", "accuracy")[-len(shares) :], shares, strict=True))
