"""Losses beyond those of torch."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def distillation_divergence(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """temperature^2 * KL(softmax(teacher / temperature) || softmax(student / temperature)), averaged over the batch.

    The square keeps the size of the gradient when the temperature changes (Hinton et al., 2015).

    Args:
        student, teacher: logits (B, classes).
        temperature: over 0.

    Returns:
        scalar, in nats: summed over the classes, divided by B.
    """
    if temperature <= 0:
        raise ValueError(f"the temperature must be over 0, not {temperature}")
    divergence = functional.kl_div(
        (student / temperature).log_softmax(dim=1),
        (teacher / temperature).log_softmax(dim=1),
        reduction="batchmean",
        log_target=True,
    )
    return temperature**2 * divergence
