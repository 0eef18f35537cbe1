from pathlib import Path

import pytest

from svtok.corpora.common import Published, check_counts
from svtok.errors import SvtokError

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
