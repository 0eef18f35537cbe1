"""The states of a network's frames on disk, utterance by utterance: what `svtok score --backend dtw` warps.

`states.npy` holds the frames of all utterances one after the other, `states.tsv` where each begins, `states.yaml` the
network and the layer that they came from. Of a phonetic network they are the posteriors of its phones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from svtok.config import Section, read_about, write_yaml
from svtok.embeddings.extract import network_input
from svtok.errors import SvtokError, raise_problems
from svtok.features.config import differences
from svtok.features.store import FeatureStore, check_index, open_source, read_index, write_frames
from svtok.files import read_array, writing_folder
from svtok.nets.network import FEATURES
from svtok.progress import progress
from svtok.trained.inference import evaluating
from svtok.trained.phones import is_phone_network, load_phone_network

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
    """How many layers of its encoder they have been through; 0: the front-end alone; -1: the features it reads."""
    posteriors: bool = False
    """Whether they are of a phonetic network: posteriors of its phones."""


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


def are_posteriors(frames: FrameStates | FeatureStore) -> bool:
    """Whether frames are posteriors of phones."""
    return isinstance(frames, FrameStates) and frames.about.posteriors


def refuse_other_kind(cohort: FrameStates | FeatureStore, trials: FrameStates | FeatureStore) -> None:
    """Raise SvtokError where frames of a cohort are of another network, layer or kind than those of the trials."""
    kinds = [frames.about if isinstance(frames, FrameStates) else frames.config for frames in (cohort, trials)]
    if kinds[0] != kinds[1]:
        raise SvtokError(
            "the frames of the cohort are of another network, layer or configuration than those of the trials: extract "
            "them again"
        )


def extract_frame_states(
    network_folder: Path,
    data: Path,
    features: Path | None,
    out: Path,
    device: torch.device,
    *,
    layer: int | None = None,
) -> int:
    """Write the states of all frames of a prepared set, by the network of a folder; the posteriors, of a phonetic one.

    Args:
        network_folder: a trained network.
        data: the prepared set.
        features: as of `network_input`.
        out: the folder to write.
        device: where the network computes.
        layer: how many layers of the encoder they go through, or `svtok.nets.network.FEATURES`; default: all.

    Returns:
        How many utterances there are.

    Raises:
        SvtokError: as `network_input`; the network has not so many layers. Of a phonetic network, the features of the
            set are missing or of another kind.
    """
    if is_phone_network(network_folder):
        if layer is not None:
            raise SvtokError(f"{network_folder}: a phonetic network has posteriors, not states after layer {layer}")
        return _extract_posteriors(network_folder, data, features, out, device)
    with network_input(network_folder, data, features, device) as given:
        network = given.trained.network
        layers = network.config.layers
        chosen = layers if layer is None else layer
        if chosen > layers:
            raise SvtokError(f"{network_folder}: layer {chosen} is asked for, its encoder has {layers}")
        utts = given.prepared.utterances["utt"].tolist()
        states = _in_batches(partial(network.frame_states, layer=chosen), network, given.store, utts, device, str(out))
        about = About(network=given.trained.hash, layer=chosen)
        subsample, dim = network.config.front_end.subsample, network.config.dim
        if chosen == FEATURES:
            subsample, dim = 1, given.trained.features.dim
        _write(out, about, given.store, utts, states, subsample, dim)
    return len(utts)


def _extract_posteriors(folder: Path, data: Path, features: Path | None, out: Path, device: torch.device) -> int:
    """Write the posteriors of the phones of a phonetic network, as `extract_frame_states`."""
    trained, source = load_phone_network(folder), open_source(data, features)
    raise_problems(differences(source.store.config, trained.features, "that of the features", "that of the network"))
    network, utts = trained.network.to(device), source.prepared.utterances["utt"].tolist()
    states = _in_batches(network.posteriors, network, source.store, utts, device, str(out))
    about = About(network=trained.hash, layer=0, posteriors=True)
    _write(out, about, source.store, utts, states, network.subsample, len(trained.phones))
    return len(utts)


def _write(
    out: Path,
    about: About,
    store: FeatureStore,
    utts: Sequence[str],
    states: Iterable[NDArray[np.float32]],
    subsample: int,
    dim: int,
) -> None:
    lengths = [-(-store.frames(utt) // subsample) for utt in utts]
    with writing_folder(out) as temporary:
        write_frames(temporary / ARRAY, temporary / INDEX, utts, lengths, states, dim=dim)
        write_yaml(temporary / ABOUT, about)


def _in_batches(
    compute: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]],
    network: nn.Module,
    store: FeatureStore,
    utts: Sequence[str],
    device: torch.device,
    what: str,
) -> Iterator[NDArray[np.float32]]:
    """What a network computes of the frames of each utterance (T', D), in their order.

    Args:
        compute: frames (B, T, F), lengths (B,) -> (B, T', D) and how many of the T' are real (B,).
        network: whose it is.
        store: the features.
        utts: the utterances.
        device: where to compute.
        what: is written, for the display of progress.
    """
    starts = range(0, len(utts), UTTERANCES_AT_ONCE)
    with evaluating(network):
        for start in progress(starts, total=len(starts), what=f"frame states {what}"):
            items = [torch.from_numpy(np.array(store[utt])) for utt in utts[start : start + UTTERANCES_AT_ONCE]]
            lengths = torch.tensor([len(item) for item in items], device=device)
            states, counts = compute(pad_sequence(items, batch_first=True).to(device), lengths)  # (B, T', D)
            for row, count in zip(states.float().cpu().numpy(), counts.tolist(), strict=True):
                yield row[:count]
