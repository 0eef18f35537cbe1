from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from svtok.manifest.sets import PreparedSet, read_set, write_set

RATE = 16000


def voiced_wave(seconds: float, pitch: float = 120.0, seed: int = 0) -> np.ndarray:
    """Speech-like samples in 16-bit steps: harmonics of a moving pitch in syllables, over a floor of noise."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    phase = 2 * np.pi * np.cumsum(pitch * (1 + 0.1 * np.sin(2 * np.pi * 2 * time))) / RATE
    harmonics = sum(np.sin(k * phase + rng.uniform(0, 6)) / k for k in range(1, 50))
    syllables = np.clip(np.sin(2 * np.pi * 1.5 * time), 0, None)
    wave = 0.1 * harmonics * syllables + 0.002 * rng.normal(size=len(time)) + 0.001
    return (np.round(wave * 32768) / 32768).astype(np.float32)


@pytest.fixture
def voiced() -> Callable[..., np.ndarray]:
    return voiced_wave


@pytest.fixture
def make_set(tmp_path: Path) -> Callable[..., PreparedSet]:
    """Write `count` short recordings and the prepared set of them, data/toy/train."""

    def make(count: int = 5) -> PreparedSet:
        audio = tmp_path / "audio"
        audio.mkdir(exist_ok=True)
        utts = [f"u{i:03}" for i in range(count)]
        for i, utt in enumerate(utts):
            soundfile.write(audio / f"{utt}.wav", voiced_wave(0.2 + 0.01 * (i % 7), seed=i), RATE)
        paths = [str(audio / f"{utt}.wav") for utt in utts]
        folder = tmp_path / "data" / "toy" / "train"
        write_set(PreparedSet(pd.DataFrame({"utt": utts, "path": paths, "spk": "s", "phrase": "p"})), folder)
        return read_set(folder)

    return make
