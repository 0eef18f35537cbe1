from pathlib import Path

import pandas as pd
import pytest

from svtok.corpora.common import Published, by_name, check_counts, leave_out, sets_by_speaker
from svtok.errors import SvtokError
from svtok.manifest.sets import PreparedSet

PUBLISHED = Published({"speakers": 3, "recordings": 10}, "an article")
ROOT = Path("corpus")


def test_the_whole_corpus_passes_without_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    check_counts(ROOT, {"speakers": 3, "recordings": 10}, PUBLISHED, allow_missing=False)
    assert capsys.readouterr().err == ""


def test_counts_that_are_only_remembered_warn_and_never_stop(capsys: pytest.CaptureFixture[str]) -> None:
    published = Published({"speakers": 3}, "an article", remembered={"recordings": 10})
    for allow_missing in (False, True):
        check_counts(ROOT, {"speakers": 3, "recordings": 9}, published, allow_missing=allow_missing)
        assert capsys.readouterr().err == (
            "warning: corpus: other counts than are remembered, which may be wrong: 9 of 10 recordings (1 missing) "
            "(an article)\n"
        )


def test_all_differences_are_named_with_their_source_and_what_to_do() -> None:
    with pytest.raises(SvtokError) as caught:
        check_counts(ROOT, {"speakers": 1, "recordings": 12}, PUBLISHED, allow_missing=False)
    assert str(caught.value) == (
        "corpus: not the whole corpus: 1 of 3 speakers (2 missing); 12 of 10 recordings (2 more than there should be) "
        "(published: an article). Fetch the rest, or prepare what is there with --allow-missing"
    )


def test_what_is_allowed_to_be_missing_is_still_said(capsys: pytest.CaptureFixture[str]) -> None:
    check_counts(ROOT, {"speakers": 3, "recordings": 9}, PUBLISHED, allow_missing=True)
    said = capsys.readouterr().err
    assert said == "warning: corpus: not the whole corpus: 9 of 10 recordings (1 missing) (published: an article)\n"


def test_of_two_recordings_of_a_name_the_last_is_read_and_that_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    paths = [Path("a/1.flac"), Path("a/2.flac"), Path("a/2.wav")]
    assert by_name(paths) == {"1": paths[0], "2": paths[2]}
    said = capsys.readouterr().err
    assert said == "warning: 1 recordings are there twice, such as a/2.flac and a/2.wav; the latter are read\n"
    assert by_name(paths[:2]) == {"1": paths[0], "2": paths[1]}
    assert capsys.readouterr().err == ""


def test_what_goes_with_recordings_that_are_not_there_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    utterances = pd.DataFrame({"utt": list("abcd"), "path": "f", "spk": "s", "phrase": "p"})
    models = pd.DataFrame({"model": ["m", "n"], "spk": "s", "phrase": "p", "utts": ["a b", "c"]})
    trials = pd.DataFrame({"model": ["m", "n"], "utt": ["d", "d"]})
    left = leave_out(PreparedSet(utterances, models, trials), {"a", "c"}, "corpus: eval")
    assert left.models is not None
    assert left.models["utts"].tolist() == ["b"]
    assert capsys.readouterr().err == (
        "warning: corpus: eval: 1 models and 1 trials are left out, and 1 models are enrolled with fewer recordings, "
        "because others are not there\n"
    )


def test_speakers_of_no_set_are_not_left_out_silently(capsys: pytest.CaptureFixture[str]) -> None:
    table = pd.DataFrame({"utt": list("abcd"), "path": "f", "spk": list("abcd"), "phrase": "p"})
    parts = {"train": ["a"], "dev": ["b"], "eval": ["c"]}
    sets = sets_by_speaker(ROOT, table, parts, lambda own: (own, own))
    assert sorted(spk for each in sets.values() for spk in each.utterances["spk"]) == list("abc")
    said = capsys.readouterr().err
    assert said == "warning: corpus: 1 recordings, such as d, are of 1 speakers who are in no set, and are left out\n"
