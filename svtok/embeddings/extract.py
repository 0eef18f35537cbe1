"""A network of a folder reads a prepared set; its embeddings are written to a folder.

Of an enrollment model, the utterances may be read one after the other, as if they were one recording.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from svtok.embeddings.store import INDEX, read_embeddings, write_embeddings
from svtok.errors import SvtokError, raise_problems
from svtok.features.config import FeaturesConfig, differences
from svtok.features.extract import extract_features, utterances_of
from svtok.features.store import PHONETIC, FeatureStore
from svtok.manifest.sets import PreparedSet, read_set
from svtok.parallel import default_jobs
from svtok.places import stored_features
from svtok.progress import progress
from svtok.ranks import ALONE, Ranks
from svtok.trained.encoders import SAMPLE_RATE, load_encoder, parts_of
from svtok.trained.folder import CONFIG, TrainedNetwork, load_network
from svtok.trained.inference import Features, embed_all
from svtok.trained.onnx_folder import load_onnx
from svtok.trained.phones import stored_embedder

RECORDINGS_AT_ONCE = 32
"""How many recordings a public encoder reads at once."""


class JoinedFeatures:
    """Features by the name of a model: those of its utterances joined in time, in the order of the models table.

    Stored features are normalised already, each utterance by its own statistics, and joined as they are. Raises
    SvtokError where the set has no models, or one of them has no utterance.
    """

    def __init__(self, store: FeatureStore, prepared: PreparedSet) -> None:
        if prepared.models is None:
            raise SvtokError(f"{prepared.folder or 'the set'} has no models.tsv: there are no models to join")
        table = prepared.models
        self.store = store
        self.utts_of = {str(name): str(utts).split() for name, utts in zip(table["model"], table["utts"], strict=True)}
        empty = [name for name, utts in self.utts_of.items() if not utts]
        if empty:
            raise SvtokError(f"model '{empty[0]}' has no enrollment utterance")

    @property
    def models(self) -> list[str]:
        return list(self.utts_of)

    def frames(self, model: str) -> int:
        """Number of frames of a model's utterances together."""
        return sum(self.store.frames(utt) for utt in self.utts_of[model])

    def __getitem__(self, model: str) -> np.ndarray:
        """Features (T, F) of a model's utterances. Raises SvtokError where one has none."""
        return np.concatenate([self.store[utt] for utt in self.utts_of[model]])


def refuse_other_names(folder: Path, names: list[str]) -> None:
    """Raise SvtokError where a folder to write holds embeddings of anything but these, as those of utterances."""
    if (folder / INDEX).is_file() and read_embeddings(folder).utts != sorted(names):
        raise SvtokError(f"{folder} holds embeddings of other names than these models: name another folder")


@dataclass(frozen=True)
class NetworkInput:
    """A trained network on its device, a prepared set, and features of the set as the network wants them."""

    trained: TrainedNetwork
    prepared: PreparedSet
    store: FeatureStore


@contextmanager
def network_input(
    network_folder: Path, data: Path, features: Path | None, device: torch.device
) -> Iterator[NetworkInput]:
    """The network of a folder and what it is to read of the set `data`.

    Args:
        network_folder: a trained network.
        data: the prepared set.
        features: of the set; None: at the place that belongs to it, and where nothing is there they are computed as the
            network was trained with, and thrown away afterwards.
        device: where the network is put.

    Raises:
        SvtokError: the network, the set or its audio cannot be read, or the features are of another kind than the
            network's.
    """
    trained, prepared = load_network(network_folder), read_set(data)
    with tempfile.TemporaryDirectory(prefix="svtok-") as scratch:
        store = _open_features(prepared, data, features, network_folder, trained.features, Path(scratch) / "features")
        _check_kind(store, trained, network_folder)
        trained.network.to(device)
        yield NetworkInput(trained, prepared, store)


def _check_kind(store: FeatureStore, trained: TrainedNetwork, network_folder: Path) -> None:
    """Raise SvtokError, with all differences, where features are of another kind than a network was trained with."""
    faults = differences(store.config, trained.features, "that of the features", "that of the network")
    if faults:
        phonetic = f" --phonetic {network_folder / PHONETIC}" if trained.features.phonetic else ""
        raise SvtokError(
            f"{store.folder}: features of another kind than {network_folder} was trained with "
            f"({'; '.join(map(str, faults))}); extract them with --config {network_folder / CONFIG}{phonetic}"
        )


