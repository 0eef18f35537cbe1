"""The embeddings of a prepared set on disk: one array, the utterances of its rows, and the network they came from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from svtok.config import Section, read_about, write_yaml
from svtok.errors import SvtokError
from svtok.files import read_array, write_array, writing_folder

FOLDER_FORMAT = 1
"""Of the files; another one is not read. (`svtok.embeddings.FORMAT` is that of the numbers.)"""
ARRAY, INDEX, ABOUT = "embeddings.npy", "embeddings.tsv", "embeddings.yaml"


@dataclass(frozen=True)
class Embeddings:
    """One vector an utterance, and the hash of the network that made them.

    `utts` has N names, each once; `vectors` is (N, D) float32, a row for each in that order, with `parts` parts of one
    length side by side: the streams of the network.
    """

    utts: list[str]
    vectors: NDArray[np.float32]
    network_hash: str
    parts: int = 1


class About(Section, coerce_numbers_to_str=True):
    """The content of `embeddings.yaml`."""

    format: int = FOLDER_FORMAT
    network: str
    """SHA-256 of the weights of the network that made them; of imported ones, the name that they were given."""
    utterances: int
    dim: int
    parts: int = 1
    """Side by side in an embedding: the streams of the network."""


def write_embeddings(
    folder: Path, utts: Sequence[str], vectors: NDArray[np.float32], network_hash: str, parts: int = 1
) -> None:
    """Write embeddings.npy (N, D), embeddings.tsv (`utt`, the name of each row) and embeddings.yaml, all or nothing.

    Args:
        folder: where to; what is there is replaced.
        utts: N names, in any order; rows are written in their bytewise order.
        vectors: (N, D), a row a name.
        network_hash: of the network that made them.
        parts: of one length, side by side in an embedding.

    Raises:
        SvtokError: a name is there twice, or a value is not finite.
        ValueError: `vectors` has another shape.
    """
    import pandas as pd

    from svtok.manifest.tables import write_rows

    if vectors.ndim != 2 or len(vectors) != len(utts):
        raise ValueError(f"{len(utts)} utterances need vectors of shape ({len(utts)}, D), not {vectors.shape}")
    _check(utts, vectors, f"the embeddings for {folder}")
    order = sorted(range(len(utts)), key=utts.__getitem__)
    about = About(network=network_hash, utterances=len(utts), dim=vectors.shape[1], parts=parts)
    with writing_folder(folder) as temporary:
        write_array(temporary / ARRAY, vectors[order].astype(np.float32, copy=False))
        write_rows(pd.DataFrame({"utt": [utts[row] for row in order]}), temporary / INDEX, delimiter="\t", header=True)
        write_yaml(temporary / ABOUT, about)


def read_embeddings(folder: Path) -> Embeddings:
    """What `write_embeddings` wrote.

    Raises:
        SvtokError: a file is missing or damaged, the folder is of another format, or a value is not finite.
    """
    from svtok.manifest.tables import read_columns

    remedy = f"run `svtok extract-embeddings` with --out {folder}"
    missing = [name for name in (ARRAY, INDEX, ABOUT) if not (folder / name).is_file()]
    if missing:
        raise SvtokError(f"{folder} has no {', '.join(missing)}: {remedy}")
    about = read_about(folder / ABOUT, About, format_number=FOLDER_FORMAT, remedy=remedy)
    vectors = read_array(folder / ARRAY, remedy)
    try:
        utts = read_columns(folder / INDEX, ["utt"])["utt"].to_pylist()
    except SvtokError as error:
        raise SvtokError(f"{error}; {remedy}") from error
    if not (len(utts), about.dim) == vectors.shape == (about.utterances, about.dim):
        raise SvtokError(
            f"{folder} is damaged: {ARRAY} has shape {vectors.shape}, {INDEX} names {len(utts)} utterances, {ABOUT} "
            f"says {about.utterances} of {about.dim} dimensions; {remedy}"
        )
    if about.parts < 1 or about.dim % about.parts:
        raise SvtokError(f"{folder} is damaged: {ABOUT} says {about.parts} parts of {about.dim} dimensions; {remedy}")
    _check(utts, vectors, str(folder))
    return Embeddings(utts, vectors, about.network, about.parts)


def _check(utts: Sequence[str], vectors: NDArray[np.float32], where: str) -> None:
    """Refuse repeated names and values that are not finite."""
    if len(set(utts)) < len(utts):
        repeated = next(utt for utt, times in Counter(utts).items() if times > 1)
        raise SvtokError(f"{where}: utterance '{repeated}' has more than one embedding")
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        first = utts[int(np.argmin(finite))]
        raise SvtokError(f"{where}: {int((~finite).sum())} embeddings hold NaN or infinity, the first is of '{first}'")
