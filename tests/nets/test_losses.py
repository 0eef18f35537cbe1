"""Losses against hand-computed values."""

import math

import pytest
import torch

from svtok.nets.losses import (
    DetectionCost,
    RingLoss,
    additive_angular_margin,
    distillation_divergence,
    embedding_distance,
    hard_distillation,
)


def test_divergence_by_hand() -> None:
    """Teacher (3/4, 1/4), student (1/2, 1/2): 3/4 log(3/2) + 1/4 log(1/2); the second utterance agrees."""
    teacher = torch.tensor([[math.log(3.0), 0.0], [1.0, 1.0]])
    student = torch.zeros(2, 2)
    by_hand = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    assert distillation_divergence(student, [teacher], 1.0).item() == pytest.approx(by_hand / 2)


def test_divergence_does_not_shrink_with_the_number_of_classes() -> None:
    """batchmean: classes that neither believes in change nothing (DeiT divides by their number)."""
    teacher, student = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    none = torch.full((1, 98), -200.0)
    more = distillation_divergence(torch.cat([student, none], 1), [torch.cat([teacher, none], 1)], 1.0)
    assert more.item() == pytest.approx(distillation_divergence(student, [teacher], 1.0).item())


def test_temperature_softens_both_and_its_square_multiplies() -> None:
    teacher, student = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 4.0]])
    softened = distillation_divergence(student / 2, [teacher / 2], 1.0)
    assert distillation_divergence(student, [teacher], 2.0).item() == pytest.approx(4 * softened.item())


def test_a_temperature_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="over 0, not 0"):
        distillation_divergence(torch.zeros(1, 2), [torch.zeros(1, 2)], 0)


def test_the_posteriors_of_several_teachers_are_averaged() -> None:
    """(3/4, 1/4) and (1/4, 3/4) give (1/2, 1/2), which the student believes."""
    one, other = torch.tensor([[math.log(3.0), 0.0]]), torch.tensor([[0.0, math.log(3.0)]])
    assert distillation_divergence(torch.zeros(1, 2), [one, other], 1.0).item() == pytest.approx(0, abs=1e-7)
    sure = torch.tensor([[math.log(99.0), 0.0]])
    mean = [(0.75 + 0.99) / 2, (0.25 + 0.01) / 2]  # not that of the mean logits
    by_hand = sum(p * math.log(p / 0.5) for p in mean)
    assert distillation_divergence(torch.zeros(1, 2), [one, sure], 1.0).item() == pytest.approx(by_hand, rel=1e-5)


def test_hard_distillation_is_the_cross_entropy_on_the_class_that_the_teachers_favour() -> None:
    student = torch.tensor([[0.0, math.log(3.0)], [0.0, 0.0]])
    teachers = [torch.tensor([[1.0, 0.0], [0.0, 0.2]]), torch.tensor([[0.0, 3.0], [0.0, 0.1]])]
    assert hard_distillation(student, teachers, 1.0).item() == pytest.approx((-math.log(3 / 4) - math.log(1 / 2)) / 2)


def test_embedding_distance_by_hand() -> None:
    student, teacher = torch.tensor([[2.0, 0.0], [1.0, 1.0]]), torch.tensor([[0.0, 3.0], [5.0, 5.0]])
    assert embedding_distance(student, teacher).item() == pytest.approx((1 + 0) / 2)


def margined(cosine: float, margin: float) -> float:
    """One own cosine with its margin, by the angle itself."""
    theta = math.acos(cosine)
    return math.cos(theta + margin) if theta + margin < math.pi else cosine - (1 - math.cos(margin))


@pytest.mark.parametrize("margin", [0.0, 0.2, 1.5])
def test_a_margin_turns_the_own_classs_angle_alone(margin: float) -> None:
    torch.manual_seed(0)
    cosines = torch.rand(8, 5, dtype=torch.float64) * 2 - 1
    cosines[0] = -0.999  # beyond pi for every margin but 0
    labels = torch.randint(5, (8,))
    wanted = [
        [margined(float(c), margin) if number == label else float(c) for number, c in enumerate(row)]
        for row, label in zip(cosines, labels.tolist(), strict=True)
    ]
    given = additive_angular_margin(cosines, labels, margin)
    torch.testing.assert_close(given, torch.tensor(wanted, dtype=torch.float64))


def test_a_margin_never_rewards_a_larger_angle() -> None:
    cosines = torch.cos(torch.linspace(0, math.pi, 500, dtype=torch.float64))[:, None]
    given = additive_angular_margin(cosines, torch.zeros(500, dtype=torch.long), 0.7)[:, 0]
    assert (given.diff() < 0).all()
    assert given.diff().abs().max() < 0.01  # no jump where the angle and its margin pass pi


@pytest.mark.parametrize("cosine", [1.0, -1.0, 1.004, -1.004, 0.9999999])
def test_a_margin_has_finite_gradients_at_the_ends_even_where_bf16_rounds_beyond_them(cosine: float) -> None:
    cosines = torch.tensor([[cosine, 0.0]], requires_grad=True)
    [gradient] = torch.autograd.grad(additive_angular_margin(cosines, torch.tensor([0]), 0.3)[0, 0], cosines)
    assert torch.isfinite(gradient).all()
    assert 0 < gradient[0, 0] < 500


def test_ring_loss_by_hand_starts_at_the_mean_length_and_its_radius_learns() -> None:
    ring, states = RingLoss(), torch.tensor([[3.0, 4.0], [0.0, 1.0]])
    assert ring(states).item() == pytest.approx(0.5 * (2**2 + 2**2) / 2)  # lengths 5 and 1, radius 3
    loss = ring(2 * states)
    assert loss.item() == pytest.approx(0.5 * (7**2 + 1**2) / 2)  # the radius stays 3
    loss.backward()
    assert ring.radius.grad is not None
    assert ring.radius.grad.item() == pytest.approx(-(7 - 1) / 2)


def test_detection_cost_by_loop() -> None:
    torch.manual_seed(0)
    cosines, labels = torch.rand(6, 4) * 2 - 1, torch.randint(4, (6,))
    misses, false_alarms = [], []
    for row, label in zip(cosines.tolist(), labels.tolist(), strict=True):
        for number, cosine in enumerate(row):
            if number == label:
                misses.append(1 / (1 + math.exp(-10 * (0.25 - cosine))))
            else:
                false_alarms.append(1 / (1 + math.exp(-10 * (cosine - 0.25))))
    by_loop = 2 * sum(misses) / len(misses) + 3 * sum(false_alarms) / len(false_alarms)
    assert DetectionCost(10.0, 2.0, 3.0, 0.25)(cosines, labels).item() == pytest.approx(by_loop, rel=1e-5)


def test_a_steep_detection_cost_is_the_share_of_errors_and_its_threshold_learns() -> None:
    cost = DetectionCost(1e4, 1.0, 1.0, 0.5)
    cosines, labels = torch.tensor([[0.9, 0.8, 0.1], [0.2, 0.4, 0.0]]), torch.tensor([0, 1])
    assert cost(cosines, labels).item() == pytest.approx(1 / 2 + 1 / 4)  # one miss of 2, one false alarm of 4
    soft = DetectionCost(5.0, 1.0, 1.0, 0.5)
    soft(cosines, labels).backward()
    assert soft.threshold.grad is not None
    assert soft.threshold.grad.abs() > 0
