"""Embeddings of recordings, in files or in memory, for a program that has a trained network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from svtok.audio.quality import read_short, samples_of
from svtok.errors import AudioError, Problem, SvtokError, raise_problems
from svtok.features.extract import FrameEmbedder, all_features
from svtok.features.store import PHONETIC
from svtok.trained.inference import embed_all

if TYPE_CHECKING:
    from svtok.trained.folder import TrainedNetwork

Recorded = str | Path | tuple[ArrayLike, int]
"""An audio file, or samples (N,) and their rate in Hz."""


class _InMemory(dict[str, NDArray[np.float32]]):
    """Features (T, F) by name."""

    def frames(self, name: str) -> int:
        return len(self[name])


def embed_recordings(
    trained: TrainedNetwork, recordings: Recorded | Sequence[Recorded], channel: str | None = None
) -> NDArray[np.float32]:
    """The embedding (D,) of a recording, or those (N, D) of a list; see `TrainedNetwork.embed`."""
    if isinstance(recordings, str | Path | tuple):
        return embed_recordings(trained, [recordings], channel)[0]
    if not len(recordings):
        raise SvtokError("there is no recording to embed")
    phonetic = _phonetic(trained)
    features, problems = _InMemory(), []
    for number, recording in enumerate(recordings, start=1):
        name = str(recording) if isinstance(recording, str | Path) else f"recording {number}"
        try:
            features[f"{number}"] = _features(trained, recording, phonetic, channel)
        except AudioError as error:
            problems.append(Problem(error.what, error.path))
        except SvtokError as error:
            problems.append(Problem(str(error), name))
    raise_problems(problems)
    device = next(trained.network.parameters()).device
    return embed_all(trained.network, features, list(features), device)


def _features(
    trained: TrainedNetwork, recording: Recorded, phonetic: FrameEmbedder | None, channel: str | None
) -> NDArray[np.float32]:
    """The features (T, F) of a recording, as the network was trained with."""
    config = trained.features
    if isinstance(recording, str | Path):
        wave = read_short(Path(recording), config.sample_rate, resample=config.resample, channel=channel)
    elif isinstance(recording, tuple) and len(recording) == 2 and np.ndim(recording[1]) == 0:
        wave = samples_of(recording[0], int(recording[1]), config.sample_rate, resample=config.resample)
    else:
        raise SvtokError("is neither the path of an audio file nor a pair (samples, rate)")
    return all_features(wave, config.sample_rate, config, phonetic)


def _phonetic(trained: TrainedNetwork) -> FrameEmbedder | None:
    """What computes the phonetic columns of the network's features, if they have some."""
    if not trained.features.phonetic:
        return None
    if trained.folder is None:
        raise SvtokError(f"the network's features have phonetic columns, and its folder, with {PHONETIC}, is not known")
    from svtok.trained.phones import stored_embedder

    return stored_embedder(trained.folder, trained.features)
