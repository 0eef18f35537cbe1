"""A public encoder: its numbers, and what it does with recordings of any length."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from svtok.errors import SvtokError
from svtok.trained.encoders import (
    PART_FRAMES,
    ResemblyzerNetwork,
    load_encoder,
    mel_energies,
    part_starts,
    parts_of,
    weights_file,
)

CPU = torch.device("cpu")
installed = pytest.mark.skipif(find_spec("resemblyzer") is None, reason="Resemblyzer is not installed")


def tones(seconds: float) -> np.ndarray:
    """Two tones and noise, under -30 dB of full scale."""
    rng = np.random.default_rng(5)
    time = np.arange(round(16000 * seconds)) / 16000
    wave = 0.01 * np.sin(2 * np.pi * 150 * time) + 0.01 * np.sin(2 * np.pi * 900 * time)
    return (wave + 0.003 * rng.standard_normal(len(time))).astype(np.float32)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of the weights in a package of that name, which cannot be imported."""
    (tmp_path / "resemblyzer").mkdir()
    (tmp_path / "resemblyzer" / "__init__.py").write_text("raise ImportError('librosa')\n")
    monkeypatch.syspath_prepend(tmp_path)
    torch.manual_seed(3)
    weights = {**ResemblyzerNetwork().state_dict(), "similarity_weight": torch.ones(1)}
    torch.save({"step": 1, "model_state": weights}, tmp_path / "resemblyzer" / "pretrained.pt")
    return tmp_path / "resemblyzer" / "pretrained.pt"


@installed
@pytest.mark.parametrize(
    ("seconds", "largest"),
    [
        (0.3, {20: 0.29123, 160: 0.22531, 58: 0.20494, 0: 0.19333}),
        (1.6, {20: 0.22922, 191: 0.22107, 238: 0.21361, 175: 0.20989}),
        (4.0, {20: 0.25085, 191: 0.21942, 238: 0.20991, 92: 0.20447}),
    ],
)
def test_embeddings_are_those_of_the_package(seconds: float, largest: dict[int, float]) -> None:
    """By Resemblyzer 0.1.4: `embed_utterance(normalize_volume(wave, -30, increase_only=True))`."""
    (vector,) = load_encoder("resemblyzer", CPU).embed([parts_of(tones(seconds))])
    assert np.argsort(-vector)[:4].tolist() == list(largest)
    np.testing.assert_allclose(vector[list(largest)], list(largest.values()), atol=2e-4)


def test_a_package_is_not_imported_and_gives_weights_without_pickled_code(package: Path) -> None:
    assert weights_file("resemblyzer") == package
    assert len(load_encoder("resemblyzer", CPU).hash) == 64
    torch.save({"model_state": Path("x")}, package)  # an object of another class than tensors'
    with pytest.raises(SvtokError, match=r"pretrained\.pt: damaged, or not of this encoder"):
        load_encoder("resemblyzer", CPU)


def test_a_package_that_is_not_there_is_named_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("svtok.trained.encoders.find_spec", lambda name: None)
    with pytest.raises(SvtokError, match=r"not installed; pip install 'svtok\[resemblyzer\]', or"):
        load_encoder("resemblyzer", CPU)


def test_an_embedding_has_length_1_and_is_the_same_alone_or_among_others(package: Path) -> None:
    encoder = load_encoder("resemblyzer", CPU)
    parts = [parts_of(tones(seconds)) for seconds in (0.001, 1.0, 5.3)]
    together = encoder.embed(parts)
    assert together.shape == (3, 256)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    for part, vector in zip(parts, together, strict=True):
        np.testing.assert_allclose(encoder.embed([part])[0], vector, atol=1e-5)


@pytest.mark.parametrize(
    ("samples", "starts"),
    [
        (10, [0]),  # shorter than a window: one part
        (16000, [0]),
        (160 * 160, [0]),  # of a second part, 83 of 160 frames would have audio: under 3/4
        (160 * 197, [0, 77]),  # 120 of 160: 3/4
        (160 * 400, [0, 77, 154, 231]),
    ],
)
def test_parts_step_by_77_frames_and_a_last_one_of_little_audio_is_left_out(samples: int, starts: list[int]) -> None:
    assert part_starts(samples) == starts
    assert parts_of(np.ones(samples, dtype=np.float32)).shape == (len(starts), PART_FRAMES, 40)


def test_quiet_recordings_are_raised_and_loud_ones_left_as_they_are() -> None:
    wave = tones(1.0)
    np.testing.assert_allclose(parts_of((wave / 100).astype(np.float32)), parts_of(wave), rtol=1e-3, atol=1e-9)
    loud = (0.5 * np.sign(wave)).astype(np.float32)
    np.testing.assert_allclose(parts_of(loud)[0, :90], mel_energies(torch.from_numpy(loud))[:90])


@pytest.mark.parametrize("samples", [0, 8000])
def test_silence_is_refused(samples: int) -> None:
    with pytest.raises(SvtokError, match="no sample but zeros"):
        parts_of(np.zeros(samples, dtype=np.float32))
