"""The feature store: the features of a set as one memory-mapped array and an index."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field

import svtok
from svtok.config import Section, read_about, write_yaml
from svtok.errors import SvtokError
from svtok.features.config import FeaturesConfig
from svtok.files import read_array
from svtok.manifest.sets import PreparedSet, is_set, read_set
from svtok.manifest.tables import read_columns, write_rows
from svtok.places import dev_folder, features_folder

FOLDER_FORMAT = 1
"""Of the files; another one is not read. (`svtok.features.FORMAT` is that of the numbers.)"""
ARRAY, INDEX, ABOUT = "features.npy", "features.tsv", "features.yaml"
PHONETIC = "phonetic"
REDO = "run 'svtok extract-features' again"


class About(Section):
    """The content of `features.yaml`."""

    format: int = Field(FOLDER_FORMAT, description="Number of the format.")
    features: FeaturesConfig = Field(description="What the features are.")
    fingerprint: str = Field(description="Changes with the configuration, the utterances and their audio files.")
    content: str | None = Field(None, description="SHA-256 of the array: what was made again and came out the same.")
    svtok: str = Field(description="Version of svtok that wrote them.")


class FeatureStore:
    """Features by utterance id, read from disk as they are used. Open one with `FeatureStore.open(folder)`."""

    def __init__(self, folder: Path, array: np.ndarray, index: pd.DataFrame, about: About) -> None:
        self.folder = folder
        self.config = about.features
        self.fingerprint = about.fingerprint
        """What the features were made of: it says whether they are up to date."""
        self.identity = about.content or about.fingerprint  # older stores have no content
        """What they are: it says whether what was made of them is up to date."""
        self.utts: list[str] = index["utt"].tolist()
        self._array = array
        starts, frames = index["start"].tolist(), index["frames"].tolist()
        self._spans = dict(zip(self.utts, zip(starts, frames, strict=True), strict=True))

    @classmethod
    def open(cls, folder: Path) -> FeatureStore:
        """The features in a folder.

        Raises:
            SvtokError: the folder is missing, of another format or no feature store, or a file is damaged or does not
                fit the others.
        """
        folder = Path(folder)
        if not (folder / ABOUT).is_file():
            raise SvtokError(f"{folder}: no features here; make them with 'svtok extract-features'")
        about = read_about(folder / ABOUT, About, format_number=FOLDER_FORMAT, remedy=REDO)
        array, index = read_array(folder / ARRAY, REDO, mapped=True), _read_index(folder / INDEX)
        _check(folder, array, index, about.features)
        return cls(folder, array, index, about)

    @property
    def dim(self) -> int:
        """Dimensions of a frame."""
        return self.config.dim

    @property
    def sample_rate(self) -> int:
        """Sampling rate that the features were computed at, Hz."""
        return self.config.sample_rate

    def frames(self, utt: str) -> int:
        """Number of frames of an utterance."""
        return int(self._span(utt)[1])

    def __getitem__(self, utt: str) -> np.ndarray:
        """Features (T, F) of an utterance: a read-only view into the file. Raises SvtokError if there are none."""
        start, frames = self._span(utt)
        return self._array[start : start + frames]

    def __contains__(self, utt: str) -> bool:
        return utt in self._spans

    def __len__(self) -> int:
        return len(self.utts)

    def _span(self, utt: str) -> tuple[int, int]:
        try:
            return self._spans[utt]
        except KeyError:
            raise SvtokError(
                f"{self.folder}: no features of utterance '{utt}'; run 'svtok extract-features' on its set"
            ) from None

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process opens the files again: a memory map would be copied whole."""
        return FeatureStore.open, (self.folder,)


def _read_index(path: Path) -> pd.DataFrame:
    """`utt start frames`, ids as they stand in the file. Raises SvtokError for another table."""
    try:
        table = read_columns(path, ["utt", "start", "frames"]).to_pandas()
        return table.astype({"start": np.int64, "frames": np.int64})
    except (SvtokError, OSError, ValueError, OverflowError) as error:
        raise SvtokError(f"{path}: missing or damaged ({error}); {REDO}") from error


