"""What is kept of an enrolled recording, and where it comes from."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

ARRAYS = "embedding, states, costs"
"""The columns of a take's arrays."""


class Take(NamedTuple):
    """A recording as a network hears it: its embedding (D,), and the states (T', W) of its frames, each of length 1.

    And what it costs to warp these onto the C recordings of a scorer's cohort, where it has one: (C,).
    """

    embedding: NDArray[np.float32]
    states: NDArray[np.float32]
    costs: NDArray[np.float32] = np.empty(0, np.float32)


class Source(NamedTuple):
    """What made embeddings and states: the hash of a network, its folder, and the layer of its encoder.

    And, where takes have costs, the hash of the cohort that these are against.
    """

    network: str
    folder: str
    layer: int
    cohort: str = ""


class Voice(NamedTuple):
    """A speaker's phrase: how many takes it has, and when (ISO 8601, UTC) the last was added."""

    speaker: str
    phrase: str
    takes: int
    added: str


def unit_rows(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each row of (N, W) divided by its length, a row of zeros as it is; rounded as the store keeps it."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    rounded: NDArray[np.float32] = (rows / np.where(lengths == 0, 1, lengths)).astype("<f2").astype(np.float32)
    return rounded


def as_bytes(array: NDArray[np.float32], kind: str) -> bytes:
    """Values as they are stored, such as "<f4"."""
    return np.ascontiguousarray(array, dtype=kind).tobytes()
