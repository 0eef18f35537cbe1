"""The learning rate over the steps."""

import pytest

from svtok.training.optimizer import warm_up_cosine


def rates(steps: int, warm_up: float) -> list[float]:
    return [warm_up_cosine(step, steps, warm_up=warm_up, highest=1.0, lowest=0.1) for step in range(steps)]


def test_it_rises_in_a_line_then_falls_in_half_a_cosine() -> None:
    values = rates(13, 4 / 13)
    assert values[:5] == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0])
    assert values[8] == pytest.approx(0.55)  # half way down
    assert values[-1] == pytest.approx(0.1)
    assert values[4:] == sorted(values[4:], reverse=True)


@pytest.mark.parametrize("steps", [1, 2])
def test_one_or_two_steps_are_fine(steps: int) -> None:
    assert rates(steps, 0.0)[0] == 1.0
