"""Voices made of sines, a network that nobody trained, and its scorer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from numpy.typing import NDArray

from svtok.embeddings.extract import extract_embeddings
from svtok.embeddings.states import FrameStates, extract_frame_states
from svtok.embeddings.store import read_embeddings
from svtok.manifest.sets import PreparedSet, read_set, write_set
from svtok.metrics import Cost
from svtok.nets.network import Network
from svtok.scoring.backend import Cosine
from svtok.scoring.fitted import Warping, calibrated
from svtok.scoring.scorer import Scorer
from svtok.scoring.store import write_scorer
from svtok.scoring.trials import trial_sides
from svtok.scoring.warping import score_by_warping
from svtok.trained.classes import ClassList
from svtok.trained.config import Config
from svtok.trained.folder import write_settings, write_weights

RATE = 8000
PHRASES = {"open": (0, 2, 1, 3), "close": (3, 1, 0, 2), "stop": (2, 0, 3, 1)}
"""Which sounds a phrase is made of, one after the other."""
FORMANTS = ((300, 2300), (700, 1100), (450, 1700), (350, 800))
SPEAKERS = tuple(f"s{number}" for number in range(8))
CONFIG: dict[str, Any] = {
    "features": {"sample_rate": RATE, "bands": 24, "normalise": "none"},
    "network": {
        "head": "avg",
        "front_end": {"channels": 16, "blocks": [16], "subsample": 2},
        "layers": 1,
        "attention_heads": 2,
        "memory": {"slots": 4, "key_dim": 4},
    },
}


def spoken(speaker: str, phrase: str, take: int) -> NDArray[np.float32]:
    """A take: a speaker's pitch, size and tilt, a phrase's sounds, and a tempo and a noise of its own; about 1 s."""
    who = np.random.default_rng(sum(map(ord, speaker)) * 7)
    pitch, size, tilt = who.uniform(90, 260), who.uniform(0.75, 1.3), who.uniform(0.5, 1.6)
    own = np.random.default_rng([take, *map(ord, speaker + phrase)])
    parts = [np.zeros(800)]
    for sound in PHRASES[phrase]:
        times = np.arange(round(RATE * own.uniform(0.18, 0.26))) / RATE
        wave = np.zeros(len(times))
        for harmonic in range(1, int(3800 / pitch)):
            frequency = harmonic * pitch
            gain = sum(np.exp(-(((frequency - size * formant) / 150) ** 2)) for formant in FORMANTS[sound])
            wave += (gain + 0.02) * harmonic**-tilt * np.sin(2 * np.pi * frequency * times + harmonic)
        parts.append(wave / np.abs(wave).max() * np.sin(np.pi * np.arange(len(times)) / len(times)) ** 0.5)
    whole = np.concatenate([*parts, np.zeros(800)])
    return (0.3 * own.uniform(0.7, 1.3) * whole + 1e-3 * own.standard_normal(len(whole))).astype(np.float32)


Spoken = Callable[[str, str, int], tuple[NDArray[np.float32], int]]


@pytest.fixture(scope="session")
def said() -> Spoken:
    """A take of a speaker and a phrase: samples and their rate. Anna and Cleo are far apart."""
    return lambda speaker, phrase, take: (spoken(speaker, phrase, take), RATE)


@pytest.fixture(scope="session")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """exp/net, a network with its scorer; exp/other, another network with none; data/my/dev."""
    root = tmp_path_factory.mktemp("voices")
    write_dev(root / "data/my/dev")
    write_network(root / "exp/net")
    write_network(root / "exp/other", seed=1)
    fit(root / "exp/net", root / "data/my/dev")
    return root


@pytest.fixture
def recordings(tmp_path: Path) -> Callable[[str, str, range], list[Path]]:
    """Writes takes of a speaker and a phrase as files whose names have blanks and letters of other scripts."""

    def write(speaker: str, phrase: str, takes: range) -> list[Path]:
        paths = [tmp_path / "my recordings" / f"{speaker} صوت {phrase} {take}.wav" for take in takes]
        for take, path in zip(takes, paths, strict=True):
            path.parent.mkdir(exist_ok=True)
            soundfile.write(path, spoken(speaker, phrase, take), RATE)
        return paths

    return write


def write_network(folder: Path, seed: int = 0) -> None:
    """An untrained network's folder."""
    torch.manual_seed(seed)
    config = Config.model_validate(CONFIG)
    assert config.features is not None
    folder.mkdir(parents=True)
    classes = ClassList((("ann", ""), ("bob", "")))
    write_settings(folder, config, classes, {})
    write_weights(folder, Network(config.network, config.features.dim, len(classes)).state_dict())


def write_dev(folder: Path) -> None:
    """The dev set: eight speakers, three phrases, four takes each, of which two enroll; all trials of these."""
    audio = folder.with_name("audio")
    audio.mkdir(parents=True)
    rows = []
    for spk in SPEAKERS:
        for phrase in PHRASES:
            for take in range(4):
                path = audio / f"{spk}-{phrase}-{take}.wav"
                soundfile.write(path, spoken(spk, phrase, take), RATE)
                rows.append((path.stem, str(path), spk, phrase, take))
    utterances = pd.DataFrame(rows, columns=["utt", "path", "spk", "phrase", "take"])
    enrolled = utterances[utterances["take"] < 2].groupby(["spk", "phrase"])["utt"].agg(" ".join)
    models = enrolled.rename("utts").reset_index().assign(model=lambda table: table["spk"] + "-" + table["phrase"])
    trials = models[["model"]].merge(utterances.loc[utterances["take"] >= 2, ["utt"]], how="cross")
    write_set(PreparedSet(utterances.drop(columns="take"), models, trials), folder)


def fit(network: Path, data: Path) -> None:
    """The network's scorer, as `svtok fit-scorer --frames` fits it."""
    cpu = torch.device("cpu")
    extract_embeddings(network, data, None, network / "embeddings/dev", cpu)
    extract_frame_states(network, data, None, network / "states/dev", cpu)
    prepared, embeddings = read_set(data), read_embeddings(network / "embeddings/dev")
    states = FrameStates(network / "states/dev")
    fitted, _ = calibrated(
        Scorer(Cosine()),
        trial_sides(prepared, embeddings),
        prepared,
        network=embeddings.network_hash,
        cost=Cost(1, 1, 0.5),
        phrase_scores=score_by_warping(prepared, states).astype(np.float64),
        warping=Warping(states.about.layer, "mean"),
    )
    write_scorer(network / "scorer", fitted)
