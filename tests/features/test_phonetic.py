"""Phonetic columns of features, by whatever computes them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from svtok.errors import SvtokError
from svtok.features.config import FeaturesConfig, PhoneticColumns
from svtok.features.extract import extract_features
from svtok.features.store import FeatureStore
from svtok.manifest.sets import PreparedSet


@dataclass(frozen=True)
class LoudestBand:
    """Two columns: which band is the loudest, and how loud it is."""

    columns: PhoneticColumns

    def __call__(self, features: np.ndarray) -> np.ndarray:
        return np.stack([features.argmax(axis=1), features.max(axis=1)], axis=1).astype(np.float32)

    def copy_to(self, folder: Path) -> None:
        folder.mkdir()
        (folder / "name").write_text(self.columns.hash)


def embedder(name: str = "loudest") -> LoudestBand:
    return LoudestBand(PhoneticColumns(hash=name, dim=2))


def config(name: str | None = "loudest") -> FeaturesConfig:
    return FeaturesConfig(bands=8, phonetic=PhoneticColumns(hash=name, dim=2) if name else None)


def test_they_stand_after_the_acoustic_ones_and_count_among_the_dimensions(
    make_set: Callable[..., PreparedSet], tmp_path: Path
) -> None:
    prepared = make_set(3)
    extract_features(prepared, config(None), tmp_path / "plain", jobs=1)
    assert extract_features(prepared, config(), tmp_path / "both", jobs=1, phonetic=embedder())
    plain, both = FeatureStore.open(tmp_path / "plain"), FeatureStore.open(tmp_path / "both")
    assert (plain.dim, both.dim, both.config.phonetic_dim) == (8, 10, 2)
    for utt in plain.utts:
        np.testing.assert_array_equal(both[utt][:, :8], plain[utt])
        np.testing.assert_array_equal(both[utt][:, 9], plain[utt].max(axis=1))


def test_the_store_keeps_a_copy_of_what_computed_them(make_set: Callable[..., PreparedSet], tmp_path: Path) -> None:
    prepared = make_set(1)
    extract_features(prepared, config(), tmp_path / "feats", jobs=1, phonetic=embedder())
    assert (tmp_path / "feats/phonetic/name").read_text() == "loudest"
    assert not extract_features(prepared, config(), tmp_path / "feats", jobs=1, phonetic=embedder())
    assert extract_features(prepared, config("other"), tmp_path / "feats", jobs=1, phonetic=embedder("other"))
    assert (tmp_path / "feats/phonetic/name").read_text() == "other"
    (tmp_path / "feats/phonetic/name").unlink()
    (tmp_path / "feats/phonetic").rmdir()
    with pytest.raises(SvtokError, match="the folder phonetic is missing"):
        FeatureStore.open(tmp_path / "feats")


@pytest.mark.parametrize(("configured", "given"), [("loudest", None), (None, "loudest"), ("loudest", "other")], ids=str)
def test_columns_that_nothing_or_something_else_computes_are_refused(
    make_set: Callable[..., PreparedSet], tmp_path: Path, configured: str | None, given: str | None
) -> None:
    with pytest.raises(SvtokError, match="name the network that belongs to the configuration with --phonetic"):
        extract_features(
            make_set(1), config(configured), tmp_path / "feats", jobs=1, phonetic=embedder(given) if given else None
        )
    assert not (tmp_path / "feats").exists()


def test_without_them_the_fingerprint_is_what_it_was_before_they_could_be(
    make_set: Callable[..., PreparedSet], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of features, and a training on it, goes on to be taken for what it is."""
    dumped = []
    dump = FeaturesConfig.model_dump

    def spy(self: FeaturesConfig, **options: Any) -> dict[str, Any]:
        dumped.append(dump(self, **options))
        return dumped[-1]

    monkeypatch.setattr(FeaturesConfig, "model_dump", spy)
    extract_features(make_set(1), config(None), tmp_path / "feats", jobs=1)
    assert "phonetic" not in dumped[0]
