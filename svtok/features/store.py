"""The feature store: the features of a set as one memory-mapped array and an index."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

import svtok
from svtok.config import Section, read_about, write_yaml
from svtok.errors import Problem, SvtokError, first_few, raise_problems
from svtok.features.config import FeaturesConfig, differences
from svtok.files import read_array
from svtok.manifest.sets import PreparedSet, audio_paths, is_set, read_set
from svtok.manifest.tables import read_columns, write_rows
from svtok.places import dev_folder, features_folder

if TYPE_CHECKING:
    import pandas as pd

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
        spans = zip(index["start"].tolist(), index["frames"].tolist(), strict=True)
        self._spans = {utt: (array, *span) for utt, span in zip(self.utts, spans, strict=True)}
        self._parts: tuple[tuple[FeatureStore, list[str]], ...] = ()

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
        array, index = read_array(folder / ARRAY, REDO, mapped=True), read_index(folder / INDEX, REDO)
        check_index(folder, array, index, about.features.dim, (INDEX, ARRAY), REDO)
        if about.features.phonetic and not (folder / PHONETIC).is_dir():
            raise SvtokError(f"{folder}: damaged features (the folder {PHONETIC} is missing); {REDO}")
        return cls(folder, array, index, about)

    @classmethod
    def joined(cls, *parts: tuple[FeatureStore, list[str]]) -> FeatureStore:
        """Some utterances of each of several stores of one kind of features; no name is in two of them.

        The folder and the configuration are those of the first.
        """
        store = copy.copy(parts[0][0])
        store._parts = parts
        store._spans = {utt: part._spans[utt] for part, utts in parts for utt in utts}
        store.utts = list(store._spans)
        store.fingerprint = " ".join(part.fingerprint for part, _ in parts)
        store.identity = " ".join(part.identity for part, _ in parts)
        return store

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
        return int(self._span(utt)[2])

    def __getitem__(self, utt: str) -> np.ndarray:
        """Features (T, F) of an utterance: a read-only view into the file. Raises SvtokError if there are none."""
        array, start, frames = self._span(utt)
        return array[start : start + frames]

    def __contains__(self, utt: str) -> bool:
        return utt in self._spans

    def __len__(self) -> int:
        return len(self.utts)

    def _span(self, utt: str) -> tuple[np.ndarray, int, int]:
        try:
            return self._spans[utt]
        except KeyError:
            raise SvtokError(
                f"{self.folder}: no features of utterance '{utt}'; run 'svtok extract-features' on its set"
            ) from None

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process opens the files again: a memory map would be copied whole."""
        return (FeatureStore.joined, self._parts) if self._parts else (FeatureStore.open, (self.folder,))


def read_index(path: Path, remedy: str) -> pd.DataFrame:
    """Where the frames of each utterance are in an array: `utt start frames`, in the order of the array.

    Raises:
        SvtokError: the file is missing, damaged or another table; the message ends with `remedy`.
    """
    try:
        table = read_columns(path, ["utt", "start", "frames"]).to_pandas()
        return table.astype({"start": np.int64, "frames": np.int64}).sort_values("start", ignore_index=True)
    except (SvtokError, OSError, ValueError, OverflowError) as error:
        raise SvtokError(f"{path}: missing or damaged ({error}); {remedy}") from error


def check_index(
    folder: Path, array: np.ndarray, index: pd.DataFrame, dim: int, names: tuple[str, str], remedy: str
) -> None:
    """Raise SvtokError unless the utterances of an index, one after the other, fill an array of `dim` columns."""
    frames = index["frames"].to_numpy()
    in_order = np.array_equal(index["start"], np.cumsum(frames) - frames) and bool((frames > 0).all())
    right_kind = array.shape == (frames.sum(), dim) and array.dtype == np.float32
    if not (in_order and right_kind and index["utt"].is_unique):
        raise SvtokError(
            f"{folder}: {names[0]} ({len(index)} utterances, {frames.sum()} frames of {dim} dimensions) does not "
            f"fit {names[1]} ({array.dtype} of shape {array.shape}); {remedy}"
        )


def write_frames(
    array: Path, index: Path, utts: Sequence[str], frames: npt.ArrayLike, blocks: Iterable[np.ndarray], *, dim: int
) -> str:
    """Write the frames of utterances as one array, and where those of each begin.

    The array is written by ordinary writes, not through a memory map, for a full disk then is an OSError and not a bus
    error.

    Args:
        array, index: the files to write.
        utts: the utterances.
        frames: how many belong to each.
        blocks: all frames, in the order of `utts`: each (any number of frames, dim).
        dim: values of a frame.

    Returns:
        SHA-256 (hex) of the values.
    """
    import pandas as pd

    lengths = np.asarray(frames, dtype=np.int64)
    content = hashlib.sha256()
    with open(array, "wb") as stream:
        shape = (int(lengths.sum()), dim)
        np.lib.format.write_array_header_1_0(stream, {"descr": "<f4", "fortran_order": False, "shape": shape})
        for block in blocks:
            written = np.ascontiguousarray(block, dtype="<f4").data
            stream.write(written)
            content.update(written)
    table = pd.DataFrame({"utt": list(utts), "start": np.cumsum(lengths) - lengths, "frames": lengths})
    write_rows(table, index, delimiter="\t", header=True)
    return content.hexdigest()


