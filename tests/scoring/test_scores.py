from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from svtok.errors import ProblemsError
from svtok.scoring.scores import read_scores, scores_of_trials, write_scores


def trials(*pairs: str) -> pd.DataFrame:
    return pd.DataFrame([pair.split() for pair in pairs], columns=["model", "utt"]).astype("category")


def problems_of(path: Path) -> list[str]:
    with pytest.raises(ProblemsError) as caught:
        read_scores(path)
    return [str(problem).removeprefix(str(path)) for problem in caught.value.problems]


def write(folder: Path, *lines: str) -> Path:
    path = folder / "scores.tsv"
    path.write_text("".join(line.replace(" ", "\t") + "\n" for line in ["model utt score", *lines]))
    return path


def test_the_file_is_a_line_a_trial_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "scores.tsv"
    write_scores(path, trials("b u2", 'a u"1'), np.array([0.1, -2e-9], dtype=np.float32))
    assert path.read_text() == 'model\tutt\tscore\nb\tu2\t0.1\na\tu"1\t-2e-9\n'
    table = read_scores(path)
    assert table["model"].tolist() == ["b", "a"]
    assert table["utt"].tolist() == ["u2", 'u"1']


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
@pytest.mark.slow
def test_scores_of_double_precision_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, values: list[float]
) -> None:
    path = tmp_path_factory.mktemp("scores") / "scores.tsv"
    write_scores(path, trials(*(f"m u{n}" for n in range(len(values)))), np.array(values))
    assert read_scores(path)["score"].tolist() == values


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=1, max_size=20))
@pytest.mark.slow
def test_scores_of_single_precision_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, values: list[float]
) -> None:
    path = tmp_path_factory.mktemp("scores") / "scores.tsv"
    write_scores(path, trials(*(f"m u{n}" for n in range(len(values)))), np.array(values, dtype=np.float32))
    assert read_scores(path)["score"].to_numpy().astype(np.float32).tolist() == values


def test_scores_that_are_no_finite_numbers_are_named_with_their_lines(tmp_path: Path) -> None:
    path = write(tmp_path, "m a nan", "m b 1", "m c inf", "m d x1", "m e 1_0")
    assert problems_of(path) == [
        ":2: score 'nan' is not a finite number",
        ":4: score 'inf' is not a finite number",
        ":5: score 'x1' is not a finite number",
        ":6: score '1_0' is not a finite number",
    ]


def test_repeated_trials_are_named_with_their_lines(tmp_path: Path) -> None:
    path = write(tmp_path, "m b 1", "m a 1", "m b 2")
    assert problems_of(path) == [":4: model utt 'm b' is there twice, first in line 2"]


def test_lines_with_too_few_or_too_many_columns_are_named(tmp_path: Path) -> None:
    path = write(tmp_path, "m a 1", "m b", "m c 1 2")
    assert [problem.split(" ")[0] for problem in problems_of(path)] == [":3:", ":4:"]


def test_a_file_without_its_header_or_without_scores_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "scores.tsv"
    path.write_text("model\ta\tscore\n")
    assert problems_of(path) == [":1: the header is not 'model utt score' with tabs between"]
    path.write_text("model\tutt\tscore\n")
    assert problems_of(path) == [": there is no score in the file"]
    path.write_text("")
    assert problems_of(path) == [": the file is empty"]


def test_scores_are_matched_to_trials_in_any_order() -> None:
    scores = trials("m c", "n a", "m a").assign(score=[3.0, 2.0, 1.0])
    path = Path("s.tsv")
    assert scores_of_trials(scores, trials("m c", "n a", "m a"), path=path).tolist() == [3, 2, 1]
    assert scores_of_trials(scores, trials("m a", "m c", "n a"), path=path).tolist() == [1, 3, 2]


def test_trials_without_score_and_scores_without_trial_are_named() -> None:
    scores = trials("m a", "m b", "x a").assign(score=[1.0, 2.0, 3.0])
    with pytest.raises(ProblemsError) as caught:
        scores_of_trials(scores, trials("m a", "n b", "n c"), path=Path("s.tsv"))
    assert [str(problem) for problem in caught.value.problems] == [
        "s.tsv: the trial 'n b' has no score",
        "s.tsv: the trial 'n c' has no score",
        "s.tsv:3: 'm b' is not among the trials",
        "s.tsv:4: 'x a' is not among the trials",
    ]


def test_of_many_differences_the_first_are_named_and_the_others_counted() -> None:
    wanted = trials(*(f"m u{n:02}" for n in range(20)))
    scores = wanted.iloc[:3].assign(score=1.0)
    with pytest.raises(ProblemsError) as caught:
        scores_of_trials(scores, wanted, path=Path("s.tsv"))
    assert [str(problem) for problem in caught.value.problems][-2:] == [
        "s.tsv: the trial 'm u07' has no score",
        "s.tsv: 12 more trials have no score",
    ]


def test_of_many_bad_scores_the_first_few_are_named_and_the_others_counted(tmp_path: Path) -> None:
    path = tmp_path / "scores.tsv"
    lines = [f"m{n}\tu\tnan" for n in range(9)] + ["m9\tu\t1"] * 8
    path.write_text("\n".join(["model\tutt\tscore", *lines, ""]))
    with pytest.raises(ProblemsError) as caught:
        read_scores(path)
    assert [(problem.what, problem.line) for problem in caught.value.problems] == [
        *(("score 'nan' is not a finite number", 2 + n) for n in range(5)),
        ("4 more lines with the same fault as the last", None),
        *(("model utt 'm9 u' is there twice, first in line 11", 12 + n) for n in range(5)),
        ("2 more lines with the same fault as the last", None),
    ]


def test_scores_that_are_not_finite_are_not_written(tmp_path: Path) -> None:
    trials = pd.DataFrame({"model": ["a", "a", "b"], "utt": ["t", "u", "t"]}).astype("category")
    with pytest.raises(ProblemsError) as caught:
        write_scores(tmp_path / "scores.tsv", trials, np.array([np.nan, 1, -np.inf], np.float32))
    assert [problem.what for problem in caught.value.problems] == [
        "the score of 'a t' would be nan",
        "the score of 'b t' would be -inf",
    ]
    assert not any(tmp_path.iterdir())
