from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from svtok.errors import ProblemsError
from svtok.manifest.kaldi.lists import (
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
    with pytest.raises(ProblemsError, match=r"trials:1: 1 field with one blank or tab between.* 2 or 3 or 4"):
        read_trial_list(written(tmp_path / "trials", "m\n"))


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
        ("0.5 target\n", "2 fields with one blank or tab between"),
        (
            "m u x\nm v nan\n",
            r"2 problems found\n.*scores:1: score 'x' is no number\n.*scores:2: score 'nan' is no number",
        ),
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
