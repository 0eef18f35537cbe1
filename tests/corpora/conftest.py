"""Silence, for corpora of which only the names and the headers matter."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

Silence = Callable[..., None]


@pytest.fixture
def silence() -> Silence:
    """Write a tenth of a second of silence, with the folders that it needs."""

    def write(path: Path, *, rate: int = 16000, channels: int = 1) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.zeros((rate // 10, channels)), rate)

    return write
