"""Initial values: those that the seed gives, and none where a network has shapes alone."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from svtok.nets.initial import gumbel, normal


def test_normal_values_are_those_of_the_seed_times_their_deviation() -> None:
    torch.manual_seed(1)
    expected = torch.randn(5, 7) * 0.3
    torch.manual_seed(1)
    assert torch.equal(normal(5, 7, std=0.3), expected)
    of_a_generator = normal(3, generator=torch.Generator().manual_seed(2))
    assert torch.equal(of_a_generator, torch.randn(3, generator=torch.Generator().manual_seed(2)))


def test_the_greatest_of_gumbel_values_and_log_odds_falls_as_the_odds_are() -> None:
    values = gumbel(20_000, 2, generator=torch.Generator().manual_seed(3))
    first = (values + torch.tensor([0.8, 0.2]).log()).argmax(dim=1) == 0
    assert first.float().mean().item() == pytest.approx(0.8, abs=0.01)


def test_a_seed_gives_the_same_gumbel_values_with_every_torch() -> None:
    values = gumbel(3, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(values, torch.tensor([3.3609159, 1.0849769, -0.39368311]), rtol=1e-6, atol=0)


@pytest.mark.parametrize("draw", [normal, gumbel])
def test_of_a_network_of_shapes_alone_there_is_the_shape(draw: Callable[..., Tensor]) -> None:
    with torch.device("meta"):
        values = draw(10**9, 10**6, generator=torch.Generator("cpu"))
    assert values.is_meta
    assert values.shape == (10**9, 10**6)
