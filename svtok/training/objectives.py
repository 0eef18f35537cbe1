"""Objectives: what is minimised. The loop knows none of them by name.

Classification learns from the labels alone; with distillation, the class token learns from the labels and the
distillation token from teachers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from svtok.nets.classifiers import at_least_fp32
from svtok.nets.config import NetworkConfig
from svtok.nets.losses import (
    DetectionCost,
    RingLoss,
    additive_angular_margin,
    distillation_divergence,
    embedding_distance,
    hard_distillation,
)
from svtok.nets.network import Network, over_streams
from svtok.trained.config import Config, ObjectiveConfig
from svtok.training.data import Batch, View
from svtok.training.partial_softmax import PartialSoftmax


@dataclass
class Networks:
    """The network that is trained, and its teachers where the objective has some: frozen, and one trained beside it."""

    network: Network
    teachers: Sequence[Network] = ()
    joint_teacher: Network | None = None


class Objective(nn.Module, ABC):
    """What a training minimises."""

    @property
    def views(self) -> set[View]:
        """What it reads of a batch; nothing else is computed."""
        return {"augmented"}

    def trained(self, networks: Networks) -> dict[str, nn.Module]:
        """The modules that this objective trains, by the names under which their weights are kept."""
        return {"network": networks.network, "objective": self}

    @abstractmethod
    def forward(self, networks: Networks, batch: Batch, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        """A differentiable loss (scalar) of a batch, and detached scalars to log, each a mean over the batch.

        Among what is logged are `loss` and, where labels are learned, `accuracy`.

        Args:
            networks: those in training, and the teachers that they learn from.
            batch: with the views that this objective reads.
            progress: the share of all training steps done, in [0, 1).
        """


class Classification(Objective):
    """The label loss of a network with one state.

    Args:
        config: of the network and the objective.
        sizes: number of classes of each group.
        partial: the softmax, where it is over some of the classes in each step.
    """

    def __init__(self, config: Config, sizes: Sequence[int], partial: PartialSoftmax | None = None) -> None:
        super().__init__()
        self.label_loss = LabelLoss(config, sizes, partial)

    def forward(self, networks: Networks, batch: Batch, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        network = networks.network
        states = network(batch.frames, batch.lengths)
        if self.label_loss.partial:
            loss, accuracy = self.label_loss.of_some_classes(next(iter(states.values())), progress)
            return loss, {"loss": loss.detach(), "accuracy": accuracy}
        state, logits = first_state(network, states)
        labels = for_streams(batch.labels, state)
        loss = self.label_loss(rows(state), rows(logits), labels, progress)
        return loss, {"loss": loss.detach(), **accuracies(rows(logits), labels, self.label_loss.groups)}


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
        partial: the softmax, where it is over some of the classes in each step.
    """

    def __init__(self, config: Config, sizes: Sequence[int], partial: PartialSoftmax | None = None) -> None:
        super().__init__()
        self.partial = partial
        self.config, self.scale = config.objective, config.network.cosine_scale
        self.groups = ClassGroups(self.config, sizes)
        cost = self.config.detection_cost
        self.costs = nn.ModuleList(
            DetectionCost(cost.slope, cost.miss_weight, cost.false_alarm_weight, cost.threshold)
            for _ in (sizes if self.config.loss == "adcf" else ())
        )
        self.ring = RingLoss() if self.config.ring_weight else None

    def forward(self, state: Tensor, logits: Tensor, labels: Tensor, progress: float) -> Tensor:
        """The loss of a batch, in fp32 also where autocast has the networks in bf16.

        Args:
            state: (B, D).
            logits: of the state, (B, classes).
            labels: (B, groups).
            progress: the share of the training that is done.

        Returns:
            scalar.
        """
        with torch.autocast(logits.device.type, enabled=False):
            parts = enumerate(zip(self.groups.split(at_least_fp32(logits)), labels.unbind(dim=1), strict=True))
            loss = self.groups.weigh(self._of_group(group, *part, progress) for group, part in parts)
            return self._with_ring(loss, state)

    def of_some_classes(self, state: Tensor, progress: float) -> tuple[Tensor, Tensor]:
        """The loss of a batch over the classes of its step, and the accuracy among these: two scalars.

        Args:
            state: (B, D).
            progress: the share of the training that is done.
        """
        assert self.partial is not None
        with torch.autocast(state.device.type, enabled=False):
            margin = self.margin(progress) if self.config.loss == "aam" else 0.0
            loss, accuracy = self.partial.loss(at_least_fp32(state), margin, self.config.label_smoothing)
            return self._with_ring(loss, state), accuracy

    def _with_ring(self, loss: Tensor, state: Tensor) -> Tensor:
        return loss if self.ring is None else loss + self.config.ring_weight * self.ring(at_least_fp32(state))

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


