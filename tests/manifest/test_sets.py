from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from svtok.errors import ProblemsError, SvtokError
from svtok.manifest import sets
from svtok.manifest.sets import PreparedSet, audio_paths, read_set, write_set


def test_a_set_is_read_as_it_was_written(prepared: PreparedSet, tmp_path: Path) -> None:
    write_set(prepared, tmp_path / "set")
    read = read_set(tmp_path / "set")
    assert_frame_equal(read.utterances, prepared.utterances)
    assert read.models is not None
    assert read.trials is not None
    assert prepared.models is not None
    assert prepared.trials is not None
    assert_frame_equal(read.models, prepared.models)
    assert_frame_equal(read.trials, prepared.trials, check_categorical=False)
    assert read.folder == tmp_path / "set"


def test_a_training_set_needs_only_utterances(utterances: pd.DataFrame, tmp_path: Path) -> None:
    write_set(PreparedSet(utterances), tmp_path / "set")
    assert [path.name for path in (tmp_path / "set").iterdir()] == ["utterances.tsv"]
    assert read_set(tmp_path / "set").models is None


def test_writing_a_set_again_leaves_no_table_of_the_old_one(prepared: PreparedSet, tmp_path: Path) -> None:
    write_set(prepared, tmp_path / "set")
    write_set(PreparedSet(prepared.utterances), tmp_path / "set")
    assert [path.name for path in (tmp_path / "set").iterdir()] == ["utterances.tsv"]


def test_a_table_that_breaks_a_rule_leaves_the_old_set_in_place(prepared: PreparedSet, tmp_path: Path) -> None:
    write_set(prepared, tmp_path / "set")
    before = (tmp_path / "set" / "utterances.tsv").read_bytes()
    with pytest.raises(ProblemsError):
        write_set(PreparedSet(prepared.utterances.assign(spk="two words")), tmp_path / "set")
    assert (tmp_path / "set" / "utterances.tsv").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_a_folder_with_other_files_is_not_replaced(prepared: PreparedSet, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(SvtokError, match=r"holds other files \(thesis.tex\)"):
        write_set(prepared, tmp_path)
    assert (tmp_path / "thesis.tex").exists()


def test_long_trial_lists_are_written_as_parquet(
    prepared: PreparedSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sets, "MOST_TRIALS_IN_TSV", 10)
    write_set(prepared, tmp_path / "set")
    assert not (tmp_path / "set" / "trials.tsv").exists()
    read = read_set(tmp_path / "set").trials
    assert read is not None
    assert prepared.trials is not None
    assert_frame_equal(read, prepared.trials, check_categorical=False)


def test_two_trial_lists_in_a_set_are_an_error(prepared: PreparedSet, tmp_path: Path) -> None:
    write_set(prepared, tmp_path / "set")
    (tmp_path / "set" / "trials.parquet").touch()
    with pytest.raises(SvtokError, match=r"both trials.tsv and trials.parquet"):
        read_set(tmp_path / "set")


def test_relative_paths_are_relative_to_the_folder_of_the_table(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "utterances.tsv").write_text("utt\tpath\tspk\tphrase\nu\t../a.wav\ts\tp\n")
    read = read_set(tmp_path / "one")
    assert [path.resolve() for path in audio_paths(read)] == [tmp_path / "a.wav"]
    write_set(read, tmp_path / "elsewhere" / "two")
    assert audio_paths(read_set(tmp_path / "elsewhere" / "two")) == [tmp_path / "a.wav"]


def test_reading_a_corpus_as_a_set_names_its_sets(prepared: PreparedSet, tmp_path: Path) -> None:
    write_set(prepared, tmp_path / "corpus" / "dev")
    with pytest.raises(SvtokError, match=r"not a prepared set .*; did you mean .*/corpus/dev\?"):
        read_set(tmp_path / "corpus")
