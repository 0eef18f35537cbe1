"""What a network says of its training."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from svtok.nets.config import NetworkConfig
from svtok.nets.network import Network, diagnostics


def test_each_memory_layer_has_its_path_as_its_name_and_starts_again(tiny: Callable[..., NetworkConfig]) -> None:
    network = Network(tiny(layers=2), feature_dim=5, classes=4).train()
    network(torch.randn(3, 9, 5), torch.tensor([9, 4, 7]))
    shown = diagnostics(network)
    names = [f"encoder.layers.{layer}.memory.slots_{what}" for layer in (0, 1) for what in ("used", "perplexity")]
    assert list(shown) == names
    assert all(0 < shown[name] <= 1 for name in names if name.endswith("used"))
    assert all(1 <= shown[name] <= 5 for name in names if name.endswith("perplexity"))
    assert diagnostics(network) == {}


def test_padding_does_not_count(tiny: Callable[..., NetworkConfig]) -> None:
    """The readings of two utterances together are those of each alone: 9 + 4 frames and a token each."""
    network: Any = Network(tiny(layers=2, dropout=0.0), feature_dim=5, classes=4).eval()
    frames = torch.randn(2, 9, 5) * 50
    memory = network.encoder.layers[0].memory.train()
    memory.usage.every = 1
    network(frames, torch.tensor([9, 4]))
    together = memory.usage.reads.clone()
    assert together.sum() == pytest.approx(9 + 4 + 2)
    memory.diagnostics()
    network(frames[:1], torch.tensor([9]))
    network(frames[1:, :4], torch.tensor([4]))
    torch.testing.assert_close(memory.usage.reads, together)


def test_a_network_without_memory_has_nothing_to_say(tiny: Callable[..., NetworkConfig]) -> None:
    network = Network(tiny(after_attention="feed-forward"), feature_dim=5, classes=4).train()
    network(torch.randn(3, 9, 5), torch.tensor([9, 4, 7]))
    assert diagnostics(network) == {}


def test_an_even_reading_has_the_perplexity_of_the_number_of_slots(tiny: Callable[..., NetworkConfig]) -> None:
    network: Any = Network(tiny(layers=1), feature_dim=5, classes=4).train()
    torch.nn.init.zeros_(network.encoder.layers[0].memory.keys)
    network(torch.randn(3, 9, 5), torch.tensor([9, 4, 7]))
    shown = diagnostics(network)
    assert math.isclose(shown["encoder.layers.0.memory.slots_perplexity"], 5, rel_tol=1e-6)
    assert shown["encoder.layers.0.memory.slots_used"] == 1
