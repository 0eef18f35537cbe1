"""The features of a graph are those of svtok.features, alone and in a batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.special import ndtri

from svtok.errors import SvtokError
from svtok.features.config import FeaturesConfig
from svtok.features.extract import compute_features
from svtok.trained.onnx_export import check_signals
from svtok.trained.onnx_graph import SampleFeatures, normal_quantile

RATE = 8000
KINDS: dict[str, dict[str, Any]] = {
    "fbank": {"bands": 12},
    "two banks and log energy": {"bands": [8, 12], "log_energy": True, "normalise": "none"},
    "variance": {"bands": 12, "normalise": "mean_variance", "remove_dc": False, "preemphasis": 0},
    "mfcc": {"kind": "mfcc", "bands": 20, "num_ceps": 13, "deltas": 2, "window": "hamming", "log_energy": True},
    "liftered by none": {"kind": "mfcc", "bands": 20, "cepstral_lifter": 0, "deltas": 1},
    "voiced frames": {"bands": 12, "vad": {}, "normalise": "mean_variance", "deltas": 2},
    "voiced frames, log energy": {"bands": 12, "vad": {"context": 3, "proportion": 0.4}, "log_energy": True},
    "warped": {"bands": 12, "normalise": "gaussianise", "gaussianise_window_s": 0.5},
    "warped, all": {"kind": "mfcc", "bands": 20, "deltas": 2, "vad": {}, "normalise": "gaussianise"},
}


def waves() -> list[NDArray[np.float32]]:
    return list(check_signals(FeaturesConfig(sample_rate=RATE), None))[:3]


@pytest.mark.parametrize("kind", KINDS)
def test_features_are_those_of_the_stage(kind: str) -> None:
    config = FeaturesConfig(sample_rate=RATE, **KINDS[kind])
    graph = SampleFeatures(config)
    for wave in waves():
        expected = compute_features(wave, RATE, config)
        batch = torch.from_numpy(np.stack([wave[::-1].copy(), wave]))
        found, lengths = graph(batch)
        assert found.shape == (2, 1 + (len(wave) - config.frame_length) // config.frame_shift, config.dim)
        assert lengths[1] == len(expected)
        differences = np.abs(found[1, : len(expected)].numpy() - expected)
        if config.normalise == "gaussianise":  # two values of a dimension may change places, where they are nearly one
            assert np.mean(differences > 1e-3) < 1e-3
        else:
            assert differences.max() < 2e-4


def test_silence_has_no_voiced_frame() -> None:
    config = FeaturesConfig(sample_rate=RATE, bands=12, vad={"energy_threshold": 5.5, "energy_mean_scale": 0})
    _, lengths = SampleFeatures(config)(torch.zeros(1, RATE))
    assert lengths.tolist() == [0]


def test_dither_cannot_be_exported() -> None:
    with pytest.raises(SvtokError, match=r"features.dither is 1: .* train the network with features.dither=0"):
        SampleFeatures(FeaturesConfig(dither=1.0))


def test_quantiles_of_the_normal_distribution() -> None:
    ranks = np.arange(1, 600) - 0.5
    lower, upper = torch.tensor(ranks / 599).float(), torch.tensor((599 - ranks) / 599).float()
    np.testing.assert_allclose(normal_quantile(lower, upper), ndtri(ranks / 599), atol=2e-6)
    far = normal_quantile(torch.tensor([1e-20, 0.5, 1.0]), torch.tensor([1.0, 0.5, 1e-20]))
    np.testing.assert_allclose(far, [ndtri(1e-20), 0, -ndtri(1e-20)], rtol=1e-6)
