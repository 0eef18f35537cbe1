from __future__ import annotations

from svtok.report.tables import markdown_table, number, percent, text_table

HEADER = ["system", "EER %"]
ROWS = [["avg", "10.00"], ["cls-sampled", "9.50"]]


def test_text_is_aligned_names_left_and_numbers_right() -> None:
    assert text_table(HEADER, ROWS).splitlines() == [
        "system       EER %",
        "-----------  -----",
        "avg          10.00",
        "cls-sampled   9.50",
    ]


def test_markdown_is_aligned_too_and_escapes_bars() -> None:
    assert markdown_table(HEADER, [*ROWS, ["a|b", "1"]]).splitlines() == [
        "| system      | EER % |",
        "| ----------- | ----: |",
        "| avg         | 10.00 |",
        "| cls-sampled |  9.50 |",
        "| a\\|b        |     1 |",
    ]


def test_numbers_carry_their_intervals() -> None:
    assert percent(0.01234) == "1.23"
    assert percent(0.01234, (0.01, 0.02)) == "1.23 [1.00, 2.00]"
    assert number(0.5) == "0.500"
    assert number(0.5, (0.4, 0.6)) == "0.500 [0.400, 0.600]"
