"""A tiny corpus: speakers a and b, phrases x and y, four takes of each; takes 1 and 2 enroll, 3 and 4 are tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from svtok.manifest.protocol import make_models_and_trials
from svtok.manifest.sets import PreparedSet

RATE = 8000
NUM_SAMPLES = 800


@pytest.fixture
def utterances(tmp_path: Path) -> pd.DataFrame:
    """The table; its files are not there."""
    names = [f"{spk}-{phrase}-{take}" for spk in "ab" for phrase in "xy" for take in "1234"]
    paths = [str(tmp_path / "audio" / f"{name}.wav") for name in names]
    table = {"utt": names, "path": paths, "spk": [name[0] for name in names], "phrase": [name[2] for name in names]}
    return pd.DataFrame(table | {"num_samples": NUM_SAMPLES, "sample_rate": RATE})


@pytest.fixture
def recordings(utterances: pd.DataFrame) -> pd.DataFrame:
    """The table, with its files."""
    for path in utterances["path"]:
        Path(path).parent.mkdir(exist_ok=True)
        soundfile.write(path, np.tile([0.25, -0.25], NUM_SAMPLES // 2), RATE)
    return utterances


@pytest.fixture
def prepared(utterances: pd.DataFrame) -> PreparedSet:
    """The table with models and trials, without audio files."""
    return PreparedSet(utterances, *make_models_and_trials(utterances, enroll_takes=2, iw_share=1))
