"""An exported network on disk: `network.onnx` takes samples and gives embeddings, `export.yaml` says what it was.

`svtok export` writes it (`svtok.trained.onnx_export`); to read it needs onnxruntime, and neither torch nor torchaudio.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from svtok.config import Section, load_yaml, read_about, validated
from svtok.errors import SvtokError
from svtok.features.config import FeaturesConfig
from svtok.files import sha256_of_files

if TYPE_CHECKING:
    from svtok.trained.embed import Recorded

FOLDER_FORMAT = 1
GRAPH, ABOUT, CONFIG = "network.onnx", "export.yaml", "config.yaml"
INPUT, OUTPUTS = "samples", ("embedding", "states", "frames")
"""Samples (B, N) in [-1, 1); embeddings (B, D), states (B, T', W) of frames, and how many of the T' are real (B,)."""
REMEDY = "export the network again, or copy its folder once more"
INSTALL = "pip install 'svtok[onnx]'"
THREADS = "OMP_NUM_THREADS"
"""The variable that says how many threads compute, as it does for torch; default: one for each core."""


class About(Section):
    """The content of `export.yaml`."""

    format: int = FOLDER_FORMAT
    network: str = Field(description="SHA-256 of the weights of the network that was exported.")
    graph: str = Field(description="SHA-256 of network.onnx.")
    layer: int = Field(ge=-1, description="Layer of the encoder whose states of frames are given; -1: the features.")
    dim: int = Field(ge=1, description="Of the embeddings.")
    parts: int = Field(1, ge=1, description="Of one length, side by side in an embedding: the network's streams.")
    longest: int | None = Field(ge=1, description="Samples that can be read; null: any number.")
    int8: bool = Field(description="Whether the weights are rounded to 8 bits.")
    deviation: float = Field(
        ge=0, description="Largest difference from torch's embeddings that was seen, as a share of their largest value."
    )
    cosine: float = Field(description="Lowest cosine with torch's embeddings that was seen.")
    svtok: str = Field(description="The version that exported it.")


def is_onnx_folder(folder: Path) -> bool:
    """Whether a folder is that of an exported network."""
    return (folder / GRAPH).is_file()


@dataclass(frozen=True)
class OnnxNetwork:
    """An exported network. `session` is onnxruntime's. It may be used by several threads at once.

    Example:
        >>> network = svtok.load_network("exp/cls-onnx")  # doctest: +SKIP
        >>> network.embed("anna.wav").shape  # doctest: +SKIP
        (256,)
    """

    session: Any
    about: About
    features: FeaturesConfig
    folder: Path

    @property
    def hash(self) -> str:
        """SHA-256 of the weights of the network that was exported."""
        return self.about.network

    @property
    def layers(self) -> Sequence[int]:
        """The layer of the encoder whose states it gives."""
        return (self.about.layer,)

    def embed(self, recordings: Recorded | Sequence[Recorded], *, channel: str | None = None) -> NDArray[np.float32]:
        """The embedding (D,) of a recording, or the embeddings (N, D) of a list; as `TrainedNetwork.embed`.

        Args:
            recordings: an audio file of at most a minute; or a pair of samples (N,) and their rate; or a list of such.
            channel: one of `svtok.audio.CHANNELS`, for files of several channels.

        Raises:
            ProblemsError: with every recording that cannot be used.
            SvtokError: the list is empty.
        """
        from svtok.trained.embed import of_each, wave_of

        if isinstance(recordings, str | Path | tuple):
            return self.embed([recordings], channel=channel)[0]
        return np.stack(of_each(recordings, lambda one: self.read(wave_of(one, self.features, channel))[0]))

    def hear(
        self, wave: NDArray[np.float32], layer: int, name: str = "the recording"
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The embedding (D,) of samples (N,) at the rate of the features, and the states (T', W) of their frames.

        Args:
            wave: in [-1, 1).
            layer: that which the network was exported with.
            name: what errors call the samples.

        Raises:
            SvtokError: they are too short or too long, or have no voiced frame; or another layer is asked for.
        """
        if layer not in self.layers:
            raise SvtokError(f"{self.folder}: was exported with the states after layer {self.about.layer}, not {layer}")
        try:
            return self.read(wave)
        except SvtokError as error:
            raise SvtokError(f"{name}: {error}") from None

    def read(self, wave: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """As `hear`, of the only layer that there is."""
        config, longest = self.features, self.about.longest
        size = config.frame_length
        if len(wave) < size:
            what = f"lasts {len(wave)} samples, less than one window of {size} ({config.frame_length_ms:g} ms)"
            raise SvtokError(what)
        if longest is not None and len(wave) > longest:
            raise SvtokError(f"lasts {len(wave)} samples, and the network's positions end after {longest}")
        embeddings, states, frames = self.session.run(OUTPUTS, {INPUT: np.asarray(wave, np.float32)[None]})
        if not frames[0]:
            raise SvtokError("has no voiced frame; leave the recording out")
        return embeddings[0], states[0, : int(frames[0])]


def read_onnx_about(folder: Path) -> About:
    """What export.yaml says. Raises SvtokError where it is missing, damaged or of another format."""
    return read_about(folder / ABOUT, About, format_number=FOLDER_FORMAT, remedy=REMEDY)


def load_onnx(folder: Path) -> OnnxNetwork:
    """The network of a folder that `svtok export` wrote, on the CPU.

    Raises SvtokError where a file is missing or damaged, or onnxruntime is not installed.
    """
    if not is_onnx_folder(folder):
        raise SvtokError(
            f"{folder}: not the folder of an exported network (it has no {GRAPH}); `svtok export` makes one"
        )
    about = read_onnx_about(folder)
    try:
        features = validated(FeaturesConfig, load_yaml(folder / CONFIG)["features"], str(folder / CONFIG))
    except (KeyError, SvtokError) as error:
        raise SvtokError(f"{folder / CONFIG}: missing or damaged ({error}); {REMEDY}") from None
    if sha256_of_files([folder / GRAPH]) != about.graph:
        raise SvtokError(f"{folder / GRAPH}: is not the graph that {ABOUT} speaks of, or damaged; {REMEDY}")
    return OnnxNetwork(_session(folder / GRAPH), about, features, folder)


def _session(graph: Path) -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise SvtokError(f"{graph}: onnxruntime is not installed; {INSTALL}") from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors alone
    threads = os.environ.get(THREADS, "")
    if threads.isdecimal():
        options.intra_op_num_threads = int(threads)
    try:
        return onnxruntime.InferenceSession(graph.read_bytes(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # of a graph that it does not like onnxruntime raises classes of its own
        raise SvtokError(
            f"{graph}: cannot be run by onnxruntime {onnxruntime.__version__} ({error}); {REMEDY}"
        ) from None
