"""What stands in a layer of the encoder, and in which order."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from svtok.nets.config import NetworkConfig
from svtok.nets.encoder import EncoderLayer


@pytest.mark.parametrize(
    ("after_attention", "parts"),
    [
        ("memory", ["memory"]),
        ("feed-forward", ["feed_forward"]),
        ("feed-forward-memory", ["feed_forward", "memory"]),
    ],
)
def test_each_part_is_normalised_before_and_added(
    tiny: Callable[..., NetworkConfig], after_attention: dict[str, Any], parts: list[str]
) -> None:
    torch.manual_seed(0)
    layer = EncoderLayer(tiny(after_attention=after_attention)).eval()
    x, mask = torch.randn(2, 4, 8), torch.ones(2, 4, dtype=torch.bool)
    expected = x + layer.attention(layer.attention_norm(x), mask)
    for part in parts:
        normed = getattr(layer, f"{part}_norm")(expected)
        inputs = (normed, mask) if part == "memory" else (normed,)
        expected = expected + getattr(layer, part)(*inputs)
    assert torch.equal(layer(x, mask), expected)