def rows(of_streams: Tensor) -> Tensor:
    """What each of S streams has of an utterance, (B, S, K), as that of an utterance of its own: (B S, K).

    What has no streams (B, K) stays as it is. The mean loss over these rows is that over the streams: each learns by
    itself, as if it were alone.
    """
    return of_streams if of_streams.dim() == 2 else of_streams.flatten(0, 1)


def for_streams(of_utterances: Tensor, states: Tensor) -> Tensor:
    """What belongs to each utterance (B, K) for the `rows` of states (B, D) or (B, S, D)."""
    return of_utterances if states.dim() == 2 else of_utterances.repeat_interleave(states.shape[1], dim=0)


def first_state(network: Network, states: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """A network's only state, or its class token's, (B, D), and the logits (B, classes) of that state.

    Of S streams, (B, S, D) and (B, S, classes).
    """
    name = next(iter(states))
    return states[name], network.classify({name: states[name]})[name]


def accuracies(logits: Tensor, labels: Tensor, groups: ClassGroups) -> dict[str, Tensor]:
    """`accuracy` among the classes of the last group, and `speaker_accuracy` where speakers are a group too.

    Args:
        logits: (B, classes), those of all groups.
        labels: (B, groups), each from 0 within its group.
        groups: how the classes fall into groups.

    Returns:
        scalars between 0 and 1, without gradient.
    """
    shares = [
        (part.argmax(dim=1) == own).float().mean()
        for part, own in zip(groups.split(logits), labels.unbind(dim=1), strict=True)
    ]
    return dict(zip(("speaker_accuracy", "accuracy")[-len(shares) :], shares, strict=True))


@dataclass
class Target:
    """What a teacher makes of a batch, without gradient: logits (B, classes) and embeddings (B, D)."""

    logits: Tensor
    embeddings: Tensor


class Distillation(Objective):
    """class_weight * label loss of the class token + distillation_weight * loss of the distillation token.

    The latter compares with the teachers as `objective.distillation` says. With `kl` it is temperature^2 *
    KL(teachers || distillation token), summed over the classes and averaged over the batch (`batchmean`; DeiT's own
    code divides it by the number of classes too); the posteriors of several teachers are averaged before. With
    `cosine`, the loss is averaged over the teachers, and a state that has not a teacher's dimension is first projected
    to it; stored embeddings of the utterances, which a batch carries, are teachers beside the networks. A teacher that
    has itself a distillation token is read at its class token; its embedding is its test embedding.

    Args:
        config: of the student and the objective.
        sizes: number of classes of each group.
        teachers: what each teacher is made of.
        stored_dims: dimension of each stored teacher's embeddings; with `cosine` only.
        partial: the softmax, where it is over some of the classes in each step; with `cosine` only.
    """

    def __init__(
        self,
        config: Config,
        sizes: Sequence[int],
        teachers: Sequence[NetworkConfig],
        stored_dims: Sequence[int] = (),
        partial: PartialSoftmax | None = None,
    ) -> None:
        super().__init__()
        self.config = config.objective
        self.label_loss = LabelLoss(config, sizes, partial)
        self.teachers_see: set[View] = {self.config.teacher_sees} if teachers else set()
        dim, wanted = config.network.state_dim, [*(teacher.test_dim for teacher in teachers), *stored_dims]
        self.projections = nn.ModuleList(
            nn.Identity() if other == dim else nn.Linear(dim, other, bias=False)
            for other in (wanted if self.config.distillation == "cosine" else ())
        )

    @property
    def views(self) -> set[View]:
        return {self.config.student_sees, *self.teachers_see}

    def forward(self, networks: Networks, batch: Batch, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        return self.student_loss(networks.network, batch, self.frozen_targets(networks, batch), progress)

    def frozen_targets(self, networks: Networks, batch: Batch) -> list[Target]:
        """What each of the frozen networks makes of a batch."""
        targets = []
        for teacher in networks.teachers:
            teacher.eval()
            with torch.no_grad():
                states = teacher(*batch.views[self.config.teacher_sees])
                targets.append(Target(over_streams(first_state(teacher, states)[1]), teacher.join(states)))
        return targets

    def student_loss(
        self, student: Network, batch: Batch, targets: Sequence[Target], progress: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The student's loss (scalar) and what to log of it.

        Args:
            student: with a class token and a distillation token.
            batch: with the view that the student sees.
            targets: of each teacher in memory; those of stored teachers are in the batch.
            progress: the share of all training steps done, in [0, 1).
        """
        states = student(*batch.views[self.config.student_sees])
        partial = self.label_loss.partial is not None
        logits = {} if partial else student.classify(states)
        with torch.autocast(states["dist"].device.type, enabled=False):
            state = at_least_fp32(states["dist"])
            targets = [Target(for_streams(t.logits, state), for_streams(t.embeddings, state)) for t in targets]
            stored = [for_streams(embeddings, state) for embeddings in batch.stored]
            distillation_loss = self.distance(rows(state), rows(logits.get("dist", state)), targets, stored)
        loss = self.weight(progress) * distillation_loss
        if not self.config.class_weight:  # the labels may be unknown
            return loss, {"loss": loss.detach(), "distillation_loss": distillation_loss.detach()}
        if partial:
            label_loss, accuracy = self.label_loss.of_some_classes(states["cls"], progress)
            shares = {"accuracy": accuracy}
        else:
            labels = for_streams(batch.labels, states["cls"])
            label_loss = self.label_loss(rows(states["cls"]), rows(logits["cls"]), labels, progress)
            shares = accuracies(rows(logits["cls"]), labels, self.label_loss.groups)
        loss = self.config.class_weight * label_loss + loss
        return loss, {
            "loss": loss.detach(),
            "label_loss": label_loss.detach(),
            "distillation_loss": distillation_loss.detach(),
            **shares,
        }

    def distance(
        self, state: Tensor, logits: Tensor, targets: Sequence[Target], stored: Sequence[Tensor] = ()
    ) -> Tensor:
        """How far the distillation token is from the teachers.

        Args:
            state: of the token, (B, D).
            logits: of that state, (B, classes); with `cosine` they are not read.
            targets: what each network makes of the batch.
            stored: the embeddings (B, D') of each stored teacher.

        Returns:
            scalar.
        """
        if self.config.distillation == "cosine":
            pairs = zip(self.projections, [*(target.embeddings for target in targets), *stored], strict=True)
            distances = [embedding_distance(project(state), at_least_fp32(wanted)) for project, wanted in pairs]
            return torch.stack(distances).mean()
        compare = distillation_divergence if self.config.distillation == "kl" else hard_distillation
        groups = self.label_loss.groups
        wanted = zip(*(groups.split(target.logits) for target in targets), strict=True)
        return groups.weigh(
            compare(given, teachers, self.config.temperature)
            for given, teachers in zip(groups.split(logits), wanted, strict=True)
        )

    def weight(self, progress: float) -> float:
        """The weight of the distillation token's loss when the share `progress` of the training is done."""
        shares = {"constant": 1.0, "rising": progress, "falling": 1 - progress}
        return self.config.distillation_weight * shares[self.config.distillation_schedule]


class JointDistillation(Objective):
    """Teacher and student learn in one loop: the teacher from the labels, the student from labels and teacher.

    The student's loss gives the teacher no gradient. The teacher reads each batch once, in training mode; what it
    gives there is both what its own loss is of and what the student learns from. Frozen and stored teachers may stand
    beside it, as in `Distillation`.

    Args:
        config: of the student and its objective.
        teacher_config: of the teacher and its objective.
        sizes: number of classes of each group.
        frozen: what each frozen teacher is made of.
        stored_dims: dimension of each stored teacher's embeddings; with `cosine` only.
    """

    def __init__(
        self,
        config: Config,
        teacher_config: Config,
        sizes: Sequence[int],
        frozen: Sequence[NetworkConfig] = (),
        stored_dims: Sequence[int] = (),
    ) -> None:
        super().__init__()
        self.teacher_sees = config.objective.teacher_sees
        self.teacher_loss = LabelLoss(teacher_config, sizes)
        self.distillation = Distillation(config, sizes, [teacher_config.network, *frozen], stored_dims)

    def trained(self, networks: Networks) -> dict[str, nn.Module]:
        """The student, and the teacher beside it."""
        return {**super().trained(networks), "teacher": _joint_teacher(networks)}

    @property
    def views(self) -> set[View]:
        return self.distillation.views

    def forward(self, networks: Networks, batch: Batch, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        teacher = _joint_teacher(networks)
        states = teacher(*batch.views[self.teacher_sees])
        state, logits = first_state(teacher, states)
        labels = for_streams(batch.labels, state)
        teacher_loss = self.teacher_loss(rows(state), rows(logits), labels, progress)
        target = Target(over_streams(logits).detach(), teacher.join(states).detach())
        targets = [target, *self.distillation.frozen_targets(networks, batch)]
        loss, values = self.distillation.student_loss(networks.network, batch, targets, progress)
        shares = accuracies(rows(logits), labels, self.teacher_loss.groups)
        of_teacher = {"loss": teacher_loss.detach(), **shares}
        return loss + teacher_loss, {**values, **{f"teacher_{name}": value for name, value in of_teacher.items()}}


def _joint_teacher(networks: Networks) -> Network:
    if networks.joint_teacher is None:
        raise ValueError("joint training needs a teacher to train")
    return networks.joint_teacher
