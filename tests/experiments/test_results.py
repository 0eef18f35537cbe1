"""The file of results: one row a line, whole or not at all."""

from __future__ import annotations

import json
import struct
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path

import pytest

from svtok.errors import ProblemsError, SvtokError
from svtok.experiments.results import Row, put_results, read_results, write_results


def test_rows_come_back_and_stand_one_a_line_in_order(make_row: Callable[..., Row], tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    rows = [
        make_row("cls", fold=2),
        make_row("cls", fold=1, condition=None, eer=None, error="it\nbroke"),
        make_row("avg", condition="TC-vs-TW", eer_resampled=[0.1, None, 0.2]),
        make_row("avg", condition="TC-vs-IC"),
    ]
    write_results(path, rows)
    assert read_results(path) == [rows[3], rows[2], rows[1], rows[0]]
    lines = path.read_text().splitlines()
    assert (lines[0], lines[-1], len(lines)) == ("[", "]", 6)
    first = json.loads(lines[1].rstrip(","))
    assert list(first)[:8] == ["system", "fold", "seed", "condition", "targets", "nontargets", "eer", "dcf08"]
    assert "error" not in first
    assert "eer_resampled" not in first
    packed = b64decode(json.loads(lines[2].rstrip(","))["eer_resampled"])
    assert struct.unpack("<3H", packed) == (1000, 0xFFFF, 2000)


def test_the_rows_of_a_run_are_replaced_and_others_kept(make_row: Callable[..., Row], tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    put_results(path, [make_row("avg", condition=None, eer=None, error="broke")])
    put_results(path, [make_row("avg", seed=1)])
    put_results(path, [make_row("avg", eer=0.2), make_row("avg", condition="pooled")])
    assert [(row.seed, row.condition, row.error) for row in read_results(path)] == [
        (0, "TC-vs-IC", None),
        (0, "pooled", None),
        (1, "TC-vs-IC", None),
    ]


def test_no_file_is_no_results(tmp_path: Path) -> None:
    assert read_results(tmp_path / "none.json") == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not a JSON file"),
        ("{}", "must be a list of rows"),
        ('[{"system": "avg", "fold": "one", "sed": 3}]', "row 1: unknown key 'sed'"),
        ('[{"eer_resampled": [1000]}]', "eer_resampled.*less than or equal to 1"),
        ('[{"eer_resampled": "AAA"}]', "eer_resampled.* is no base64 of 16-bit integers"),
        ('[{"eer_resampled": "AAAA"}]', "eer_resampled.* is no base64 of 16-bit integers"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(text)
    with pytest.raises((SvtokError, ProblemsError), match=message):
        read_results(path)
