"""Positions: rotary against explicit loops, and what they show of the order of the frames."""

import math
from collections.abc import Callable

import pytest
import torch
from pydantic import ValidationError

from svtok.nets.config import NetworkConfig
from svtok.nets.encoder import RotaryPositions, SelfAttention, make_rotation


def rotated_by_loops(x: torch.Tensor, tokens: int) -> torch.Tensor:
    """Each pair of coordinates (i, i + size / 2) of frame t turned by t * 10000^(-2 i / size)."""
    out = x.clone()
    _, rows, _, size = x.shape
    for row in range(tokens, rows):
        for i in range(size // 2):
            angle = (row - tokens) * 10000 ** (-2 * i / size)
            a, b = x[:, row, :, i], x[:, row, :, i + size // 2]
            out[:, row, :, i] = a * math.cos(angle) - b * math.sin(angle)
            out[:, row, :, i + size // 2] = a * math.sin(angle) + b * math.cos(angle)
    return out


@pytest.mark.parametrize("tokens", [0, 1, 2])
def test_frames_are_rotated_as_by_explicit_loops_and_tokens_are_not(tokens: int) -> None:
    x = torch.randn(2, 7, 3, 8, dtype=torch.float64)
    rotated = RotaryPositions(tokens)(x)
    torch.testing.assert_close(rotated, rotated_by_loops(x, tokens), atol=1e-6, rtol=1e-6)
    assert torch.equal(rotated[:, :tokens], x[:, :tokens])


def test_the_score_of_two_frames_depends_on_how_far_they_are_apart_alone() -> None:
    rotary = RotaryPositions(tokens=1)
    query, key = torch.randn(2, 8, dtype=torch.float64)
    rows = torch.zeros(2, 40, 1, 8, dtype=torch.float64) + torch.stack([query, key])[:, None, None]
    queries, keys = rotary(rows)[:, 1:, 0]
    scores = queries @ keys.T  # (39, 39) of frames at any two times
    for apart in (-5, 0, 1, 7):
        torch.testing.assert_close(
            scores.diagonal(apart), scores.diagonal(apart)[:1].expand(39 - abs(apart)), atol=1e-5, rtol=1e-5
        )
    assert not torch.allclose(scores.diagonal(0)[:5], scores.diagonal(7)[:5])


def test_attention_between_frames_is_the_same_wherever_in_time_they_stand() -> None:
    """Without tokens, two frames put before the others change nothing but their share of the softmax."""
    torch.manual_seed(0)
    layer = SelfAttention(8, 2, dropout=0.0, rotation=RotaryPositions(tokens=0)).double()
    x, real = torch.randn(1, 6, 8, dtype=torch.float64), torch.ones(1, 6, dtype=torch.bool)
    later = torch.cat([torch.randn(1, 2, 8, dtype=torch.float64), x], dim=1)
    mask = torch.cat([torch.zeros(1, 2, dtype=torch.bool), real], dim=1)
    with torch.no_grad():
        torch.testing.assert_close(layer(later, mask)[:, 2:], layer(x, real), atol=1e-5, rtol=1e-5)


def test_rotary_positions_are_made_for_as_many_rows_as_the_head_has_tokens(tiny: Callable[..., NetworkConfig]) -> None:
    assert make_rotation(tiny(positions="sinusoidal")) is None
    for head, tokens in (("avg", 0), ("cls", 1), ("cls-dist", 2)):
        rotation = make_rotation(tiny(head=head, positions="rotary"))
        assert rotation is not None
        assert rotation.tokens == tokens


def test_an_odd_number_of_channels_a_head_is_refused_with_the_numbers(tiny: Callable[..., NetworkConfig]) -> None:
    with pytest.raises(ValidationError, match=r"even number of channels a head, not 10 / 2 = 5"):
        tiny(positions="rotary", attention_heads=2, front_end={"channels": 6, "blocks": [10]})
