"""The benchmark of a GPU, rehearsed at a tiny size on the CPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[2] / "benchmarks/gpu.sh"


def test_a_rehearsal_measures_every_line_but_those_that_need_a_gpu(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHON": sys.executable}
    command = ["bash", str(SCRIPT), str(tmp_path / "out"), "--rehearse"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    content = json.loads((tmp_path / "out/gpu.json").read_text())
    assert len(content["tables"]) == 9
    for title, lines in content["tables"].items():
        assert lines, title
        for line in lines:
            assert line["ms"] or line["utterances_s"] or line["note"] == "needs a GPU", line
    text = (tmp_path / "out/gpu.md").read_text()
    assert "rehearsed on the CPU" in text
    assert all(f"## {title}" in text for title in content["tables"])


def test_unknown_arguments_stop_the_script_before_anything_is_made(tmp_path: Path) -> None:
    done = subprocess.run(["bash", str(SCRIPT), str(tmp_path / "out"), "--try"], capture_output=True, text=True)
    assert (done.returncode, "unknown arguments '--try' (known: --rehearse)" in done.stderr) == (2, True)
    assert not (tmp_path / "out").exists()


def test_a_table_that_fails_costs_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(SCRIPT.parents[1])
    from benchmarks.gpu import Line, Tables

    tables = Tables(tmp_path, {"card": "H100"}, 1000)
    tables.add("broken", lambda: (Line(f"{1 / zero}") for zero in [0]))
    tables.add("whole", lambda: iter([Line("a step", 10.0, 100.0, 250.0, "x")]))
    text = (tmp_path / "gpu.md").read_text()
    assert "| failed |  |  |  |  | ZeroDivisionError: division by zero |" in text
    assert "| a step | 10 | 100 | 250 | 25.0 % | x |" in text
    monkeypatch.setattr("benchmarks.gpu.LIMIT", -1)
    tables.add("late", lambda: iter([]))
    assert tables.tables["late"][0].what == "left out"