def extract_embeddings(
    network_folder: Path,
    data: Path,
    features: Path | None,
    out: Path,
    device: torch.device,
    *,
    joined: bool = False,
    ranks: Ranks = ALONE,
) -> int:
    """Write embeddings of a prepared set by the network of a folder.

    Args:
        network_folder: a trained network.
        data: the prepared set.
        features: as of `network_input`.
        out: the folder to write.
        device: where the network computes.
        joined: embed each model's joined utterances (`JoinedFeatures`), by its name, in place of each utterance.
        ranks: the processes that call this for the same set; each reads some of the batches, and the first writes.

    Returns:
        How many embeddings there are.

    Raises:
        SvtokError: as `network_input`; with `joined`, the set has no models, or `out` holds embeddings of other names;
            several processes, and there are no features stored.
    """
    if ranks.world > 1 and features is None and stored_features(data) is None:
        raise SvtokError(
            f"{data}: has no features stored, which several processes need: run svtok extract-features first"
        )
    with network_input(network_folder, data, features, device) as given:
        names = given.prepared.utterances["utt"].tolist()
        source: Features = given.store
        if joined:
            source = joined_features = JoinedFeatures(given.store, given.prepared)
            names = joined_features.models
            refuse_other_names(out, names)
        vectors = embed_all(given.trained.network, source, names, device, f"embeddings {out}", ranks)
    if ranks.is_first:
        write_embeddings(out, names, vectors, given.trained.hash, given.trained.network.config.parts)
    return len(names)


def extract_encoder_embeddings(encoder: str, data: Path, out: Path, device: torch.device) -> int:
    """Write embeddings of a prepared set by a public encoder, which reads the recordings, resampled where needed.

    Args:
        encoder: one of `svtok.trained.ENCODERS`.
        data: the prepared set.
        out: the folder to write.
        device: where the encoder computes.

    Returns:
        How many embeddings there are.

    Raises:
        SvtokError: the encoder is not installed, or the set cannot be read.
        ProblemsError: with every utterance that cannot be used.
    """
    prepared, trained = read_set(data), load_encoder(encoder, device)
    vectors, problems, parts = [], [], []
    utterances = utterances_of(prepared)
    for number, utterance in enumerate(progress(utterances, total=len(utterances), what=f"embeddings {out}"), start=1):
        try:
            parts.append(parts_of(utterance.read(SAMPLE_RATE, resample=True)[0]))
        except SvtokError as error:
            problems.append(utterance.problem(error))
        if parts and (len(parts) == RECORDINGS_AT_ONCE or number == len(utterances)):
            vectors.append(trained.embed(parts))
            parts = []
    raise_problems(problems)
    write_embeddings(out, [utterance.utt for utterance in utterances], np.concatenate(vectors), trained.hash)
    return len(utterances)


def extract_exported_embeddings(network_folder: Path, data: Path, out: Path) -> int:
    """Write embeddings of a prepared set by an exported network, which reads the recordings.

    Args:
        network_folder: what `svtok export` wrote.
        data: the prepared set.
        out: the folder to write.

    Returns:
        How many embeddings there are.

    Raises:
        SvtokError: the network or the set cannot be read.
        ProblemsError: with every utterance that cannot be used.
    """
    network, utterances = load_onnx(network_folder), utterances_of(read_set(data))
    config, vectors, problems = network.features, [], []
    for utterance in progress(utterances, total=len(utterances), what=f"embeddings {out}"):
        try:
            wave, _ = utterance.read(config.sample_rate, resample=config.resample)
            vectors.append(network.read(wave)[0])
        except SvtokError as error:
            problems.append(utterance.problem(error))
    raise_problems(problems)
    if not vectors:
        raise SvtokError(f"{data}: has no utterances")
    write_embeddings(
        out, [utterance.utt for utterance in utterances], np.stack(vectors), network.hash, network.about.parts
    )
    return len(utterances)


def _open_features(
    prepared: PreparedSet,
    data: Path,
    features: Path | None,
    network_folder: Path,
    config: FeaturesConfig,
    scratch: Path,
) -> FeatureStore:
    """The stored features of a set, or else freshly computed ones in `scratch`."""
    if features is not None:
        return FeatureStore.open(features)
    if stored := stored_features(data):
        return FeatureStore.open(stored)
    extract_features(prepared, config, scratch, default_jobs(), stored_embedder(network_folder, config))
    return FeatureStore.open(scratch)
