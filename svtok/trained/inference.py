"""A network in memory reads utterances: recordings, or stored features in batches; embeddings, or anything else."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from svtok.audio.decode import read_audio
from svtok.errors import SvtokError
from svtok.features.config import FeaturesConfig
from svtok.features.extract import FrameEmbedder, all_features
from svtok.nets.network import Network
from svtok.progress import progress
from svtok.ranks import ALONE, Ranks, current_ranks


def pick_device(name: str) -> torch.device:
    """`auto` (a GPU where there is one), `cpu` or `cuda`; of several processes on a machine, each has a GPU of its own.

    Raises SvtokError for a GPU that is not there.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise SvtokError("--device cuda: torch finds no usable GPU; use --device cpu")
    if name == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    ranks = current_ranks()
    if ranks.world == 1:
        return torch.device("cuda")
    if (there := torch.cuda.device_count()) <= ranks.local_rank:
        raise SvtokError(
            f"{ranks.local_world} processes on this machine, which has {there} GPUs: start one for each "
            f"(torchrun --nproc-per-node {there}), or use --device cpu"
        )
    torch.cuda.set_device(ranks.local_rank)
    return torch.device("cuda", ranks.local_rank)


def is_fast_in_bf16(device: torch.device) -> bool:
    """Whether a device multiplies matrices faster in bf16 than in fp32; without instructions for it, it crawls."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    known = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return any(supports() for supports in known if supports is not None)


class Recording(NamedTuple):
    """Samples (N,) of an audio file, and its features as a batch of one: frames (1, T, F) and lengths (1,)."""

    wave: NDArray[np.float32]
    frames: Tensor
    lengths: Tensor


def read_recording(
    audio: Path, config: FeaturesConfig, phonetic: FrameEmbedder | None = None, channel: str | None = None
) -> Recording:
    """An audio file and its features; `phonetic` computes their phonetic columns, where `config` has some.

    Args:
        audio: the file.
        config: of the features; `resample` allows for another sampling rate.
        phonetic: from acoustic features (T, F) to phonetic columns (T, P), which are joined to them.
        channel: one of `svtok.audio.CHANNELS`, for a file with several.

    Raises:
        AudioError: the file cannot be read, has another sampling rate (unless `config` resamples) or has several
            channels (unless `channel` is given).
        SvtokError: the recording is too short or has no voiced frame.
    """
    wave, _ = read_audio(audio, channel=channel, sample_rate=config.sample_rate, resample=config.resample)
    return as_recording(wave, config, phonetic, str(audio))


def as_recording(
    wave: NDArray[np.float32],
    config: FeaturesConfig,
    phonetic: FrameEmbedder | None = None,
    name: str = "the recording",
) -> Recording:
    """Samples and their features, as `read_recording` gives those of a file.

    Args:
        wave: samples (N,) at the rate of the features, in [-1, 1).
        config: of the features.
        phonetic: as of `read_recording`.
        name: what errors call it.

    Raises:
        SvtokError: it is too short or has no voiced frame.
    """
    try:
        features = all_features(wave, config.sample_rate, config, phonetic)
    except SvtokError as error:
        raise SvtokError(f"{name}: {error}") from None
    return Recording(wave, torch.from_numpy(features)[None], torch.tensor([len(features)]))


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """The network in evaluation mode and without gradients; it is given back in its mode, also after an exception."""
    was_training = network.training
    network.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        network.train(was_training)


PADDED_FRAMES = {"cpu": 4_000, "cuda": 100_000}
"""Frames of a batch, padding included. On a CPU core larger batches are slower, for they leave its cache."""

READERS = 4
"""Threads that read batches ahead of a GPU, which computes one in less time than one thread copies it."""


class Features(Protocol):
    """Features (T, F) by name, as a FeatureStore has them."""

    def frames(self, name: str, /) -> int:
        """How many frames there are of a name."""

    def __getitem__(self, name: str, /) -> np.ndarray: ...


def embed_all(
    network: Network,
    store: Features,
    utts: Sequence[str],
    device: torch.device,
    what: str | None = None,
    ranks: Ranks = ALONE,
) -> NDArray[np.float32]:
    """Embeddings (N, D) of utterances, in their order. As `compute_all`.

    Args:
        network: on `device`; it is left in the mode that it was in.
        store: the features.
        utts: the N utterances.
        device: where to compute.
        what: names the work in a progress display; without it there is none.
        ranks: as of `compute_all`.

    Raises:
        SvtokError: an utterance has no features, or is longer than the network can read.
    """
    return compute_all(network.embed, network, store, utts, device, what, ranks)


def compute_all(
    function: Callable[[Tensor, Tensor], Tensor],
    network: Network,
    store: Features,
    utts: Sequence[str],
    device: torch.device,
    what: str | None = None,
    ranks: Ranks = ALONE,
) -> NDArray[np.float32]:
    """What a function of a network's input gives for each utterance, computed in fp32 and evaluation mode.

    Args:
        function: of frames (B, T, F) and their lengths (B,); gives (B, D).
        network: what the function reads, on `device`; it is left in the mode that it was in.
        store: the features.
        utts: the utterances.
        device: where to compute.
        what: names the work in a progress display; without it there is none.
        ranks: the processes that call this for the same utterances; each computes some of the batches.

    Returns:
        (N, D), in the order of the utterances; in other processes than the first, (0, 0).

    Raises:
        SvtokError: an utterance has no features, or is longer than the network can read.
    """
    lengths = np.array([store.frames(utt) for utt in utts])
    refuse_too_long(network, utts[int(lengths.argmax())], int(lengths.max()))
    batches = list(_batches(lengths, PADDED_FRAMES[device.type]))
    own, vectors = ranks.share(batches), []
    with evaluating(network):
        inputs = _read(store, utts, own, ahead=device.type == "cuda")
        for frames, real in progress(inputs, total=len(own), what=what) if what else inputs:
            on_device = frames.to(device, non_blocking=True), real.to(device, non_blocking=True)
            # (B, D); from a GPU they are moved at the end, for to move is to wait
            vectors.append(function(*on_device).to(torch.float32, copy=True))
    gathered = ranks.gather([vector.cpu().numpy() for vector in vectors])
    if not ranks.is_first:
        return np.empty((0, 0), dtype=np.float32)
    # the batches in their order: each process has had every one of `world`
    in_batches = np.concatenate([vector for turn in zip_longest(*gathered) for vector in turn if vector is not None])
    out = np.empty_like(in_batches)
    out[np.concatenate(batches)] = in_batches
    return out


def _read(
    store: Features, utts: Sequence[str], batches: Sequence[list[int]], *, ahead: bool
) -> Iterator[tuple[Tensor, Tensor]]:
    """Frames (B, T, F), zero-padded, and lengths (B,) of each batch.

    Args:
        store: the features.
        utts: the utterances.
        batches: the positions among them of those of each batch.
        ahead: some batches are read while others are computed, into memory that a GPU reads by itself.
    """

    def read(positions: list[int]) -> tuple[Tensor, Tensor]:
        items = [torch.from_numpy(np.array(store[utts[position]])) for position in positions]
        frames, lengths = pad_sequence(items, batch_first=True), torch.tensor([len(item) for item in items])
        return (frames.pin_memory(), lengths.pin_memory()) if ahead else (frames, lengths)

    if not ahead:
        yield from map(read, batches)
        return
    with ThreadPoolExecutor(READERS) as readers:
        coming = deque(readers.submit(read, batch) for batch in batches[:READERS])
        for batch in (*batches[READERS:], *[None] * len(coming)):
            if batch is not None:
                coming.append(readers.submit(read, batch))
            yield coming.popleft().result()


def refuse_too_long(network: Network, utt: str, frames: int) -> None:
    """Raise SvtokError where an utterance of so many frames is longer than the network can read."""
    longest = network.config.longest_utterance
    if longest is not None and frames > longest:
        raise SvtokError(
            f"utterance '{utt}' has {frames} frames; the network's learned positions (network.max_frames) end after "
            f"{longest}"
        )


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
