"""Where things lie: each place by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from svtok.errors import SvtokError
from svtok.places import corpus_folder, dev_folder, features_folder, prepared_sets, stored_features, work_folders


def test_the_features_of_data_lie_under_feats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert features_folder(tmp_path / "data" / "toy" / "train") == tmp_path / "feats" / "toy" / "train"
    monkeypatch.chdir(tmp_path)
    assert features_folder(Path("data/toy/train")) == tmp_path / "feats" / "toy" / "train"
    with pytest.raises(SvtokError, match="not known where its features belong"):
        features_folder(Path("elsewhere/train"))


def test_stored_features_are_those_that_are_there(tmp_path: Path) -> None:
    data = tmp_path / "data/toy/train"
    assert stored_features(data) is None
    features_folder(data).mkdir(parents=True)
    assert stored_features(data) == tmp_path / "feats/toy/train"
    assert stored_features(tmp_path / "elsewhere") is None


def test_a_set_has_its_corpus_above_it_and_dev_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data/toy/train").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "data/toy/train")
    assert corpus_folder(Path()) == tmp_path / "data/toy"
    assert dev_folder(Path()) == tmp_path / "data/toy/dev"
    assert work_folders(tmp_path / "exp/cls") == [Path(), tmp_path]


def test_prepared_sets_are_found_under_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for corpus in ("two", "one", "empty"):
        (tmp_path / "data" / corpus / "eval").mkdir(parents=True)
    for corpus in ("two", "one"):
        (tmp_path / "data" / corpus / "eval/utterances.tsv").write_text("")
    assert prepared_sets("eval") == [Path("data/one/eval"), Path("data/two/eval")]
    assert prepared_sets("dev") == []
