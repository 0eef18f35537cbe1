"""What a training run is asked for and reads: prepared sets, their features, the device."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from svtok.errors import SvtokError
from svtok.features.store import FeatureStore, default_features_folder
from svtok.manifest.sets import PreparedSet, is_set, read_set
from svtok.training.config import Config


@dataclass(frozen=True)
class Source:
    """A prepared set and its features."""

    prepared: PreparedSet
    store: FeatureStore


@dataclass(frozen=True)
class Run:
    """What is asked for.

    `teachers` are the folders of a student's teachers; `joint` is the configuration of the one trained beside it.
    """

    out: Path
    config: Config
    train: Source
    dev: Source | None
    seed: int
    device: torch.device
    resume: bool
    teachers: tuple[Path, ...] = ()
    joint: Config | None = None


def open_source(data: Path, features: Path | None) -> Source:
    """A set and the features in `features`, by default those at the place that belongs to the set.

    Raises SvtokError where either is missing or an utterance has no features.
    """
    prepared = read_set(data)
    store = FeatureStore.open(features or default_features_folder(data))
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
        dev = beside.absolute().parent / "dev"
        if not is_set(dev) or read_set(dev).trials is None:
            return None
    return open_source(dev, features)


def about_source(source: Source | None) -> dict[str, str] | None:
    """What identifies the data of a run: the folder for people, the fingerprint for machines."""
    if source is None:
        return None
    return {"data": str(source.prepared.folder), "fingerprint": source.store.fingerprint}


def pick_device(name: str) -> torch.device:
    """`auto` (a GPU where there is one), `cpu` or `cuda`. Raises SvtokError for a GPU that is not there."""
    if name == "cuda" and not torch.cuda.is_available():
        raise SvtokError("--device cuda: torch finds no usable GPU; use --device cpu")
    return torch.device("cuda" if name == "cuda" or (name == "auto" and torch.cuda.is_available()) else "cpu")
