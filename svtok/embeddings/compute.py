"""What a network in memory tells of utterances whose features are stored: embeddings, or anything else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from svtok.errors import SvtokError
from svtok.nets.network import Network
from svtok.progress import progress

PADDED_FRAMES = {"cpu": 4_000, "cuda": 100_000}
"""Frames of a batch, padding included. On a CPU core larger batches are slower, for they leave its cache."""


class Features(Protocol):
    """Features (T, F) by name, as a FeatureStore has them."""

    def frames(self, name: str, /) -> int:
        """How many frames there are of a name."""

    def __getitem__(self, name: str, /) -> np.ndarray: ...


def embed_all(
    network: Network, store: Features, utts: Sequence[str], device: torch.device, what: str | None = None
) -> NDArray[np.float32]:
    """Embeddings (N, D) of utterances, in their order. As `compute_all`."""
    return compute_all(network.embed, network, store, utts, device, what)


def compute_all(
    function: Callable[[Tensor, Tensor], Tensor],
    network: Network,
    store: Features,
    utts: Sequence[str],
    device: torch.device,
    what: str | None = None,
) -> NDArray[np.float32]:
    """What a function of the network's input, frames (B, T, F) and lengths (B,), gives (B, D): (N, D) in the order of
    the utterances, computed in fp32.

    The network, which must be on `device`, is read in evaluation mode and left in the mode it was in. `what` names the
    work in a progress display. Raises SvtokError for an utterance without features, or one longer than the network can
    read.
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
            computed = function(frames, torch.from_numpy(lengths[positions]).to(device))  # (B, D)
        vectors.append(computed.float().cpu().numpy())
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