def _check(folder: Path, array: np.ndarray, index: pd.DataFrame, config: FeaturesConfig) -> None:
    """Raise SvtokError unless the utterances, one after the other, fill an array of the config's kind."""
    frames = index["frames"].to_numpy()
    in_order = np.array_equal(index["start"], np.cumsum(frames) - frames) and bool((frames > 0).all())
    right_kind = array.shape == (frames.sum(), config.dim) and array.dtype == np.float32
    if config.phonetic and not (folder / PHONETIC).is_dir():
        raise SvtokError(f"{folder}: damaged features (the folder {PHONETIC} is missing); {REDO}")
    if not (in_order and right_kind and index["utt"].is_unique):
        raise SvtokError(
            f"{folder}: {INDEX} ({len(index)} utterances, {frames.sum()} frames of {config.dim} dimensions) does not "
            f"fit {ARRAY} ({array.dtype} of shape {array.shape}); {REDO}"
        )


def write_features(
    folder: Path,
    utts: Sequence[str],
    frames: npt.ArrayLike,
    blocks: Iterable[np.ndarray],
    *,
    config: FeaturesConfig,
    fingerprint: str,
) -> None:
    """Write the three files into `folder`, which exists.

    Args:
        folder: where to.
        utts: the name of each utterance.
        frames: how many frames each has.
        blocks: the features in the order of `utts`, each float32 (any number of frames, F).
        config: what the features are.
        fingerprint: what they were made of.

    The array is written by ordinary writes, not through a memory map, for a full disk then
    is an OSError and not a bus error.
    """
    lengths = np.asarray(frames, dtype=np.int64)
    content = hashlib.sha256()
    with open(folder / ARRAY, "wb") as stream:
        shape = (int(lengths.sum()), config.dim)
        np.lib.format.write_array_header_1_0(stream, {"descr": "<f4", "fortran_order": False, "shape": shape})
        for block in blocks:
            written = np.ascontiguousarray(block, dtype="<f4").data
            stream.write(written)
            content.update(written)
    index = pd.DataFrame({"utt": list(utts), "start": np.cumsum(lengths) - lengths, "frames": lengths})
    write_rows(index, folder / INDEX, delimiter="\t", header=True)
    about = About(features=config, fingerprint=fingerprint, content=content.hexdigest(), svtok=svtok.__version__)
    write_yaml(folder / ABOUT, about)


@dataclass(frozen=True)
class Source:
    """A prepared set and its features."""

    prepared: PreparedSet
    store: FeatureStore


def open_source(data: Path, features: Path | None) -> Source:
    """A set and the features in `features`, by default those at the place that belongs to the set.

    Raises SvtokError where either is missing or an utterance has no features.
    """
    prepared = read_set(data)
    store = FeatureStore.open(features or features_folder(data))
    missing = [utt for utt in prepared.utterances["utt"] if utt not in store]
    if missing:
        raise SvtokError(
            f"{store.folder}: {len(missing)} utterances of {data} have no features, such as {', '.join(missing[:3])}; "
            "run svtok extract-features on this set again"
        )
    return Source(prepared, store)


def open_dev(dev: Path | None, features: Path | None, *, beside: Path) -> Source | None:
    """The dev set asked for, else the set `dev` beside the training set where there is one with trials."""
    if dev is None:
        dev = dev_folder(beside)
        if not is_set(dev) or read_set(dev).trials is None:
            return None
    return open_source(dev, features)


def about_source(source: Source | None) -> dict[str, str] | None:
    """What identifies the data of a run: the folder for people, the identity of its features for machines."""
    if source is None:
        return None
    return {"data": str(source.prepared.folder), "fingerprint": source.store.identity}
