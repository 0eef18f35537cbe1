"""One recording as a network reads it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from svtok.audio.decode import read_audio
from svtok.errors import SvtokError
from svtok.features.config import FeaturesConfig
from svtok.features.extract import FrameEmbedder, compute_features


class Recording(NamedTuple):
    """Samples (N,) of an audio file, and its features as a batch of one: frames (1, T, F) and lengths (1,)."""

    wave: NDArray[np.float32]
    frames: Tensor
    lengths: Tensor


def read_recording(audio: Path, config: FeaturesConfig, phonetic: FrameEmbedder | None = None) -> Recording:
    """An audio file and its features; `phonetic` computes their phonetic columns, where `config` has some.

    Raises AudioError for a file that cannot be read or has another sampling rate (unless `config` resamples), and
    SvtokError for one that is too short or has no voiced frame.
    """
    wave, rate = read_audio(audio, sample_rate=config.sample_rate, resample=config.resample)
    try:
        features = compute_features(wave, rate, config)
    except SvtokError as error:
        raise SvtokError(f"{audio}: {error}") from None
    if phonetic:
        features = np.concatenate([features, phonetic(features)], axis=1)
    return Recording(wave, torch.from_numpy(features)[None], torch.tensor([len(features)]))
