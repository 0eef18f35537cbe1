from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from svtok.errors import ProblemsError
from svtok.manifest.kaldi.lists import (
    Toolkit,
    read_any_trials,
    read_score_list,
    read_trial_list,
    write_score_list,
    write_trial_list,
    write_trial_types,
)
from svtok.manifest.schema import normal

characters = st.characters(exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp"), exclude_characters="\ufeff")
ids = st.text(characters, min_size=1, max_size=6).map(normal)
one_file = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=20)


def rows(frame: pd.DataFrame) -> list[tuple[object, ...]]:
    return list(frame.astype(object).itertuples(index=False, name=None))


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


@one_file
@given(
    pairs=st.lists(
        st.tuples(ids, ids, st.floats(allow_nan=False, allow_infinity=False)), min_size=1, unique_by=lambda row: row[:2]
    )
)
@pytest.mark.slow
def test_scores_are_read_as_they_were_written(pairs: list[tuple[str, str, float]], tmp_path: Path) -> None:
    write_score_list(pd.DataFrame(pairs, columns=["model", "utt", "score"]), tmp_path / "scores")
    assert rows(read_score_list(tmp_path / "scores")) == pairs


@one_file
@given(
    pairs=st.lists(
        st.tuples(ids, ids, st.sampled_from(["TC", "TW", "IC", "IW"])), min_size=1, unique_by=lambda row: row[:2]
    )
)
@pytest.mark.slow
def test_trial_types_are_read_as_they_were_written(pairs: list[tuple[str, str, str]], tmp_path: Path) -> None:
    trials = pd.DataFrame(pairs, columns=["model", "utt", "type"])
    write_trial_types(trials, tmp_path / "types")
    assert rows(read_trial_list(tmp_path / "types")) == pairs
    write_trial_list(trials, tmp_path / "trials")
    labels = [(model, utt, "target" if kind == "TC" else "nontarget") for model, utt, kind in pairs]
    assert rows(read_trial_list(tmp_path / "trials")) == labels


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("m u", ("m", "u")),
        ("m u target", ("m", "u", "target")),
        ("m\tu\tnontarget", ("m", "u", "nontarget")),
        ("m  u  target ", ("m", "u", "target")),
        ("m u 1", ("m", "u", "target")),  # 3D-Speaker
        ("0 a/1.wav b/1.wav", ("a/1.wav", "b/1.wav", "nontarget")),  # VoxCeleb, SpeechBrain
        ("1 m TC", ("1", "m", "TC")),
        ("m u nontarget IW", ("m", "u", "IW")),
    ],
)
def test_trials_have_two_to_four_fields(line: str, expected: tuple[str, ...], tmp_path: Path) -> None:
    assert rows(read_trial_list(written(tmp_path / "trials", line + "\n"))) == [expected]


def test_every_wrong_line_of_a_trial_list_is_said(tmp_path: Path) -> None:
    with pytest.raises(ProblemsError) as error:
        read_trial_list(written(tmp_path / "trials", "m u target\nm v yes\nm u nontarget\n"))
    assert [(problem.line, problem.what[:25]) for problem in error.value.problems] == [
        (2, "type unknown trial type '"),
        (3, "model utt 'm u' is there "),
    ]
    with pytest.raises(ProblemsError, match=r"trials:2: label 'target' does not go with type 'TW'"):
        read_trial_list(written(tmp_path / "trials", "m u target TC\nm v target TW\n"))
    with pytest.raises(ProblemsError, match=r"trials:2: 2 fields where there should be 3"):
        read_trial_list(written(tmp_path / "trials", "m u target\nm v\n"))
    with pytest.raises(ProblemsError, match=r"trials:1: 1 field with blanks or tabs between.* 2 or 3 or 4"):
        read_trial_list(written(tmp_path / "trials", "m\n"))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (
            "m u target\n1 v w\nm w nontarget\n",
            "trials:2: the label is the first field; in line 1 it is the third, and one list has one order$",
        ),
        ("1 a b\n0 a c\nb c 1\n", "trials:3: the label is the third; in line 1 it is the first field"),
        ("1 0 1\n0 1 0\n", "trials:1: the first field and the third of every line could be its label: rename"),
        (
            "m u target\nm v 0\nm w TW\n",
            r"trials:2: label '0' does not go with 'target' in line 1; .*\n.*trials:3: label 'TW' does not go with",
        ),
        ("1 a b\nnontarget a c\n", "trials:2: label 'nontarget' does not go with '1' in line 1"),
        ("m u 0.5\nm v -1e3\n", "trials: these are scores, `enroll test score`"),
    ],
)
def test_lists_whose_lines_are_mixed_or_are_no_trials_are_refused_with_lines(
    text: str, what: str, tmp_path: Path
) -> None:
    with pytest.raises(ProblemsError, match=what):
        read_trial_list(written(tmp_path / "trials", text))


