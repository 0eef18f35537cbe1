"""Streams: the cepstra of one, against those of svtok.features, and networks side by side, against each alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from svtok.features.config import FeaturesConfig
from svtok.features.extract import compute_features
from svtok.nets.cepstra import CEPSTRA, Cepstra
from svtok.nets.config import NetworkConfig
from svtok.nets.network import FEATURES, Network, is_of_classes, over_streams

BANDS = 24
LENGTHS = torch.tensor([23, 9, 14])
STREAMS = ("features", "cepstra")
MakeConfig = Callable[..., NetworkConfig]


def make(config: NetworkConfig, seed: int = 1) -> Network:
    """In evaluation mode; its BatchNorms have seen data."""
    torch.manual_seed(seed)
    network = Network(config, feature_dim=BANDS, classes=4).train()
    network(torch.randn(4, 23, BANDS) + 1, torch.tensor([23, 20, 9, 11]))
    return network.eval()


@pytest.fixture
def frames() -> torch.Tensor:
    return torch.randn(3, 23, BANDS, generator=torch.Generator().manual_seed(0))


def alone(network: Network, config: NetworkConfig) -> list[Network]:
    """Each stream of a network as a network of its own."""
    weights = network.state_dict()
    own = {name: value for name, value in weights.items() if not name.startswith("more.")}
    other = {name.removeprefix("more.0."): value for name, value in weights.items() if name.startswith("more.0.")}
    networks = []
    for reads, state in zip(STREAMS, (own, other), strict=True):
        one = Network(config.model_copy(update={"streams": (reads,)}), BANDS, 4)
        one.load_state_dict(state)
        networks.append(one.eval())
    return networks


@pytest.mark.parametrize("samples", [8000, 700])
def test_cepstra_are_those_that_are_extracted(samples: int) -> None:
    wave = 0.1 * np.random.default_rng(0).standard_normal(samples).astype(np.float32)
    kept: dict[str, Any] = {"sample_rate": 8000, "bands": BANDS}
    bands = compute_features(wave, 8000, FeaturesConfig(kind="fbank", normalise="mean", **kept))
    expected = compute_features(
        wave, 8000, FeaturesConfig(kind="mfcc", num_ceps=CEPSTRA, deltas=2, normalise="mean_variance", **kept)
    )
    padded = torch.cat([torch.from_numpy(bands), torch.full((7, BANDS), 3.0)])[None]
    found = Cepstra(BANDS)(padded, torch.tensor([len(bands)]))
    assert found.shape == (1, len(bands) + 7, Cepstra(BANDS).dim)
    np.testing.assert_allclose(found[0, : len(bands)], expected, atol=2e-3)


def test_one_frame_and_constant_bands_have_cepstra_of_zero() -> None:
    found = Cepstra(BANDS)(torch.ones(2, 5, BANDS), torch.tensor([1, 5]))
    assert found.abs().max() < 1e-3


def test_cepstra_need_as_many_bands() -> None:
    with pytest.raises(ValueError, match="20 cepstra need as many mel bands at least, not 19"):
        Cepstra(19)


@pytest.mark.slow
@pytest.mark.parametrize("head", ["avg", "cls", "cls-sampled-dist"])
def test_the_embedding_is_that_of_each_stream_alone_at_length_one(
    tiny: MakeConfig, frames: torch.Tensor, head: str
) -> None:
    config = tiny(head=head, streams=STREAMS)
    network = make(config)
    parts = [one.embed(frames, LENGTHS) for one in alone(network, config)]
    expected = torch.cat([part / part.norm(dim=1, keepdim=True) for part in parts], dim=1)
    torch.testing.assert_close(network.embed(frames, LENGTHS), expected)
    assert expected.shape[1] == config.test_dim == 2 * config.state_dim
    for layer in (FEATURES, 0, config.layers):
        embedded, states, counts = network.embed_with_states(frames, LENGTHS, layer)
        torch.testing.assert_close(embedded, expected)
        each = [one.frame_states(frames, LENGTHS, layer)[0] for one in alone(network, config)]
        wanted = frames if layer == FEATURES else torch.cat(each, dim=2)
        torch.testing.assert_close(states, wanted)
        torch.testing.assert_close(network.frame_states(frames, LENGTHS, layer)[0], wanted)
        assert counts.tolist() == LENGTHS.tolist()


@pytest.mark.slow
def test_states_logits_and_attention_are_those_of_each_stream(tiny: MakeConfig, frames: torch.Tensor) -> None:
    config = tiny(head="cls-dist", streams=STREAMS)
    network = make(config)
    states = network(frames, LENGTHS)
    logits = network.classify(states)
    each = alone(network, config)
    for place, one in enumerate(each):
        own = one(frames, LENGTHS)
        for name in ("cls", "dist"):
            torch.testing.assert_close(states[name][:, place], own[name])
            torch.testing.assert_close(logits[name][:, place], one.classify(own)[name])
    torch.testing.assert_close(over_streams(logits["cls"]), (logits["cls"][:, 0] + logits["cls"][:, 1]) / 2)
    layers = [layer for one in each for layer in one.attention(frames, LENGTHS)]
    for found, expected in zip(network.attention(frames, LENGTHS), layers, strict=True):
        torch.testing.assert_close(found, expected)


@pytest.mark.slow
def test_each_of_the_drawn_vectors_has_an_embedding_of_all_streams(tiny: MakeConfig, frames: torch.Tensor) -> None:
    config = tiny(head="cls-sampled", streams=STREAMS)
    network = make(config)
    found = network.embed_each(frames, LENGTHS)
    parts = [one.embed_each(frames, LENGTHS) for one in alone(network, config)]
    torch.testing.assert_close(found, torch.cat([part / part.norm(dim=2, keepdim=True) for part in parts], dim=2))
    assert found.shape == (3, config.sampled.vectors, config.test_dim)


@pytest.mark.slow
def test_padding_is_not_seen_by_any_stream(tiny: MakeConfig, frames: torch.Tensor) -> None:
    network = make(tiny(head="cls", streams=STREAMS))
    together = network.embed(frames, LENGTHS)
    for place, length in enumerate(LENGTHS.tolist()):
        one = network.embed(frames[place : place + 1, :length], LENGTHS[place : place + 1])
        torch.testing.assert_close(one[0], together[place], atol=1e-5, rtol=1e-4)


def test_one_stream_has_the_weights_of_a_network_without_streams(tiny: MakeConfig) -> None:
    plain, several = (Network(tiny(streams=streams), BANDS, 4).state_dict() for streams in (("features",), STREAMS))
    assert not any(name.startswith(("more.", "cepstra.")) for name in plain)
    assert {name for name in several if not name.startswith("more.")} == set(plain)
    assert is_of_classes("more.0.classifiers.cls.weight")
    assert is_of_classes("classifiers.cls.weight")
    assert not is_of_classes("more.0.front_end.classifiers_of.weight")


@pytest.mark.parametrize("streams", [(), ("spectra",), 9 * ("features",)])
def test_other_streams_are_refused(tiny: MakeConfig, streams: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="streams"):
        tiny(streams=streams)
