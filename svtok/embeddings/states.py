"""The states of a network's frames on disk, utterance by utterance: what `svtok score --backend dtw` warps.

`states.npy` holds the frames of all utterances one after the other, `states.tsv` where each begins, `states.yaml` the
network and the layer that they came from.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.utils.rnn import pad_sequence

from svtok.config import Section, read_about, write_yaml
from svtok.embeddings.extract import network_input
from svtok.errors import SvtokError
from svtok.features.store import FeatureStore, check_index, read_index, write_frames
from svtok.files import read_array, writing_folder
from svtok.nets.network import Network
from svtok.progress import progress
from svtok.trained.inference import evaluating

FOLDER_FORMAT = 1
ARRAY, INDEX, ABOUT = "states.npy", "states.tsv", "states.yaml"
REDO = "run 'svtok extract-embeddings --frame-states' again"
UTTERANCES_AT_ONCE = 16


class About(Section):
    """The content of `states.yaml`."""

    format: int = FOLDER_FORMAT
    network: str
    """SHA-256 of the weights of the network that made them."""
    layer: int
    """How many layers of its encoder they have been through; 0: the front-end alone."""


class FrameStates:
    """States (T', D) by the name of an utterance, read from disk as they are used."""

    def __init__(self, folder: Path) -> None:
        """The states of a folder.

        Raises:
            SvtokError: there are none, or a file is damaged, of another format, or does not fit the others.
        """
        self.about = read_about(folder / ABOUT, About, format_number=FOLDER_FORMAT, remedy=REDO)
        self._array = read_array(folder / ARRAY, REDO, mapped=True)
        index = read_index(folder / INDEX, REDO)
        check_index(folder, self._array, index, self._array.shape[1], (INDEX, ARRAY), REDO)
        self.utts: list[str] = index["utt"].tolist()
        spans = zip(index["start"].tolist(), index["frames"].tolist(), strict=True)
        self._spans = dict(zip(self.utts, spans, strict=True))

    def frames(self, name: str) -> int:
        """How many states an utterance has."""
        return int(self._spans[name][1])

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        """The states (T', D) of an utterance."""
        start, frames = self._spans[name]
        return self._array[start : start + frames]


def open_frames(folder: Path) -> FrameStates | FeatureStore:
    """The frames in a folder: the states of a network, or features."""
    return FrameStates(folder) if (folder / ABOUT).is_file() else FeatureStore.open(folder)


def extract_frame_states(
    network_folder: Path,
    data: Path,
    features: Path | None,
    out: Path,
    device: torch.device,
    *,
    layer: int | None = None,
) -> int:
    """Write the states of all frames of a prepared set, by the network of a folder.

    Args:
        network_folder: a trained network.
        data: the prepared set.
        features: as of `network_input`.
        out: the folder to write.
        device: where the network computes.
        layer: how many layers of the encoder they go through; default: all.

    Returns:
        How many utterances there are.

    Raises:
        SvtokError: as `network_input`; the network has not so many layers.
    """
    with network_input(network_folder, data, features, device) as given:
        network = given.trained.network
        layers = network.config.layers
        chosen = layers if layer is None else layer
        if chosen > layers:
            raise SvtokError(f"{network_folder}: layer {chosen} is asked for, its encoder has {layers}")
        utts = given.prepared.utterances["utt"].tolist()
        states = _states_of(network, given.store, utts, device, chosen, str(out))
        with writing_folder(out) as temporary:
            lengths = [-(-given.store.frames(utt) // network.config.front_end.subsample) for utt in utts]
            write_frames(temporary / ARRAY, temporary / INDEX, utts, lengths, states, dim=network.config.dim)
            write_yaml(temporary / ABOUT, About(network=given.trained.hash, layer=chosen))
    return len(utts)


def _states_of(
    network: Network, store: FeatureStore, utts: Sequence[str], device: torch.device, layer: int, what: str
) -> Iterator[NDArray[np.float32]]:
    """The states (T', D) of each utterance, in their order."""
    starts = range(0, len(utts), UTTERANCES_AT_ONCE)
    with evaluating(network):
        for start in progress(starts, total=len(starts), what=f"frame states {what}"):
            items = [torch.from_numpy(np.array(store[utt])) for utt in utts[start : start + UTTERANCES_AT_ONCE]]
            lengths = torch.tensor([len(item) for item in items], device=device)
            frames = pad_sequence(items, batch_first=True).to(device)  # (B, T, F)
            states, counts = network.frame_states(frames, lengths, layer)
            for row, count in zip(states.float().cpu().numpy(), counts.tolist(), strict=True):
                yield row[:count]
