from pathlib import Path

import pytest

from svtok.errors import ProblemsError, SvtokError
from svtok.manifest.sets import CorpusInfo, PreparedSet, read_corpus_info, set_folders, write_corpus
from svtok.manifest.validate import count_set, describe_sets

INFO = CorpusInfo(name="tiny", synthetic=True)


def test_a_corpus_is_its_sets_and_what_it_is(prepared: PreparedSet, tmp_path: Path) -> None:
    write_corpus(INFO, {"train": PreparedSet(prepared.utterances), "eval": prepared}, tmp_path / "tiny")
    assert set_folders(tmp_path / "tiny") == [tmp_path / "tiny" / "train", tmp_path / "tiny" / "eval"]
    assert set_folders(tmp_path / "tiny" / "eval") == [tmp_path / "tiny" / "eval"]
    assert read_corpus_info(tmp_path / "tiny") == INFO


def test_a_corpus_is_written_whole_or_not_at_all(prepared: PreparedSet, tmp_path: Path) -> None:
    broken = PreparedSet(prepared.utterances.assign(spk=""))
    with pytest.raises(ProblemsError):
        write_corpus(INFO, {"train": prepared, "eval": broken}, tmp_path / "tiny")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("other", ["features.npy", "dev/notes.txt"])
def test_a_folder_with_other_files_is_not_replaced(prepared: PreparedSet, other: str, tmp_path: Path) -> None:
    write_corpus(INFO, {"dev": prepared}, tmp_path / "tiny")
    (tmp_path / "tiny" / other).touch()
    with pytest.raises(SvtokError, match="holds other files"):
        write_corpus(INFO, {"dev": prepared}, tmp_path / "tiny")
    assert (tmp_path / "tiny" / other).exists()


def test_a_folder_without_sets_is_said(tmp_path: Path) -> None:
    with pytest.raises(SvtokError, match="holds no prepared set"):
        set_folders(tmp_path)


def test_a_set_is_counted(prepared: PreparedSet) -> None:
    # each of 4 models meets 2 tests of each type
    expected = {"speakers": 2, "phrases": 2, "utterances": 16, "models": 4, "trials": 32}
    assert count_set(prepared) == expected | {"TC": 8, "TW": 8, "IC": 8, "IW": 8}


def test_the_description_is_a_table_and_notes_on_what_is_odd(prepared: PreparedSet) -> None:
    trials = prepared.trials
    models = prepared.models
    assert trials is not None
    assert models is not None
    fewer = PreparedSet(
        prepared.utterances, models.iloc[1:], trials[(trials["model"] != "a-x") & (trials["type"] != "TC")]
    )
    assert describe_sets({"train": PreparedSet(prepared.utterances), "eval": fewer}).splitlines() == [
        "set    speakers  phrases  utterances  models  trials  TC  TW  IC  IW",
        "train         2        2          16       -       -   -   -   -   -",
        "eval          2        2          16       3      18   0   6   6   6",
        "note: eval: 1 of 4 pairs of a speaker and a phrase have no model",
        "note: eval: 3 of 3 models have no TC trial",
        "note: eval: 2 of 16 utterances are in no model and in no trial",
        "note: eval: the sessions are not known; tests may be of a session that enrolled their model",
        "note: 2 speakers are both in train and in eval",
    ]
