"""svtok ablation-choose: no fold chooses by the speakers whom it reports."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from svtok.cli.ablate import ablation_choose
from svtok.errors import ProblemsError, SvtokError
from svtok.experiments.choice import choices_text, choose
from svtok.experiments.results import Row, write_results

MakeRow = Callable[..., Row]


def dev_rows(make_row: MakeRow, eers: dict[str, list[float]], condition: str = "TC-vs-IC") -> list[Row]:
    """A row for each system and fold, from 1 on."""
    return [
        make_row(system, fold, 0, eer, condition=condition, test_set="dev")
        for system, of_folds in eers.items()
        for fold, eer in enumerate(of_folds, start=1)
    ]


def test_a_fold_leaves_out_the_dev_set_that_it_evaluates(make_row: MakeRow) -> None:
    # the dev speakers of fold 1 are evaluated in fold 2, those of fold 3 in fold 1
    choices = choose(dev_rows(make_row, {"a": [0.30, 0.10, 0.10], "b": [0.14, 0.14, 0.14]}), (), ("TC-vs-IC",))
    assert choices.figures["a"] == pytest.approx({1: 0.20, 2: 0.10, 3: 0.20})
    assert choices.figures["b"] == pytest.approx({1: 0.14, 2: 0.14, 3: 0.14})
    assert choices.chosen == {1: "b", 2: "a", 3: "b"}
    assert choices.agreed is None
    assert "10.00*" in choices_text(choices)
    assert "do not agree" in choices_text(choices)


def test_conditions_count_alike_and_one_system_may_stand_for_all_folds(make_row: MakeRow) -> None:
    rows = dev_rows(make_row, {"a": [0.10] * 3, "b": [0.08] * 3})
    rows += dev_rows(make_row, {"a": [0.01] * 3, "b": [0.05] * 3}, condition="TC-vs-TW")
    choices = choose(rows, (), ("TC-vs-IC", "TC-vs-TW"))
    assert choices.figures["b"][1] == pytest.approx((0.08 + 0.05) / 2)
    assert choices.agreed == "a"
    assert choose(rows, (), ("TC-vs-IC",)).agreed == "b"


def test_a_system_that_lacks_a_run_is_left_out_by_name(make_row: MakeRow) -> None:
    rows = dev_rows(make_row, {"a": [0.1] * 3, "b": [0.01] * 2})
    choices = choose(rows, (), ("TC-vs-IC",))
    assert (choices.agreed, choices.left_out) == ("a", ["b"])
    assert "Left out, as runs are missing: b." in choices_text(choices, markdown=True)
    with pytest.raises(SvtokError, match="no system has all runs"):
        choose(rows, ("b",), ("TC-vs-IC",))


def test_what_is_no_choice_is_refused(make_row: MakeRow) -> None:
    rows = dev_rows(make_row, {"a": [0.1] * 3})
    with pytest.raises(SvtokError, match="evaluated on eval"):
        choose([row.model_copy(update={"test_set": "eval"}) for row in rows], (), ("TC-vs-IC",))
    with pytest.raises(SvtokError, match="all folds"):
        choose(rows[:2], (), ("TC-vs-IC",))
    with pytest.raises(ProblemsError, match="unknown system 'aa'"):
        choose(rows, ("aa",), ("TC-vs-IC",))


def test_the_command_prints_and_writes_the_figures(make_row: MakeRow, tmp_path: Path) -> None:
    write_results(tmp_path / "dev.json", dev_rows(make_row, {"a": [0.1] * 3, "b": [0.2] * 3}))
    given = [str(tmp_path / "dev.json"), "--conditions", "TC-vs-IC", "--markdown", str(tmp_path / "choice.md")]
    done = CliRunner().invoke(ablation_choose, given)
    assert done.exit_code == 0, done.output
    assert "All folds choose a." in done.output
    assert "| a" in (tmp_path / "choice.md").read_text()
