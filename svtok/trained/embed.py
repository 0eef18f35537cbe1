"""Embeddings of recordings, in files or in memory, for a program that has a network: torch's, or an exported one.

What is here needs no torch: that is loaded with a network of torch's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from svtok.audio.quality import read_short, samples_of
from svtok.errors import AudioError, Problem, SvtokError, raise_problems
from svtok.features.config import FeaturesConfig
from svtok.trained.onnx_folder import is_onnx_folder, load_onnx

if TYPE_CHECKING:
    from svtok.trained.folder import TrainedNetwork

Recorded = str | Path | tuple[ArrayLike, int]
"""An audio file, or samples (N,) and their rate in Hz."""
Result = TypeVar("Result")


class Embedder(Protocol):
    """A network that hears recordings: `svtok.trained.folder.TrainedNetwork`, or an exported one."""

    @property
    def hash(self) -> str:
        """SHA-256 of the weights that it was trained to; an exported network has that of the one it was made of."""

    @property
    def features(self) -> FeaturesConfig:
        """What it reads."""

    @property
    def layers(self) -> Collection[int]:
        """The layers of its encoder whose states it gives, the last of which is the one that it is asked for."""

    def embed(self, recordings: Recorded | Sequence[Recorded], *, channel: str | None = None) -> NDArray[np.float32]:
        """The embedding (D,) of a recording, or the embeddings (N, D) of a list of them, in its order."""

    def hear(
        self, wave: NDArray[np.float32], layer: int, name: str = "the recording"
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The embedding (D,) of samples (N,) at the rate of the features, and the states (T', W) of their frames.

        Args:
            wave: in [-1, 1).
            layer: one of `layers`.
            name: what errors call the samples.

        Raises:
            SvtokError: they are too short or too long, or have no voiced frame.
        """


def load_network(folder: str | Path) -> Embedder:
    """The network of a folder: a trained one on the CPU, or one that `svtok export` wrote, which needs no torch.

    Raises SvtokError where the folder holds none, its training has not ended, its files do not fit together, or what
    it needs is not installed.
    """
    folder = Path(folder)
    if is_onnx_folder(folder):
        return load_onnx(folder)
    try:
        from svtok.trained.folder import load_network as load_trained
    except ModuleNotFoundError as error:
        raise SvtokError(
            f"{folder}: not an exported network, and {error.name} is not installed, without which no other can be "
            "read: run pip install svtok, or `svtok export` where it is installed"
        ) from None
    return load_trained(folder)


def wave_of(recording: Recorded, features: FeaturesConfig, channel: str | None = None) -> NDArray[np.float32]:
    """Samples (N,) of a recording at the rate of some features. Raises SvtokError, of a file AudioError."""
    if isinstance(recording, str | Path):
        return read_short(Path(recording), features.sample_rate, resample=features.resample, channel=channel)
    if isinstance(recording, tuple) and len(recording) == 2 and np.ndim(recording[1]) == 0:
        return samples_of(recording[0], int(recording[1]), features.sample_rate, resample=features.resample)
    raise SvtokError("is neither the path of an audio file nor a pair (samples, rate)")


def of_each(recordings: Sequence[Recorded], compute: Callable[[Recorded], Result]) -> list[Result]:
    """What is computed of each recording. Raises ProblemsError with every one that cannot be used."""
    if not len(recordings):
        raise SvtokError("there is no recording to embed")
    results, problems = [], []
    for number, recording in enumerate(recordings, start=1):
        name = str(recording) if isinstance(recording, str | Path) else f"recording {number}"
        try:
            results.append(compute(recording))
        except AudioError as error:
            problems.append(Problem(error.what, error.path))
        except SvtokError as error:
            problems.append(Problem(str(error), name))
    raise_problems(problems)
    return results


class _InMemory(dict[str, NDArray[np.float32]]):
    """Features (T, F) by name."""

    def frames(self, name: str) -> int:
        return len(self[name])


def embed_recordings(
    trained: TrainedNetwork, recordings: Recorded | Sequence[Recorded], channel: str | None = None
) -> NDArray[np.float32]:
    """The embedding (D,) of a recording, or those (N, D) of a list; see `TrainedNetwork.embed`."""
    from svtok.features.extract import all_features
    from svtok.trained.inference import embed_all

    if isinstance(recordings, str | Path | tuple):
        return embed_recordings(trained, [recordings], channel)[0]
    config, phonetic = trained.features, trained.phonetic
    found = of_each(
        recordings, lambda one: all_features(wave_of(one, config, channel), config.sample_rate, config, phonetic)
    )
    features = _InMemory((str(number), array) for number, array in enumerate(found))
    device = next(trained.network.parameters()).device
    return embed_all(trained.network, features, list(features), device)
