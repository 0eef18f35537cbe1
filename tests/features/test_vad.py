import numpy as np
import pytest

from svtok.features.config import VadConfig
from svtok.features.frames import voiced_frames


def decided(energies: list[float], **fields: float) -> list[int]:
    config = VadConfig(**{"energy_mean_scale": 0, "context": 0, **fields})
    return voiced_frames(np.array(energies, np.float32), config).astype(int).tolist()


def test_a_frame_is_loud_above_the_threshold() -> None:
    assert decided([4, 5, 6, 7], energy_threshold=5) == [0, 0, 1, 1]


def test_a_share_of_the_mean_is_added_to_the_threshold() -> None:
    assert decided([2, 4, 6, 8], energy_threshold=3, energy_mean_scale=0.5) == [0, 0, 1, 1]  # 3 + 0.5 * 5 = 5.5
    assert decided([2, 4, 6, 8], energy_threshold=3, energy_mean_scale=1) == [0, 0, 0, 0]


def test_neighbours_take_part_and_the_ends_have_fewer() -> None:
    # loud: 1 0 1 1 0 0; with one neighbour a side: 1/2, 2/3, 2/3, 2/3, 1/3, 0/2
    assert decided([9, 0, 9, 9, 0, 0], energy_threshold=5, context=1, proportion=0.6) == [0, 1, 1, 1, 0, 0]
    assert decided([9, 0, 9, 9, 0, 0], energy_threshold=5, context=1, proportion=0.5) == [1, 1, 1, 1, 0, 0]


@pytest.mark.parametrize("context", [0, 1, 3, 9])
def test_decisions_are_those_of_a_plain_loop(context: int) -> None:
    energies = np.random.default_rng(context).normal(10, 3, size=12).astype(np.float32)
    threshold = 1 + 0.9 * energies.mean()
    expected = []
    for t in range(12):
        near = [energies[u] > threshold for u in range(t - context, t + context + 1) if 0 <= u < 12]
        expected.append(int(sum(near) >= len(near) * 0.6))
    assert decided(energies.tolist(), energy_threshold=1, energy_mean_scale=0.9, context=context) == expected
