"""Losses beyond those of torch."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

SMALLEST_SQUARED_SINE = 1e-6
"""Bounds the slope of a sine by its cosine, which is infinite at an angle of 0."""


def with_margin(cosines: Tensor, margin: float) -> Tensor:
    """cos(theta + margin) of each cos(theta), of any shape (Deng et al., 2019).

    Where theta + margin is over pi, that cosine would rise again with theta; from there it goes on as
    cos(theta) - (1 - cos(margin)), which meets it at -1 and keeps falling. `margin` is in radians, within [0, pi).
    """
    sines = (1 - cosines.square()).clamp(min=SMALLEST_SQUARED_SINE).sqrt()
    turned = cosines * math.cos(margin) - sines * math.sin(margin)
    beyond = cosines - (1 - math.cos(margin))
    return torch.where(cosines > -math.cos(margin), turned, beyond)


def additive_angular_margin(cosines: Tensor, labels: Tensor, margin: float) -> Tensor:
    """The cosines with a margin (`with_margin`) at each utterance's own class.

    Args:
        cosines: (B, classes).
        labels: (B,).
        margin: in radians, within [0, pi).

    Returns:
        (B, classes).
    """
    own = cosines.gather(1, labels[:, None])  # (B, 1)
    return cosines.scatter(1, labels[:, None], with_margin(own, margin))


class RingLoss(nn.Module):
    """Half the mean square of (length - radius) over a batch of states, the radius trained (Zheng et al., 2018).

    The radius starts as the mean length of the first batch.
    """

    def __init__(self) -> None:
        super().__init__()
        self.radius = nn.Parameter(torch.tensor(math.nan))
        self._begun = False

    def forward(self, states: Tensor) -> Tensor:
        """states (B, D) -> scalar."""
        lengths = states.norm(dim=1)
        if not self._begun:  # looked at once: to look is to wait for the GPU
            self._begun = True
            if self.radius.isnan():
                self.radius.data.copy_(self.first_radius(lengths))
        return 0.5 * (lengths - self.radius).square().mean()

    def first_radius(self, lengths: Tensor) -> Tensor:
        """Where the radius starts, by the lengths (B,) of the first batch: scalar."""
        return lengths.mean()


class DetectionCost(nn.Module):
    """aDCF: a detection cost that can be minimised, over each utterance against each class (Mingote et al., 2022).

    miss_weight * P_miss + false_alarm_weight * P_fa. The shares of own classes under, and of other classes over, a
    threshold become differentiable as means of sigmoids of slope * (distance from the threshold).

    From the paper: a smooth cost of both kinds of errors on the cosines of the last layer. Ours, as only its abstract
    could be read: the sigmoids, the means over one batch, where the trained threshold starts, and every default.
    """

    def __init__(self, slope: float, miss_weight: float, false_alarm_weight: float, threshold: float) -> None:
        super().__init__()
        self.slope, self.miss_weight, self.false_alarm_weight = slope, miss_weight, false_alarm_weight
        self.threshold = nn.Parameter(torch.tensor(threshold))

    def forward(self, cosines: Tensor, labels: Tensor) -> Tensor:
        """cosines (B, classes), labels (B,) -> scalar."""
        over = torch.sigmoid(self.slope * (cosines - self.threshold))  # (B, classes)
        # taken by numbers, not by a mask: to count what is true in one is to wait for the GPU
        own = labels[:, None]  # (B, 1)
        others = torch.arange(cosines.shape[1] - 1, device=labels.device)
        others = others + (others >= own)  # (B, classes - 1), all classes but the own one
        misses, false_alarms = 1 - over.gather(1, own), over.gather(1, others)
        return self.miss_weight * misses.mean() + self.false_alarm_weight * false_alarms.mean()


def averaged_log_posterior(logits: Sequence[Tensor], temperature: float) -> Tensor:
    """The logarithm of the mean of softmax(logits / temperature) over several networks: each (B, classes) -> the same.

    Raises ValueError for a temperature that is not over 0.
    """
    if temperature <= 0:
        raise ValueError(f"the temperature must be over 0, not {temperature}")
    each = torch.stack([(one / temperature).log_softmax(dim=1) for one in logits])
    return each.logsumexp(dim=0) - math.log(len(logits))


def distillation_divergence(student: Tensor, teachers: Sequence[Tensor], temperature: float) -> Tensor:
    """temperature^2 * KL(mean of softmax(teacher / temperature) || softmax(student / temperature)), over the batch.

    The square keeps the size of the gradient when the temperature changes (Hinton et al., 2015).

    Args:
        student: logits (B, classes).
        teachers: those of each teacher.
        temperature: over 0, else ValueError.

    Returns:
        scalar, in nats: summed over the classes, divided by B.
    """
    wanted = averaged_log_posterior(teachers, temperature)
    given = averaged_log_posterior([student], temperature)
    return temperature**2 * functional.kl_div(given, wanted, reduction="batchmean", log_target=True)


def hard_distillation(student: Tensor, teachers: Sequence[Tensor], temperature: float) -> Tensor:
    """Cross-entropy of the student's logits (B, classes) on the class that the teachers' mean posterior favours.

    Of one teacher, the temperature changes nothing (Touvron et al., 2021).

    Args:
        student: logits (B, classes).
        teachers: those of each teacher.
        temperature: of the teachers' posteriors, over 0.

    Returns:
        scalar, in nats, the mean over B.

    Raises:
        ValueError: the temperature is not over 0.
    """
    return functional.cross_entropy(student, averaged_log_posterior(teachers, temperature).argmax(dim=1))


def embedding_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """1 - cosine between a student's and its teacher's embeddings, both (B, D), averaged over the batch."""
    return 1 - functional.cosine_similarity(student, teacher, dim=1).mean()
