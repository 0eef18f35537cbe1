"""`svtok.load_network(folder).embed(...)`: files, samples, lists of both, threads; and every bad recording at once."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

import svtok
from svtok.errors import ProblemsError, SvtokError
from svtok.features.config import FeaturesConfig
from svtok.nets.network import Network
from svtok.trained.classes import ClassList
from svtok.trained.config import Config
from svtok.trained.embed import Recorded
from svtok.trained.folder import TrainedNetwork, write_settings, write_weights
from svtok.trained.inference import read_recording

FEATURES = FeaturesConfig(bands=(8,))
RATE = FEATURES.sample_rate


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an untrained network, and two recordings in it."""
    made = tmp_path_factory.mktemp("network")
    torch.manual_seed(0)
    tree = {"front_end": {"channels": 4, "blocks": [4]}, "memory": {"slots": 2, "key_dim": 2}, "attention_heads": 2}
    config = Config.model_validate({"network": tree, "features": FEATURES.model_dump()})
    write_settings(made, config, ClassList((("ann", "yes"), ("bob", "no"))), {})
    write_weights(made, Network(config.network, 8, 2).state_dict())
    random = np.random.default_rng(0)
    for name, seconds in (("short", 0.6), ("long", 1.1)):
        soundfile.write(made / f"{name}.wav", 0.1 * random.standard_normal(int(seconds * RATE)), RATE)
    return made


@pytest.fixture(scope="module")
def network(folder: Path) -> TrainedNetwork:
    loaded = svtok.load_network(str(folder))
    assert isinstance(loaded, TrainedNetwork)
    return loaded


@pytest.mark.slow
def test_a_network_is_loaded_and_used_without_what_takes_longer_to_load_than_it(folder: Path) -> None:
    code = (
        "import sys, svtok; svtok.load_network(sys.argv[1]).embed(sys.argv[2]);"
        "print(*sys.modules.keys() & {'sympy', 'torch._dynamo', 'scipy.signal', 'scipy.stats', 'matplotlib'})"
    )
    command = [sys.executable, "-c", code, str(folder), str(folder / "short.wav")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() == []


def test_a_file_its_samples_and_a_list_have_the_same_embeddings(folder: Path, network: TrainedNetwork) -> None:
    files = [folder / "short.wav", folder / "long.wav"]
    _, frames, lengths = read_recording(files[0], FEATURES)
    with torch.inference_mode():
        expected = network.network.embed(frames, lengths)[0].numpy()
    np.testing.assert_allclose(network.embed(files[0]), expected, atol=1e-5)
    np.testing.assert_allclose(network.embed(str(files[0])), expected, atol=1e-5)
    samples, rate = soundfile.read(files[0], dtype="int16")
    np.testing.assert_allclose(network.embed((samples, rate)), expected, atol=1e-5)
    both = network.embed([files[1], (samples / 32768, rate), files[0]])
    assert both.shape == (3, len(expected))
    assert both.dtype == np.float32
    np.testing.assert_allclose(both[1:], [expected, expected], atol=1e-5)


def test_threads_get_the_embeddings_of_one(folder: Path, network: TrainedNetwork) -> None:
    files = [folder / "short.wav", folder / "long.wav"] * 4
    expected = network.embed(files)
    with ThreadPoolExecutor(4) as pool:
        np.testing.assert_allclose(list(pool.map(network.embed, files)), expected, atol=1e-5)


def test_every_recording_that_cannot_be_used_is_named(folder: Path, network: TrainedNetwork) -> None:
    given: list[Recorded] = [
        folder / "none.wav",
        folder / "long.wav",
        (np.zeros(10), RATE),
        (np.ones((5, 2)), RATE),
        (np.ones(999), 8000),
    ]
    with pytest.raises(ProblemsError) as caught:
        network.embed(given)
    text = str(caught.value)
    assert text.startswith("4 problems found")
    assert "none.wav: " in text
    assert "recording 3: " in text
    assert "recording 4: the samples are float64 of shape (5, 2)" in text
    assert "recording 5: the recording's " in text
    with pytest.raises(SvtokError, match="there is no recording"):
        network.embed([])
    with pytest.raises(SvtokError, match="neither the path of an audio file nor a pair"):
        network.embed([3])  # type: ignore[list-item]
