"""The table of all benchmarks, and the two of the data path at tiny sizes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def from_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT)


def test_a_module_is_a_command_by_its_own_name_and_adds_rows_by_a_function() -> None:
    from benchmarks.table import modules

    assert dict(modules("")).keys() >= {"features", "reading", "augmenting", "scoring", "startup", "verify", "warping"}
    assert dict(modules("rows")).keys() >= {"features", "reading", "augmenting", "scoring", "startup"}
    assert dict(modules(""))["reading"] == "Reading clips from a packed set, against soundfile a file at a time."


def test_the_table_says_of_each_row_whether_it_holds_and_takes_its_place_in_the_readme(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from benchmarks import table

    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{table.BEGIN}\nold\n{table.END}\nafter\n")
    monkeypatch.setattr(table, "README", readme)
    rows = [table.Row("reading", "a peer", 3.14159, 3, "1 us beside 3"), table.Row("slow", "a peer", 0.5, 0.85, "x")]
    table.write_table(rows, [])
    lines = readme.read_text().splitlines()
    assert lines[0] == "before"
    assert lines[-1] == "after"
    assert "| reading | a peer | 1 us beside 3 | 3.14 | 3 | yes |" in lines
    assert "| slow | a peer | x | 0.5 | 0.85 | **no** |" in lines
    assert "old" not in lines
    assert "| reading |" in capsys.readouterr().out


def test_without_the_rows_of_a_module_the_readme_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import click

    from benchmarks import table

    readme = tmp_path / "README.md"
    readme.write_text("as it was")
    monkeypatch.setattr(table, "README", readme)
    rows, failed = table.run_all(["nosuch"])
    with pytest.raises(click.ClickException, match="no rows of nosuch"):
        table.write_table(rows, failed)
    assert readme.read_text() == "as it was"


@pytest.mark.parametrize(("name", "option"), [("features", "--rounds"), ("warping", "--trials")])
def test_nothing_is_not_measured(name: str, option: str) -> None:
    command = [sys.executable, "-m", "benchmarks", name, option, "0"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, f"'{option}': 0 is not in the range x>=1" in done.stderr) == (2, True)


SMALL = (
    "network.front_end={channels: 4, blocks: [4]}",
    *("network.attention_heads=1", "network.layers=1", "training.batch_size=4"),
)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("reading", ["--clips", "3", "--seconds", "0.1"]),
        ("augmenting", ["--utterances", "8", *(word for setting in SMALL for word in ("--set", setting))]),
    ],
)
def test_the_benchmarks_of_the_data_path_run_and_write_their_numbers(
    name: str, options: list[str], tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "benchmarks", name, *options, "--rounds", "1", "--json", str(tmp_path / "f.json")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    (row,) = json.loads((tmp_path / "f.json").read_text())["comparisons"]
    assert row["ratio"] > 0
