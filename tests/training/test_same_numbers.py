"""A tiny seeded run has the same numbers with every Python, torch, numpy and pandas that svtok allows.

`same_numbers.json` holds those of the tested versions; rounding may differ, by TOLERANCES at most. Dropout is left out:
with the same seed, torch 2.6 and 2.13 drop other values.
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
from svtok.trained.config import Config
from svtok.trained.folder import load_network
from svtok.training.data import Batch
from svtok.training.objectives import Classification, Networks
from svtok.training.run import Run, train_network
from tests.training.conftest import BANDS

CLASSES = 8
REFERENCE = Path(__file__).with_name("same_numbers.json")
TOLERANCES = {
    "fbank": 1e-6,
    "mfcc": 1e-6,
    "first weights": 1e-6,
    "first embeddings": 1e-5,
    "first loss": 1e-5,
    "first gradients": 1e-4,
    "losses": 1e-4,
    "norms of the weights": 2e-3,
    "dev EERs": 0.1,
    "embeddings": 0.1,
}
"""Largest difference, relative to the largest of the numbers that are compared.

The last ones are of a trained network. AdamW divides each gradient by its size, so that weights whose gradient is
nothing but rounding (biases in front of BatchNorm, and of keys) go their own ways: by the learning rate in each step.
They change nothing in a training, but the running means of BatchNorm follow them late, and embeddings with these.
"""
NO_GRADIENT = 1e-6
"""Gradients of this part of the largest one are rounding."""

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


def of_the_seed(config: Config) -> Numbers:
    """Numbers of a network that a seed gives: nothing is trained yet."""
    torch.manual_seed(5)
    network, random = Network(config.network, BANDS, CLASSES), np.random.default_rng(5)
    frames = torch.from_numpy(random.standard_normal((6, 12, BANDS)).astype(np.float32))
    lengths, labels = torch.tensor([12, 7, 9, 12, 10, 8]), torch.tensor([[0], [1], [2], [3], [4], [5]])
    loss, _ = Classification(config, [CLASSES])(Networks(network), Batch({"augmented": (frames, lengths)}, labels), 0.0)
    loss.backward()
    return {
        "first weights": [weights.detach().norm().item() for weights in network.parameters()],
        "first embeddings": embeddings(network),
        "first loss": [loss.item()],
        "first gradients": [p.grad.norm().item() for p in network.parameters() if p.grad is not None],
    }


def embeddings(network: Network) -> list[float]:
    """Of two utterances."""
    with torch.inference_mode():
        frames = torch.linspace(-1, 1, 2 * 9 * BANDS).view(2, 9, BANDS)
        return network.eval().embed(frames, torch.tensor([9, 6])).flatten().tolist()


@pytest.mark.slow
def test_a_seeded_run_has_the_numbers_of_the_tested_versions(
    make_run: Callable[..., Run],
    rows: Callable[[Path], list[dict[str, Any]]],
    measure: Callable[[Run], Callable[[Network], float]],
    tmp_path: Path,
) -> None:
    run = make_run(seed=7, head="cls-sampled", network={"dropout": 0.0})
    train_network(run, measure(run))
    network = load_network(run.out).network
    first = of_the_seed(run.config)
    found = {
        "fbank": features("fbank"),
        "mfcc": features("mfcc"),
        **first,
        "losses": [row["loss"] for row in rows(run.out)],
        "dev EERs": [row["dev_eer"] for row in rows(run.out)],
        "norms of the weights": [
            weights.detach().norm().item()
            for weights, gradient in zip(network.parameters(), first["first gradients"], strict=True)
            if gradient > NO_GRADIENT * max(first["first gradients"])
        ],
        "embeddings": embeddings(network),
    }
    written = tmp_path / REFERENCE.name
    written.write_text(
        json.dumps({name: [float(f"{x:.8g}") for x in numbers] for name, numbers in found.items()}) + "\n"
    )
    expected: Numbers = json.loads(REFERENCE.read_text())
    differences = {name: largest_difference(found[name], expected[name]) for name in found}
    print(f"differences from the tested versions: {', '.join(f'{name} {x:.0e}' for name, x in differences.items())}")
    beyond = {name: difference for name, difference in differences.items() if difference > TOLERANCES[name]}
    assert not beyond, f"{beyond}; where a change of the numbers is meant, copy {written} to {REFERENCE}"


def test_differences_are_relative_to_the_largest_number() -> None:
    assert largest_difference([0.0, 9.0], [0.0, 10.0]) == pytest.approx(0.1)
    assert largest_difference([1.0, 10.0], [0.0, 10.0]) == pytest.approx(0.1)
