"""Objectives: what is minimised. The loop knows none of them by name.

The seam: an objective is a module; its `forward(networks, batch, progress)` gives the loss and what to log. Parameters
of its own (a radius, a threshold, a projection) are trained and kept in the checkpoint with those of the network.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from svtok.nets.losses import distillation_divergence
from svtok.nets.network import Network
from svtok.training.config import ObjectiveConfig
from svtok.training.data import Batch


@dataclass
class Networks:
    """The network that is trained, and a frozen teacher where the objective has one."""

    network: Network
    teacher: Network | None = None


class Objective(nn.Module, ABC):
    """What a training minimises."""

    @abstractmethod
    def forward(self, networks: Networks, batch: Batch, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        """A differentiable loss (scalar) of a batch, and detached scalars to log, each a mean over the batch.

        Among what is logged are `loss` and `accuracy`. `progress`, in [0, 1), is the share of all training steps done.
        """


class Classification(Objective):
    """Cross-entropy of the one state's logits on the labels."""

    def __init__(self, config: ObjectiveConfig) -> None:
        super().__init__()
        self.config = config

    def forward(self, networks: Networks, batch: Batch, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        network = networks.network
        (logits,) = network.classify(network(batch.frames, batch.lengths)).values()
        loss = functional.cross_entropy(logits.float(), batch.labels, label_smoothing=self.config.label_smoothing)
        return loss, {"loss": loss.detach(), "accuracy": _accuracy(logits, batch.labels)}


class Distillation(Objective):
    """Class token: cross-entropy on the labels. Distillation token: divergence to the frozen teacher's posterior.

    loss = class_weight * cross-entropy + distillation_weight * temperature^2 * KL(teacher || distillation token),
    the divergence summed over the classes and averaged over the batch (`batchmean`; DeiT's own code divides it by the
    number of classes too). A teacher that has itself a distillation token is read at its class token.
    """

    def __init__(self, config: ObjectiveConfig) -> None:
        super().__init__()
        self.config = config

    def forward(self, networks: Networks, batch: Batch, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        config, network = self.config, networks.network
        logits = network.classify(network(batch.frames, batch.lengths))
        label_loss = functional.cross_entropy(
            logits["cls"].float(), batch.labels, label_smoothing=config.label_smoothing
        )
        divergence = distillation_divergence(
            logits["dist"].float(), self.teacher_logits(networks.teacher, batch).float(), config.temperature
        )
        loss = config.class_weight * label_loss + config.distillation_weight * divergence
        return loss, {
            "loss": loss.detach(),
            "label_loss": label_loss.detach(),
            "divergence": divergence.detach(),
            "accuracy": _accuracy(logits["cls"], batch.labels),
        }

    def teacher_logits(self, teacher: Network | None, batch: Batch) -> Tensor:
        """The teacher's logits (B, classes); it is in evaluation mode and gets no gradient."""
        if teacher is None:
            raise ValueError("distillation needs a teacher")
        clean = self.config.teacher_sees == "clean"
        with torch.no_grad():
            teacher.eval()
            states = teacher(batch.clean if clean else batch.frames, batch.clean_lengths if clean else batch.lengths)
            name = "cls" if "cls" in states else next(iter(states))
            return teacher.classify({name: states[name]})[name]


def make_objective(config: ObjectiveConfig, *, distillation: bool) -> Objective:
    """The objective of a plain network, or of a student."""
    return Distillation(config) if distillation else Classification(config)


def _accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    return (logits.argmax(dim=1) == labels).float().mean()
