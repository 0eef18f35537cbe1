from __future__ import annotations

import json
from pathlib import Path

import pytest

from svtok.errors import SvtokError
from svtok.report.evaluate import Evaluation, evaluate, read_evaluation, write_evaluation
from svtok.report.labelled import LabelledScores
from svtok.report.tables import evaluation_table


@pytest.fixture
def evaluation(labelled: LabelledScores) -> Evaluation:
    conditions, _ = evaluate(labelled, resamples=20, seed=0)
    return Evaluation(
        scores="s.tsv",
        corpus="mine (SYNTHETIC speech)",
        synthetic=True,
        resampled="speakers",
        resamples=20,
        seed=0,
        conditions=conditions,
    )


def test_the_file_reads_back_as_it_was(tmp_path: Path, evaluation: Evaluation) -> None:
    write_evaluation(tmp_path / "e.json", evaluation)
    assert read_evaluation(tmp_path / "e.json") == evaluation


def test_the_file_holds_fractions_under_the_names_of_the_contract(tmp_path: Path, evaluation: Evaluation) -> None:
    write_evaluation(tmp_path / "e.json", evaluation)
    first = json.loads((tmp_path / "e.json").read_text())["conditions"][0]
    assert first["name"] == "TC-vs-IC"
    assert (first["targets"], first["nontargets"], first["eer"], first["gender"]) == (4, 4, 0.25, None)
    assert {"dcf08", "dcf10", "cllr", "min_cllr", "eer_ci", "dcf08_ci"} <= set(first)


def test_files_that_are_no_evaluations_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "e.json"
    with pytest.raises(SvtokError, match="there is no such file"):
        read_evaluation(path)
    path.write_text("{")
    with pytest.raises(SvtokError, match="not a JSON file"):
        read_evaluation(path)
    path.write_text('{"scores": "s", "resampled": "speakers", "resamples": 0, "seed": 0, "conditions": [], "sed": 1}')
    with pytest.raises(SvtokError, match=r"unknown key 'sed'.*did you mean 'seed'"):
        read_evaluation(path)
    path.write_text("[]")
    with pytest.raises(SvtokError, match=r"e\.json"):
        read_evaluation(path)


def test_the_table_says_what_was_counted_and_how(evaluation: Evaluation) -> None:
    text = evaluation_table(evaluation)
    lines = text.splitlines()
    assert lines[0] == "s.tsv on mine (SYNTHETIC speech)"
    assert lines[2].split()[:4] == ["condition", "by", "value", "targets"]
    assert [line.split()[1:3] for line in lines[5:8]] == [
        ["gender", "f"],
        ["gender", "m"],
        ["gender", "macro-averaged"],
    ]
    assert lines[4].split()[:6] == ["TC-vs-IC", "-", "pooled", "4", "4", "25.00"]
    assert "pooled: target-wrong + impostor-correct." in text
    assert "drawing the speakers again, 20 times (seed 0)" in text


def test_with_nothing_taken_apart_there_is_no_column_for_it(evaluation: Evaluation) -> None:
    evaluation = evaluation.model_copy(update={"conditions": [one for one in evaluation.conditions if one.by is None]})
    text = evaluation_table(evaluation)
    assert "gender" not in text
    assert text.splitlines()[2].split()[:2] == ["condition", "targets"]


def test_the_arithmetic_is_named(evaluation: Evaluation) -> None:
    assert "tied scores together. DCF08" in evaluation_table(evaluation)
    evaluation = evaluation.model_copy(update={"arithmetic": "sdsv"})
    assert "official arithmetic of the SdSV challenges" in evaluation_table(evaluation)


def test_a_file_without_what_came_later_is_read(tmp_path: Path, evaluation: Evaluation) -> None:
    content = evaluation.model_dump()
    del content["arithmetic"]
    content["conditions"] = [one for one in content["conditions"] if not one["by"]]
    for condition in content["conditions"]:
        del condition["by"], condition["value"], condition["macro_averaged"]
    (tmp_path / "e.json").write_text(json.dumps(content))
    found = read_evaluation(tmp_path / "e.json")
    assert found.condition("pooled") == evaluation.condition("pooled")


def test_what_was_not_resampled_is_said(evaluation: Evaluation) -> None:
    evaluation = evaluation.model_copy(update={"resampled": "models"})
    assert "drawing the models (the speakers are not known) again" in evaluation_table(evaluation)
    evaluation = evaluation.model_copy(update={"resamples": 0})
    assert "No confidence intervals" in evaluation_table(evaluation)
