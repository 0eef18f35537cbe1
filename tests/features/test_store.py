import pickle
from pathlib import Path

import numpy as np
import pytest

from svtok.errors import SvtokError
from svtok.features.config import FeaturesConfig
from svtok.features.store import FeatureStore, write_features

CONFIG = FeaturesConfig(bands=(4,))
UTTS = ["001", "NA", 'q"x']  # ids that a careless reader of tables takes for numbers, gaps and quotes
FRAMES = [3, 1, 2]
ALL = np.arange(24, dtype=np.float32).reshape(6, 4)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_features(tmp_path, UTTS, FRAMES, [ALL[:4], ALL[4:]], config=CONFIG, fingerprint="f1")
    return tmp_path


def refused(folder: Path) -> str:
    with pytest.raises(SvtokError) as caught:
        FeatureStore.open(folder)
    return str(caught.value)


def test_what_was_written_is_read(folder: Path) -> None:
    store = FeatureStore.open(folder)
    assert (store.utts, len(store), store.dim, store.sample_rate) == (UTTS, 3, 4, 16000)
    assert (store.config, store.fingerprint) == (CONFIG, "f1")
    assert [store.frames(utt) for utt in UTTS] == FRAMES
    np.testing.assert_array_equal(store["001"], ALL[:3])
    np.testing.assert_array_equal(store["NA"], ALL[3:4])
    np.testing.assert_array_equal(store['q"x'], ALL[4:])
    assert "001" in store
    assert "1" not in store


def test_features_are_views_into_a_memory_map_that_cannot_be_written(folder: Path) -> None:
    features = FeatureStore.open(folder)["001"]
    assert isinstance(features, np.memmap)
    assert not features.flags.writeable


def test_a_pickled_store_is_small_and_opens_the_files_again(folder: Path) -> None:
    pickled = pickle.dumps(FeatureStore.open(folder))
    assert len(pickled) < 500
    np.testing.assert_array_equal(pickle.loads(pickled)["NA"], ALL[3:4])


def test_an_unknown_utterance_is_an_error_that_says_where_it_lacks(folder: Path) -> None:
    with pytest.raises(SvtokError, match=r"no features of utterance 'u9'; run 'svtok extract-features'"):
        FeatureStore.open(folder)["u9"]


def test_a_missing_folder_says_how_to_make_it(tmp_path: Path) -> None:
    assert refused(tmp_path / "none").endswith("no features here; make them with 'svtok extract-features'")


@pytest.mark.parametrize(
    "index",
    [
        "utt\tstart\tframes\n001\t0\t3\nNA\t3\t1\n",
        "utt\tstart\tframes\n001\t0\t3\nNA\t3\t1\nz\t4\t9\n",
        "utt\tstart\tframes\n001\t0\t3\nNA\t2\t1\nz\t4\t2\n",
        "utt\tstart\tframes\n001\t0\t3\n001\t3\t1\nz\t4\t2\n",
        "utt\tstart\tframes\n001\t0\t6\nNA\t6\t0\n",
    ],
)
def test_an_index_that_does_not_fit_is_refused(folder: Path, index: str) -> None:
    (folder / "features.tsv").write_text(index)
    assert "does not fit features.npy (float32 of shape (6, 4)); run 'svtok extract-features' again" in refused(folder)


def test_an_array_of_another_kind_is_refused(folder: Path) -> None:
    np.save(folder / "features.npy", ALL.astype(np.float64))
    assert "holds float64 of shape (6, 4) where there should be a float32 matrix; run 'svtok ex" in refused(folder)
    np.save(folder / "features.npy", ALL[:, :3])
    assert "does not fit features.npy (float32 of shape (6, 3))" in refused(folder)


def test_damaged_and_missing_files_are_refused(folder: Path) -> None:
    (folder / "features.tsv").write_text("utt\tstart\n001\t0\n")
    assert "features.tsv: missing or damaged (1 problem found" in refused(folder)
    content = (folder / "features.npy").read_bytes()
    (folder / "features.npy").write_bytes(content[:150])
    assert "features.npy: missing or damaged" in refused(folder)
    (folder / "features.npy").unlink()
    assert "features.npy: missing or damaged" in refused(folder)
    (folder / "features.yaml").write_text("features: {}\n")
    assert "fingerprint: this key is missing" in refused(folder)


def test_the_format_has_a_number_and_a_store_without_one_is_of_the_first(folder: Path) -> None:
    about = (folder / "features.yaml").read_text()
    assert about.startswith("format: 1\n")
    (folder / "features.yaml").write_text(about.removeprefix("format: 1\n"))
    assert FeatureStore.open(folder).utts == UTTS
    (folder / "features.yaml").write_text("format: 2\nnew: field\n")
    assert "is of format 2, this svtok reads 1; run 'svtok extract-features' again, or take" in refused(folder)


def test_the_version_that_wrote_a_store_does_not_matter(folder: Path) -> None:
    about = (folder / "features.yaml").read_text()
    (folder / "features.yaml").write_text(about.replace("svtok: ", "svtok: 99."))
    assert FeatureStore.open(folder).fingerprint == "f1"