@pytest.mark.parametrize(
    ("toolkit", "trials", "scores"),
    [
        ("kaldi", "m u target\nm v nontarget\n", "m u 0.5\nm v -1\n"),
        ("wespeaker", "m u target\nm v nontarget\n", "m u 0.5 target\nm v -1 nontarget\n"),
        ("3d-speaker", "m u target\nm v nontarget\n", "m u target 0.5\nm v nontarget -1\n"),
        ("speechbrain", "1 m u\n0 m v\n", "m u 1 0.5\nm v 0 -1\n"),
    ],
)
def test_each_toolkit_is_written_its_own_form_and_read_again(
    toolkit: Toolkit, trials: str, scores: str, tmp_path: Path
) -> None:
    frame = pd.DataFrame({"model": ["m", "m"], "utt": ["u", "v"], "type": ["TC", "IW"], "score": [0.5, -1.0]})
    write_trial_list(frame, tmp_path / "trials", toolkit)
    write_score_list(frame, tmp_path / "scores", toolkit)
    assert ((tmp_path / "trials").read_text(), (tmp_path / "scores").read_text()) == (trials, scores)
    assert rows(read_trial_list(tmp_path / "trials")) == [("m", "u", "target"), ("m", "v", "nontarget")]
    assert rows(read_score_list(tmp_path / "scores")) == [("m", "u", 0.5), ("m", "v", -1.0)]


def test_a_table_of_ours_is_known_by_its_header(tmp_path: Path) -> None:
    table = written(tmp_path / "trials.tsv", "model\tutt\ttype\nm\tu\tTC\n")
    assert rows(read_any_trials(table)) == [("m", "u", "TC")]
    listed = read_any_trials(written(tmp_path / "trials", "1 b.wav a.wav\n0 a.wav c.wav\n"))
    assert rows(listed) == [("b.wav", "a.wav", "target"), ("a.wav", "c.wav", "nontarget")]
    assert list(listed["model"].cat.categories) == ["a.wav", "b.wav"]
    with pytest.raises(ProblemsError, match="no such file"):
        read_any_trials(tmp_path / "other")


@pytest.mark.parametrize(
    "text",
    [
        "m u 0.25\nm v 1\n",  # Kaldi
        "m u 0.25 target\nm v 1 nontarget\n",  # WeSpeaker
        "m u 0.25 target 1 2 3 4\nm v 1 nontarget 1 2 3 4\n",  # WeSpeaker, normalised
        "m u target 0.25\nm v nontarget 1\n",  # 3D-Speaker
        "m u 1 0.25\nm v 0 1\n",  # SpeechBrain
        "m u 0.25 TC\nm v 1 IW\n",
        "m\tu\t2.5e-1\nm\tv\t1.0\n",
    ],
)
def test_the_score_is_found_whatever_toolkit_wrote_it(text: str, tmp_path: Path) -> None:
    assert rows(read_score_list(written(tmp_path / "scores", text))) == [("m", "u", 0.25), ("m", "v", 1.0)]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("m u 1 0\nm v 0 1\n", "scores and labels look alike"),
        ("m u 0.5 0.25\n", "scores and labels look alike"),
        ("0.5 target\n", "2 fields with blanks or tabs between"),
        (
            "m u x\nm v nan\n",
            r"2 problems found\n.*scores:1: score 'x' is no number\n.*scores:2: score 'nan' is no number",
        ),
        (
            "m u 0.5 target\nm v nontarget 0.2\nm w 0.1 x\n",
            r"scores:2: the label is the third field; in line 1 it is the fourth, and one list has one order\n"
            r".*scores:3: the fourth field is no label, as it is in line 1$",
        ),
        ("m u 1\nm v 0\n", "scores: these are trials with their labels, not scores"),
        ("m u target\nm v nontarget\n", "scores: these are trials with their labels"),
        ("1 a.wav b.wav\n0 a.wav c.wav\n", "scores: these are trials with their labels"),
        ("m u 1\nm u 2\n", "scores:2: model utt 'm u' is there twice, first in line 1"),
        ("", "the file is empty"),
    ],
)
def test_scores_that_cannot_be_read_are_said(text: str, what: str, tmp_path: Path) -> None:
    with pytest.raises(ProblemsError, match=what):
        read_score_list(written(tmp_path / "scores", text))


def test_scores_keep_full_precision(tmp_path: Path) -> None:
    frame = pd.DataFrame({"model": ["m"], "utt": ["u"], "score": np.array([0.1], np.float32)})
    write_score_list(frame, tmp_path / "scores")
    assert (tmp_path / "scores").read_text() == "m u 0.1\n"
