"""The embeddings of a prepared set on disk: one array, the utterances of its rows, and the network they came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from svtok.config import load_yaml, write_yaml
from svtok.errors import SvtokError
from svtok.files import write_text, writing_folder

ARRAY, INDEX, ABOUT = "embeddings.npy", "embeddings.tsv", "embeddings.yaml"


@dataclass(frozen=True)
class Embeddings:
    """One vector an utterance, and the hash of the network that made them.

    `utts` has N names, each once, in bytewise order; `vectors` is (N, D) float32.
    """

    utts: list[str]
    vectors: NDArray[np.float32]
    network_hash: str


def write_embeddings(folder: Path, utts: Sequence[str], vectors: NDArray[np.float32], network_hash: str) -> None:
    """Write embeddings.npy (N, D), embeddings.tsv (`utt`, the name of each row) and embeddings.yaml, all or nothing.

    `vectors` is (N, D), a row an utterance, in any order; rows are written in the bytewise order of their names.
    Raises SvtokError where a name is there twice or a value is not finite.
    """
    if vectors.ndim != 2 or len(vectors) != len(utts):
        raise ValueError(f"{len(utts)} utterances need vectors of shape ({len(utts)}, D), not {vectors.shape}")
    _check(utts, vectors, f"the embeddings for {folder}")
    order = sorted(range(len(utts)), key=utts.__getitem__)
    with writing_folder(folder) as temporary:
        np.save(temporary / ARRAY, np.ascontiguousarray(vectors[order], dtype=np.float32))
        write_text(temporary / INDEX, "".join(f"{name}\n" for name in ["utt", *(utts[row] for row in order)]))
        about = {"network": network_hash, "utterances": len(utts), "dim": int(vectors.shape[1])}
        write_yaml(temporary / ABOUT, about)


def read_embeddings(folder: Path) -> Embeddings:
    """What `write_embeddings` wrote. Raises SvtokError where a file is missing or damaged, or a value is not finite."""
    missing = [name for name in (ARRAY, INDEX, ABOUT) if not (folder / name).is_file()]
    if missing:
        raise SvtokError(f"{folder} has no {', '.join(missing)}: run `svtok extract-embeddings` with --out {folder}")
    try:
        vectors = np.load(folder / ARRAY, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise SvtokError(f"{folder / ARRAY} is damaged ({error}): extract the embeddings again") from error
    header, *utts = (folder / INDEX).read_text(encoding="utf-8").split("\n")[:-1] or [""]
    about = load_yaml(folder / ABOUT)
    whole = "network" in about and header == "utt"
    if not whole or vectors.ndim != 2 or len(vectors) != len(utts):
        raise SvtokError(
            f"{folder} is damaged: {ARRAY} has shape {vectors.shape}, {INDEX} names {len(utts)} utterances: "
            "extract the embeddings again"
        )
    _check(utts, vectors, str(folder))
    return Embeddings(utts, vectors, str(about["network"]))


def _check(utts: Sequence[str], vectors: NDArray[np.float32], where: str) -> None:
    """Refuse repeated names and values that are not finite."""
    if len(set(utts)) != len(utts):
        seen: set[str] = set()
        twice = next(utt for utt in utts if utt in seen or seen.add(utt))  # type: ignore[func-returns-value]
        raise SvtokError(f"{where}: utterance '{twice}' has more than one embedding")
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        first = utts[int(np.argmin(finite))]
        raise SvtokError(f"{where}: {int((~finite).sum())} embeddings hold NaN or infinity, the first is of '{first}'")
