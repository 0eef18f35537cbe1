import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from svtok.cli.main import svtok
from svtok.errors import ProblemsError, SvtokError
from svtok.scoring.submission import check_submission, write_submission

Write = Callable[..., Path]
# in another order than prepared trials, which are sorted
TRIALS = "model-id evaluation-file-id\nmodel_2 evl_1\nmodel_1 evl_2\nmodel_1 evl_1\n"
SCORES = "model\tutt\tscore\nmodel_1\tevl_1\t0.1234567\nmodel_1\tevl_2\t-2\nmodel_2\tevl_1\t3e-05\n"
ANSWER = "3e-05\n-2\n0.1234567\n"
METADATA = "public-description: class token\nfused-systems-count: 2\n"


@pytest.fixture
def trials(tmp_path: Path) -> Path:
    (tmp_path / "trials.txt").write_text(TRIALS)
    return tmp_path / "trials.txt"


@pytest.fixture
def scores(tmp_path: Path) -> Path:
    (tmp_path / "scores.tsv").write_text(SCORES)
    return tmp_path / "scores.tsv"


@pytest.fixture
def make_zip(tmp_path: Path) -> Callable[..., Path]:
    def make(**content: str) -> Path:
        with zipfile.ZipFile(tmp_path / "s.zip", "w") as archive:
            for name, text in content.items():
                archive.writestr(name.replace("answer", "answer.txt").replace("inside_", "folder/"), text)
        return tmp_path / "s.zip"

    return make


def test_scores_are_written_in_the_order_of_the_challenges_list(trials: Path, scores: Path, tmp_path: Path) -> None:
    out = tmp_path / "submission.zip"
    assert write_submission(out, scores, trials, description=" class token ", fused_systems=2) == 3
    with zipfile.ZipFile(out) as archive:
        assert sorted(archive.namelist()) == ["answer.txt", "metadata"]
        answer = archive.read("answer.txt").decode()
        assert answer.endswith("\n")
        assert [float(line) for line in answer.splitlines()] == [3e-05, -2, 0.1234567]
        assert archive.read("metadata").decode() == METADATA
    assert check_submission(out, trials, scores) == 3


def test_the_same_scores_give_the_same_file(trials: Path, scores: Path, tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        write_submission(tmp_path / name, scores, trials, description="d", fused_systems=1)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("model_2\tevl_1\t3e-05\n", ""), "the trial 'model_2 evl_1' has no score"),
        (("model_2\tevl_1", "model_2\tevl_2"), "'model_2 evl_2' is not among the trials"),
        (("-2", "nan"), "score 'nan' is not a finite number"),
        (("-2", "inf"), "score 'inf' is not a finite number"),
        (("evl_2", "evl_1"), "'model_1 evl_1' is there twice"),
    ],
)
def test_scores_that_cannot_be_submitted_write_nothing(
    trials: Path, scores: Path, tmp_path: Path, change: tuple[str, str], problem: str
) -> None:
    scores.write_text(SCORES.replace(*change))
    with pytest.raises(ProblemsError, match=problem):
        write_submission(tmp_path / "s.zip", scores, trials, description="d", fused_systems=1)
    assert not (tmp_path / "s.zip").exists()


@pytest.mark.parametrize("description", ["", "  ", "two\nlines"])
def test_the_description_is_one_line(trials: Path, scores: Path, tmp_path: Path, description: str) -> None:
    with pytest.raises(SvtokError, match="one line"):
        write_submission(tmp_path / "s.zip", scores, trials, description=description, fused_systems=1)


def test_a_good_submission_has_no_problem(trials: Path, scores: Path, make_zip: Write) -> None:
    path = make_zip(answer=ANSWER, metadata=METADATA)
    assert check_submission(path, trials) == check_submission(path, trials, scores) == 3
    assert check_submission(make_zip(answer=ANSWER.replace("\n", "\r\n"), metadata=METADATA), trials) == 3


@pytest.mark.parametrize(
    ("content", "problems"),
    [
        ({"answer": ANSWER}, ["s.zip: there is no metadata at its root"]),
        (
            {"inside_answer": ANSWER, "metadata": METADATA},
            ["s.zip: there is no answer.txt at its root", "s.zip: holds 'folder/answer.txt' too"],
        ),
        (
            {"answer": "1\n2\n", "metadata": METADATA},
            ["s.zip/answer.txt: 2 lines, but the list of trials has 3 trials"],
        ),
        (
            {"answer": "1\nNaN\nx\n", "metadata": METADATA},
            ["s.zip/answer.txt:2: 'NaN' is not a finite number", "s.zip/answer.txt:3: 'x' is not a finite number"],
        ),
        ({"answer": "1\n\n2\n", "metadata": METADATA}, ["s.zip/answer.txt:2: the line is empty"]),
        ({"answer": "", "metadata": METADATA}, ["s.zip/answer.txt: the file is empty"]),
        (
            {"answer": ANSWER, "metadata": "public-description:\nfused-systems-count: none\n"},
            [
                "s.zip/metadata: there is no line 'public-description: ...'",
                "s.zip/metadata: there is no line 'fused-systems-count: N' with a whole number over 0",
            ],
        ),
    ],
)
def test_what_is_wrong_with_a_submission_is_named_at_once(
    trials: Path, make_zip: Write, content: dict[str, str], problems: list[str]
) -> None:
    path = make_zip(**content)
    with pytest.raises(ProblemsError) as error:
        check_submission(path, trials)
    assert [str(problem).removeprefix(f"{path.parent}/") for problem in error.value.problems] == problems


def test_a_wrong_order_is_seen_with_the_scores(trials: Path, scores: Path, make_zip: Write) -> None:
    path = make_zip(answer="-2\n3e-05\n0.1234567\n", metadata=METADATA)
    with pytest.raises(ProblemsError) as error:
        check_submission(path, trials, scores)
    assert [problem.line for problem in error.value.problems] == [1, 2]


def test_many_problems_are_counted(tmp_path: Path, make_zip: Write) -> None:
    lines = pd.Series(range(100)).astype(str)
    (tmp_path / "t").write_text("model-id evaluation-file-id\n" + "".join(f"m e{line}\n" for line in lines))
    with pytest.raises(ProblemsError, match="95 more lines with the same fault as the last"):
        check_submission(make_zip(answer="x\n" * 100, metadata=METADATA), tmp_path / "t")


def test_what_is_no_zip_is_named(trials: Path) -> None:
    with pytest.raises(ProblemsError, match="not a ZIP file"):
        check_submission(trials, trials)


def test_the_command_writes_and_checks(trials: Path, scores: Path, tmp_path: Path) -> None:
    out = tmp_path / "s.zip"
    command = ["submit", "--scores", str(scores), "--trials", str(trials), "--out", str(out), "--description", "d"]
    written = CliRunner().invoke(svtok, command)
    assert written.exit_code == 0, written.output
    assert "3 trials" in written.output
    checked = CliRunner().invoke(svtok, ["submit", "--check", str(out), "--trials", str(trials)])
    assert checked.exit_code == 0, checked.output


@pytest.mark.parametrize("options", [(), ("--out", "x.zip"), ("--check", "trials.txt", "--out", "x.zip")])
def test_options_that_do_not_go_together_are_a_usage_error(
    trials: Path, options: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(trials.parent)
    result = CliRunner().invoke(svtok, ["submit", "--trials", "trials.txt", *options])
    assert result.exit_code == 2