def write_features(
    folder: Path,
    utts: Sequence[str],
    frames: npt.ArrayLike,
    blocks: Iterable[np.ndarray],
    *,
    config: FeaturesConfig,
    fingerprint: str,
) -> None:
    """Write the three files into `folder`, which exists: the features of `utts` by `write_frames`."""
    content = write_frames(folder / ARRAY, folder / INDEX, utts, frames, blocks, dim=config.dim)
    about = About(features=config, fingerprint=fingerprint, content=content, svtok=svtok.__version__)
    write_yaml(folder / ABOUT, about)


@dataclass(frozen=True)
class Source:
    """A prepared set and its features; `parts` are those of each set, where it is several ones as one."""

    prepared: PreparedSet
    store: FeatureStore
    parts: tuple[Source, ...] = ()


def open_source(data: Path, features: Path | None) -> Source:
    """A set and its features.

    Args:
        data: the prepared set.
        features: their folder; None: the place that belongs to the set.

    Raises:
        SvtokError: either is missing, or an utterance has no features.
    """
    prepared = read_set(data)
    store = FeatureStore.open(features or features_folder(data))
    missing = [utt for utt in prepared.utterances["utt"] if utt not in store]
    if missing:
        raise SvtokError(
            f"{store.folder}: {len(missing)} utterances of {data} have no features, such as {first_few(missing, 3)}; "
            "run svtok extract-features on this set again"
        )
    return Source(prepared, store)


def open_sources(data: Sequence[Path], features: Sequence[Path]) -> Source:
    """Several sets and their features as one, to train on: all utterances, no models, no trials.

    Args:
        data: the prepared sets, at least one; a single one is as `open_source` has it.
        features: their folders, one a set in the same order; none: the places that belong to the sets.

    Raises:
        SvtokError: as `open_source`, or not as many folders as sets.
        ProblemsError: sets that have the names of speakers or utterances in common, or features of other kinds.
    """
    import pandas as pd

    if features and len(features) != len(data):
        raise SvtokError(
            f"{len(data)} sets (--data) and {len(features)} folders of features (--features): name the features of "
            "each set in the same order, or of none"
        )
    parts = tuple(open_source(folder, features[place] if features else None) for place, folder in enumerate(data))
    if len(parts) == 1:
        return parts[0]
    raise_problems([problem for one, other in combinations(parts, 2) for problem in _clashes(one, other)])
    columns = ("utt", "path", "spk", "phrase", "start", "end", "channel")
    tables = [
        part.prepared.utterances.assign(path=[str(path.resolve()) for path in audio_paths(part.prepared)])
        for part in parts
    ]
    table = pd.concat([each[[name for name in columns if name in each]] for each in tables], ignore_index=True)
    for name in ("start", "end", "channel"):  # which one set may have, and another not
        if name in table:
            table[name] = table[name].astype(object).where(table[name].notna(), None)
    store = FeatureStore.joined(*((part.store, part.prepared.utterances["utt"].tolist()) for part in parts))
    return Source(PreparedSet(table, folder=parts[0].prepared.folder), store, parts)


def _clashes(one: Source, other: Source) -> Iterator[Problem]:
    """A problem for each way in which two sets cannot be trained on together."""
    folder, columns = one.prepared.folder, (("spk", "speaker"), ("utt", "utterance"))
    for column, what in columns:
        if common := sorted(set(one.prepared.utterances[column]) & set(other.prepared.utterances[column])):
            names = f"{len(common)} {what} name{'s are' if len(common) > 1 else ' is'} in {folder} too"
            mend = "name them apart, such as with the corpus before each, in the table that one set is prepared from"
            yield Problem(f"{names}: {first_few(common)}; {mend}", other.prepared.folder)
    whose, whose_other = (f"those of {source.store.folder}" for source in (one, other))
    yield from differences(one.store.config, other.store.config, whose, whose_other)


def open_dev(dev: Path | None, features: Path | None, *, beside: Path) -> Source | None:
    """The dev set of a training; None where there is none.

    Args:
        dev: the set asked for; None: the set `dev` beside the training set, where that has trials.
        features: as of `open_source`.
        beside: the training set.

    Raises:
        SvtokError: as `open_source`.
    """
    if dev is None:
        dev = dev_folder(beside)
        if not is_set(dev) or read_set(dev).trials is None:
            return None
    return open_source(dev, features)


def about_source(source: Source | None) -> dict[str, Any] | None:
    """What identifies the data of a run: the folder for people, the identity of its features for machines.

    Of several sets, the first stands there as it would alone, and the others under `further`.
    """
    if source is None:
        return None
    first, *others = source.parts or (source,)
    about: dict[str, Any] = {"data": str(first.prepared.folder), "fingerprint": first.store.identity}
    if others:
        places, kinds = [str(other.prepared.folder) for other in others], [other.store.identity for other in others]
        about["further"] = {"data": places, "fingerprint": kinds}
    return about
