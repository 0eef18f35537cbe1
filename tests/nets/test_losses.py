"""Losses against hand-computed values."""

import math

import pytest
import torch

from svtok.nets.losses import distillation_divergence


def test_divergence_by_hand():
    """Teacher (3/4, 1/4), student (1/2, 1/2): 3/4 log(3/2) + 1/4 log(1/2); the second utterance agrees."""
    teacher = torch.tensor([[math.log(3.0), 0.0], [1.0, 1.0]])
    student = torch.zeros(2, 2)
    by_hand = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    assert distillation_divergence(student, teacher, 1.0).item() == pytest.approx(by_hand / 2)


def test_divergence_does_not_shrink_with_the_number_of_classes():
    """batchmean: classes that neither believes in change nothing (DeiT divides by their number)."""
    teacher, student = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    none = torch.full((1, 98), -200.0)
    more = distillation_divergence(torch.cat([student, none], 1), torch.cat([teacher, none], 1), 1.0)
    assert more.item() == pytest.approx(distillation_divergence(student, teacher, 1.0).item())


def test_temperature_softens_both_and_its_square_multiplies():
    teacher, student = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 4.0]])
    softened = distillation_divergence(student / 2, teacher / 2, 1.0)
    assert distillation_divergence(student, teacher, 2.0).item() == pytest.approx(4 * softened.item())


def test_a_temperature_of_zero_is_refused():
    with pytest.raises(ValueError, match="over 0, not 0"):
        distillation_divergence(torch.zeros(1, 2), torch.zeros(1, 2), 0)
