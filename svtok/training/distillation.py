"""Learning from the labels and from teachers: the class token does the one, the distillation token the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from svtok.nets.config import NetworkConfig
from svtok.nets.losses import distillation_divergence, embedding_distance, hard_distillation
from svtok.nets.network import Network
from svtok.training.classification import LabelLoss, accuracies, first_state
from svtok.training.config import Config
from svtok.training.data import Batch
from svtok.training.objectives import Networks, Objective


@dataclass
class Target:
    """What a teacher tells of a batch, without gradient: logits (B, classes) and embeddings (B, D)."""

    logits: Tensor
    embeddings: Tensor


class Distillation(Objective):
    """class_weight * label loss of the class token + distillation_weight * loss of the distillation token.

    The latter compares with the teachers as `objective.distillation` says. With `kl` it is temperature^2 *
    KL(teachers || distillation token), summed over the classes and averaged over the batch (`batchmean`; DeiT's own
    code divides it by the number of classes too); the posteriors of several teachers are averaged before. With
    `cosine`, the loss is averaged over the teachers, and a state that has not a teacher's dimension is first projected
    to it. A teacher that has itself a distillation token is read at its class token; its embedding is its test
    embedding.

    Args:
        config: of the student and the objective.
        sizes: number of classes of each group.
        teachers: what each teacher is made of.
    """

    def __init__(self, config: Config, sizes: Sequence[int], teachers: Sequence[NetworkConfig]) -> None:
        super().__init__()
        self.config = config.objective
        self.label_loss = LabelLoss(config, sizes)
        dim, compared = config.network.state_dim, teachers if self.config.distillation == "cosine" else ()
        self.projections = nn.ModuleList(
            nn.Identity() if teacher.test_dim == dim else nn.Linear(dim, teacher.test_dim, bias=False)
            for teacher in compared
        )

    def forward(self, networks: Networks, batch: Batch, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        targets = []
        for teacher in networks.teachers:
            teacher.eval()
            with torch.no_grad():
                states = teacher(*batch.view(self.config.teacher_sees))
                targets.append(Target(first_state(teacher, states)[1], teacher.join(states)))
        return self.student_loss(networks.network, batch, targets, progress)

    def student_loss(
        self, student: Network, batch: Batch, targets: Sequence[Target], progress: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The student's loss (scalar) and what to log of it."""
        states = student(*batch.view(self.config.student_sees))
        logits = student.classify(states)
        label_loss = self.label_loss(states["cls"], logits["cls"], batch.labels, progress)
        distillation_loss = self.distance(states["dist"].float(), logits["dist"].float(), targets)
        loss = self.config.class_weight * label_loss + self.weight(progress) * distillation_loss
        return loss, {
            "loss": loss.detach(),
            "label_loss": label_loss.detach(),
            "distillation_loss": distillation_loss.detach(),
            **accuracies(logits["cls"], batch.labels, self.label_loss.groups),
        }

    def distance(self, state: Tensor, logits: Tensor, targets: Sequence[Target]) -> Tensor:
        """How far the distillation token's state (B, D) and logits (B, classes) are from the teachers': scalar."""
        if self.config.distillation == "cosine":
            pairs = zip(self.projections, targets, strict=True)
            distances = [embedding_distance(project(state), target.embeddings.float()) for project, target in pairs]
            return torch.stack(distances).mean()
        compare = distillation_divergence if self.config.distillation == "kl" else hard_distillation
        groups = self.label_loss.groups
        wanted = zip(*(groups.split(target.logits.float()) for target in targets), strict=True)
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
    tells there is both what its own loss is of and what the student learns from.

    Args:
        config, teacher_config: of each network and its objective.
        sizes: number of classes of each group.
    """

    def __init__(self, config: Config, teacher_config: Config, sizes: Sequence[int]) -> None:
        super().__init__()
        self.teacher_sees = config.objective.teacher_sees
        self.teacher_loss = LabelLoss(teacher_config, sizes)
        self.distillation = Distillation(config, sizes, [teacher_config.network])

    def forward(self, networks: Networks, batch: Batch, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        teacher = networks.joint_teacher
        if teacher is None:
            raise ValueError("joint training needs a teacher to train")
        states = teacher(*batch.view(self.teacher_sees))
        state, logits = first_state(teacher, states)
        teacher_loss = self.teacher_loss(state, logits, batch.labels, progress)
        target = Target(logits.detach(), teacher.join(states).detach())
        loss, values = self.distillation.student_loss(networks.network, batch, [target], progress)
        of_teacher = {"loss": teacher_loss.detach(), **accuracies(logits, batch.labels, self.teacher_loss.groups)}
        return loss + teacher_loss, {**values, **{f"teacher_{name}": value for name, value in of_teacher.items()}}
