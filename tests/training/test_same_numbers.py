"""A tiny seeded run has the same numbers with every Python, torch, numpy and pandas that svtok allows.

`same_numbers.json` holds those of the tested versions; rounding may differ, by TOLERANCE at most. What torch itself
draws, such as first weights and dropout, is left out: with the same seed, torch 2.6 and 2.13 draw other values.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from svtok.features.config import FeaturesConfig
from svtok.features.extract import compute_features
from svtok.nets.network import Network
from svtok.trained.folder import load_network, write_weights
from svtok.training.run import Run, train_network

REFERENCE = Path(__file__).with_name("same_numbers.json")
TOLERANCE = 2e-4
"""Largest difference, relative to the largest of the numbers that are compared."""

Numbers = dict[str, list[float]]


def largest_difference(found: Sequence[float], expected: Sequence[float]) -> float:
    """Relative to the largest number."""
    return float(np.abs(np.subtract(found, expected)).max() / np.abs(expected).max())


def features(kind: str) -> list[float]:
    """The mean of each dimension over the frames of a chord in noise."""
    seconds = np.arange(8000) / 16000
    chord = sum(np.sin(2 * np.pi * pitch * seconds) for pitch in (220, 1400, 3100))
    wave = (0.1 * chord + 0.02 * np.random.default_rng(3).standard_normal(8000)).astype(np.float32)
    more = {"kind": "mfcc", "deltas": 1, "vad": {}, "normalise": "gaussianise"} if kind == "mfcc" else {}
    found = compute_features(wave, 16000, FeaturesConfig.model_validate(more))
    return [float(mean) for mean in np.abs(found).mean(axis=0)]


def drawn_by_numpy(network: Network) -> dict[str, torch.Tensor]:
    """First weights that are the same in every version; buffers are those of a network that has seen nothing."""
    random = np.random.default_rng(5)
    parameters = dict(network.named_parameters())
    weights = {}
    for name, tensor in network.state_dict().items():
        if name in parameters:
            weights[name] = torch.from_numpy(0.3 * random.standard_normal(tensor.shape).astype(np.float32))
        else:
            weights[name] = torch.full_like(tensor, name.endswith("running_var"))
    return weights


@pytest.mark.slow
def test_a_seeded_run_has_the_numbers_of_the_tested_versions(
    make_run: Callable[..., Run],
    rows: Callable[[Path], list[dict[str, Any]]],
    measure: Callable[[Run], Callable[[Network], float]],
    tmp_path: Path,
) -> None:
    train_network(first := make_run("first", dev=False, training={"epochs": 1}))
    write_weights(first.out, drawn_by_numpy(load_network(first.out).network))
    run = make_run(init=first.out, seed=7, network={"dropout": 0.0})
    train_network(run, measure(run))
    network = load_network(run.out).network
    with torch.inference_mode():
        frames = torch.linspace(-1, 1, 2 * 9 * 5).view(2, 9, 5)
        embeddings = network.embed(frames, torch.tensor([9, 6]))
    found: Numbers = {
        "fbank": features("fbank"),
        "mfcc": features("mfcc"),
        "losses": [row["loss"] for row in rows(run.out)],
        "dev EERs": [row["dev_eer"] for row in rows(run.out)],
        "norms of the weights": [weights.detach().norm().item() for weights in network.parameters()],
        "embeddings": embeddings.flatten().tolist(),
    }
    written = tmp_path / REFERENCE.name
    written.write_text(
        json.dumps({name: [float(f"{x:.8g}") for x in numbers] for name, numbers in found.items()}, indent=1) + "\n"
    )
    expected: Numbers = json.loads(REFERENCE.read_text())
    differences = {name: largest_difference(found[name], expected[name]) for name in found}
    print(f"differences from the tested versions: {', '.join(f'{name} {x:.0e}' for name, x in differences.items())}")
    beyond = {name: difference for name, difference in differences.items() if difference > TOLERANCE}
    assert not beyond, f"{beyond}; where a change of the numbers is meant, copy {written} to {REFERENCE}"


def test_differences_are_relative_to_the_largest_number() -> None:
    assert largest_difference([0.0, 9.0], [0.0, 10.0]) == pytest.approx(0.1)
    assert largest_difference([1.0, 10.0], [0.0, 10.0]) == pytest.approx(0.1)
