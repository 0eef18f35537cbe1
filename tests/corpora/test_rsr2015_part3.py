"""Preparing RSR2015 Part III, of whose lists little is known: what the ids say is checked, the rest is believed."""

from dataclasses import replace
from pathlib import Path

import pytest

from svtok.corpora.rsr2015.prepare import prepare
from svtok.corpora.synthetic.marker import write_marker
from svtok.corpora.synthetic.rsr2015_lists import Settings, write_lists
from svtok.errors import ProblemsError
from svtok.manifest.sets import PreparedSet
from svtok.manifest.validate import check_set

SETTINGS = Settings(speakers=2, dev_speakers=4, eval_speakers=4, phrases=2, sessions=4)
TRN = "trn/3sesspwd_eval_m.trn"
NDX = "ndx/3sess-pwd_eval_m.ndx"


def change(path: Path, old: str, new: str) -> None:
    """Change the first place where the old text stands."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def prepared_eval(root: Path) -> PreparedSet:
    return prepare(root, part=3, audio=False)["eval"]


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    """Lists in which speakers are enrolled with other strings of digits than the tests."""
    write_marker(tmp_path, replace(SETTINGS, part=3))
    write_lists(tmp_path, replace(SETTINGS, part=3))
    return tmp_path


@pytest.fixture
def sentences(tmp_path: Path) -> Path:
    """Lists of the form of Part II."""
    write_marker(tmp_path, SETTINGS)
    write_lists(tmp_path, SETTINGS)
    (tmp_path / "key/part2").rename(tmp_path / "key/part3")
    for path in (tmp_path / "key/part3").glob("*/*"):
        path.write_text(path.read_text().replace("_031", "_061").replace("_032", "_062"))
    return tmp_path


def test_models_are_of_speakers_and_the_flags_alone_say_phrases(
    digits: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(digits / "key/part3" / NDX, "Y,N,N,N", "N,Y,N,N")
    eval_ = prepared_eval(digits)
    assert eval_.models is not None
    assert eval_.trials is not None
    assert eval_.models["model"].tolist() == ["m004", "m005", "f004", "f005"]
    assert set(eval_.models["phrase"]) == set(eval_.utterances["phrase"]) == {"?"}
    assert eval_.trials["type"].tolist()[:4] == ["TW", "TC", "IC", "IC"]
    assert not list(check_set(eval_))
    said = capsys.readouterr().err
    assert "sentences 061, 062, 063, 064, 065; 8 models, each of 9 files; phrases are known by the flags alone" in said


def test_speakers_are_checked_against_the_flags(digits: Path) -> None:
    change(digits / "key/part3" / NDX, "Y,N,N,N", "N,N,Y,N")
    change(digits / "key/part3" / TRN, "m005/m005_01_061", "m004/m004_01_061")
    with pytest.raises(ProblemsError) as caught:
        prepared_eval(digits)
    assert [str(problem).replace(f"{digits}/key/part3/", "") for problem in caught.value.problems] == [
        f"{TRN}:2: model 'm005' cannot be enrolled with 'male/m004/m004_01_061.sph', which is of m004",
        f"{NDX}:1: the flags say IC, but model and file make it TW",
    ]


def test_lists_by_sentence_are_read_as_those_of_the_other_parts(sentences: Path) -> None:
    eval_ = prepared_eval(sentences)
    assert set(eval_.utterances["phrase"]) == {"061", "062"}
    assert not list(check_set(eval_))
    change(sentences / "key/part3" / NDX, "N,Y,N,N", "Y,N,N,N")
    with pytest.raises(ProblemsError, match="the flags say TC, but model and file make it TW"):
        prepared_eval(sentences)


def test_names_that_are_no_sentence_of_another_part_are_accepted(digits: Path) -> None:
    """The digits themselves, say."""
    for path in (digits / "key/part3").glob("*/*"):
        path.write_text(path.read_text().replace("_064.", "_31415."))
    assert "m004_02_31415" in set(prepared_eval(digits).utterances["utt"])
    change(digits / "key/part3" / NDX, "_31415.", "_031.")
    with pytest.raises(ProblemsError, match=r"sentence 031 is not one of part 3 \(061 to 073\)"):
        prepared_eval(digits)
