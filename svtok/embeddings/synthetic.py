"""Random embeddings with the structure of real ones: what a speaker's vectors share, and what a phrase's share."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

ROWS_A_BLOCK = 50_000


def random_embeddings(
    utterances: pd.DataFrame, *, dim: int, seed: int, speaker: float = 1.0, phrase: float = 1.0, noise: float = 2.0
) -> NDArray[np.float32]:
    """One vector an utterance, (N, dim): the sum of a vector of its speaker, one of its phrase and one of its own.

    All are normal, with the standard deviations `speaker`, `phrase` and `noise`. The same table, dim and seed give the
    same vectors.

    Args:
        utterances: N rows with the columns `spk` and `phrase`.
        dim: size of a vector.
        seed: of all that is drawn.
        speaker: standard deviation, in each dimension, of what the utterances of a speaker share.
        phrase: of what those of a phrase share.
        noise: of what is an utterance's own.

    Returns:
        The vectors, in the order of the rows.
    """
    random = np.random.default_rng(seed)
    parts = []
    for column, scale in (("spk", speaker), ("phrase", phrase)):
        codes, names = pd.factorize(utterances[column].to_numpy(object), sort=True)
        parts.append((codes, scale * random.standard_normal((len(names), dim), dtype=np.float32)))
    vectors = noise * random.standard_normal((len(utterances), dim), dtype=np.float32)
    for start in range(0, len(utterances), ROWS_A_BLOCK):  # so few that what is added takes no memory to speak of
        rows = slice(start, start + ROWS_A_BLOCK)
        for codes, vectors_of in parts:
            vectors[rows] += vectors_of[codes[rows]]
    return vectors.astype(np.float32, copy=False)
