"""Embeddings of a prepared set's utterances."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.utils.rnn import pad_sequence

from svtok.embeddings.store import write_embeddings
from svtok.errors import SvtokError
from svtok.features.config import FeaturesConfig
from svtok.features.extract import extract_features
from svtok.features.store import FeatureStore, default_features_folder
from svtok.manifest.sets import PreparedSet, read_set
from svtok.nets.network import Network
from svtok.parallel import default_jobs
from svtok.progress import progress
from svtok.training.network_folder import load_network

PADDED_FRAMES = {"cpu": 4_000, "cuda": 100_000}
"""Frames of a batch, padding included. On a CPU core larger batches are slower, for they leave its cache."""


def extract_set_embeddings(
    network_folder: Path, data: Path, features: Path | None, out: Path, device: torch.device
) -> int:
    """Write the embeddings of the set `data` by the network of a folder to `out`; returns how many.

    Features are read from `features`, by default from the place that belongs to the set. Where nothing is there, they
    are computed as the network was trained with and thrown away afterwards. Raises SvtokError where the network, the
    set or its audio cannot be read, or the features are of another kind than the network's.
    """
    trained, prepared = load_network(network_folder), read_set(data)
    with tempfile.TemporaryDirectory(prefix="svtok-") as scratch:
        store = _open_features(prepared, data, features, trained.features, Path(scratch) / "features")
        if store.config != trained.features:
            raise SvtokError(
                f"{store.folder}: features of another kind than {network_folder} was trained with; "
                "extract them with its config.yaml"
            )
        utts = prepared.utterances["utt"].tolist()
        network = trained.network.to(device)
        vectors = embed_all(network, store, utts, device, what=f"embeddings {out}")
    write_embeddings(out, utts, vectors, trained.hash)
    return len(utts)


def _open_features(
    prepared: PreparedSet, data: Path, features: Path | None, config: FeaturesConfig, scratch: Path
) -> FeatureStore:
    """The stored features of a set, or else freshly computed ones in `scratch`."""
    if features is not None:
        return FeatureStore.open(features)
    if data.absolute().parent.parent.name == "data" and default_features_folder(data).exists():
        return FeatureStore.open(default_features_folder(data))
    extract_features(prepared, config, scratch, default_jobs())
    return FeatureStore.open(scratch)


def embed_all(
    network: Network, store: FeatureStore, utts: Sequence[str], device: torch.device, what: str | None = None
) -> NDArray[np.float32]:
    """Embeddings (N, D) of utterances, in their order, computed in fp32.

    The network, which must be on `device`, is read in evaluation mode and left in the mode it was in. `what` names the
    work in a progress display. Raises SvtokError for an utterance without features,
    or one longer than the network can read.
    """
    lengths = np.array([store.frames(utt) for utt in utts])
    longest = network.config.longest_utterance
    if longest is not None and lengths.max() > longest:
        raise SvtokError(
            f"utterance '{utts[int(lengths.argmax())]}' has {lengths.max()} frames; the network's learned positions "
            f"(network.max_frames) end after {longest}"
        )
    batches = list(_batches(lengths, PADDED_FRAMES[device.type]))
    was_training = network.training
    network.eval()
    vectors = []
    for positions in progress(batches, total=len(batches), what=what) if what else batches:
        items = [torch.from_numpy(np.array(store[utts[position]])) for position in positions]
        frames = pad_sequence(items, batch_first=True).to(device)  # (B, T, F)
        with torch.inference_mode():
            embedded = network.embed(frames, torch.from_numpy(lengths[positions]).to(device))  # (B, D)
        vectors.append(embedded.float().cpu().numpy())
    network.train(was_training)
    in_batches = np.concatenate(vectors)
    out = np.empty_like(in_batches)
    out[np.concatenate(batches)] = in_batches
    return out


def _batches(lengths: NDArray[np.int64], padded_frames: int) -> Iterator[list[int]]:
    """Positions of neighbours in length, as many as padded to the longest of them stay within `padded_frames`."""
    batch: list[int] = []
    for position in np.argsort(-lengths, kind="stable").tolist():
        if batch and lengths[batch[0]] * (len(batch) + 1) > padded_frames:
            yield batch
            batch = []
        batch.append(position)
    if batch:
        yield batch
