from __future__ import annotations

from typing import Any

from svtok.report.evaluate import Condition, Evaluation
from svtok.report.tables import comparison_markdown, comparison_text, evaluation_table


def condition(name: str, eer: float, **changes: Any) -> Condition:
    values = {"nontarget_types": [], "targets": 4, "nontargets": 5, "dcf08": 0.5, "dcf10": 1, "cllr": 1, "min_cllr": 1}
    return Condition(**{"name": name, "eer": eer, **values, **changes})


def evaluation(*conditions: Condition, **changes: Any) -> Evaluation:
    values = {"scores": "s.tsv", "corpus": "mine", "resampled": "speakers", "resamples": 0, "seed": 0}
    return Evaluation(**{**values, "conditions": list(conditions), **changes})


def test_a_row_a_system_and_columns_for_the_conditions_that_are_there() -> None:
    text = comparison_text(
        {
            "avg": evaluation(condition("TC-vs-IC", 0.1, eer_ci=(0.08, 0.12)), condition("pooled", 0.05)),
            "cls": evaluation(condition("TC-vs-IC", 0.09), condition("pooled", 0.04)),
        }
    )
    lines = text.splitlines()
    assert lines[0] == "Error rates on mine"
    assert lines[2].split("  ")[0] == "system"
    assert "TC-vs-TW" not in text
    assert lines[4].split() == ["avg", "10.00", "[8.00,", "12.00]", "0.500", "5.00"]
    assert lines[5].split() == ["cls", "9.00", "0.500", "4.00"]
    assert "TC-vs-IC 4 / 5, pooled 4 / 5" in text
    assert "SYNTHETIC" not in text
    assert "interval" not in text


def test_a_condition_that_a_system_lacks_is_a_dash() -> None:
    text = comparison_text(
        {"a": evaluation(condition("TC-vs-TW", 0.1)), "b": evaluation(condition("pooled", 0.05))},
    )
    assert [line.split() for line in text.splitlines()[4:6]] == [["a", "10.00", "-"], ["b", "-", "5.00"]]


def test_rows_of_one_value_are_not_taken_for_the_whole() -> None:
    text = comparison_text(
        {"a": evaluation(condition("pooled", 0.2, by="gender", value="f"), condition("pooled", 0.1))}
    )
    assert text.splitlines()[4].split() == ["a", "10.00"]


def test_synthetic_speech_is_called_that() -> None:
    synthetic = evaluation(condition("pooled", 0.1), synthetic=True)
    assert "These numbers are from SYNTHETIC speech" in comparison_text({"a": synthetic})
    mixed = comparison_markdown({"a": synthetic, "b": evaluation(condition("pooled", 0.1))})
    assert "The numbers of a are from SYNTHETIC speech" in mixed


def test_systems_of_different_trials_are_kept_apart() -> None:
    text = comparison_text(
        {"a": evaluation(condition("pooled", 0.1)), "b": evaluation(condition("pooled", 0.1, targets=7))}
    )
    assert "NOT evaluated on the same trials" in text
    assert "a: pooled 4 / 5; b: pooled 7 / 5" in text


def test_markdown_holds_the_same_table() -> None:
    lines = comparison_markdown({"a": evaluation(condition("pooled", 0.1), resamples=9)}).splitlines()
    assert lines[0] == "**Error rates on mine**"
    assert lines[2:5] == ["| system | pooled EER % |", "| ------ | -----------: |", "| a      |        10.00 |"]
    assert lines[-1] == "- [low, high]: 95 % confidence intervals by drawing the speakers again."


def test_intervals_of_fewer_than_ten_speakers_are_marked_with_the_reason() -> None:
    some = {"eer_ci": (0.08, 0.12), "dcf08_ci": (0.4, 0.6)}
    nine = evaluation(condition("TC-vs-IC", 0.1, speakers=9, **some), resamples=9)
    ten = evaluation(condition("TC-vs-IC", 0.1, speakers=10, **some), resamples=9)
    text = comparison_text({"nine": nine, "ten": ten})
    assert text.splitlines()[4:6] == [
        "nine    10.00 [8.00, 12.00]?  0.500 [0.400, 0.600]?",
        "ten      10.00 [8.00, 12.00]   0.500 [0.400, 0.600]",
    ]
    reason = "[low, high]?: noise, for it is by drawing fewer than 10 speakers again (9)."
    assert text.splitlines()[-1] == reason
    assert f"- {reason}\n" in comparison_markdown({"nine": nine})
    assert "noise" not in comparison_text({"ten": ten})
    assert reason in evaluation_table(nine)
    assert "0.500 [0.400, 0.600]?" in evaluation_table(nine)
    assert "?" not in evaluation_table(ten)


def test_an_evaluation_of_the_time_before_speakers_were_counted_has_no_mark() -> None:
    assert "]?" not in evaluation_table(evaluation(condition("pooled", 0.1, eer_ci=(0.08, 0.12)), resamples=9))
