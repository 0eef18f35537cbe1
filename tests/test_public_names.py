"""`import svtok` is quick because it loads nothing; the public names come when they are used."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import svtok

SLOW = ("torch", "torchaudio", "pandas", "scipy", "numpy", "pyarrow", "matplotlib", "pydantic", "click")


def imported(code: str) -> set[str]:
    """The top-level packages that a program loads, by the interpreter's own report of times."""
    call = [sys.executable, "-X", "importtime", "-c", code]
    done = subprocess.run(call, capture_output=True, text=True, check=True)
    names = (line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:"))
    return {name.partition(".")[0] for name in names}


def test_importing_svtok_loads_none_of_what_it_needs() -> None:
    assert imported("import svtok; svtok.__version__; dir(svtok)") & set(SLOW) == set()


@pytest.mark.slow
def test_scoring_and_evaluation_load_no_torch() -> None:
    assert (
        imported("import svtok; svtok.Plda, svtok.load_scorer, svtok.Cost") & {"torch", "torchaudio", "matplotlib"}
        == set()
    )


@pytest.mark.slow
def test_a_command_loads_what_it_needs_and_no_more(tmp_path: Path) -> None:
    """`svtok evaluate` of a small list, whose work takes a moment, does not wait for torch or matplotlib."""
    (tmp_path / "scores.tsv").write_text("model\tutt\tscore\na\tx\t2\na\ty\t1\n")
    (tmp_path / "trials.tsv").write_text("model\tutt\ttype\na\tx\ttarget\na\ty\tnontarget\n")
    files = ["--scores", str(tmp_path / "scores.tsv"), "--trials", str(tmp_path / "trials.tsv")]
    call = f"from svtok.cli.main import svtok; svtok({['evaluate', *files]!r}, standalone_mode=False)"
    loaded = imported(call)
    assert "pandas" in loaded
    assert loaded & {"torch", "torchaudio", "matplotlib", "sklearn"} == set()
    helping = "from svtok.cli.main import svtok; svtok(['--help'])"
    assert imported(helping) & {"numpy", *SLOW} == {"click"}


def test_the_table_of_homes_is_what_the_types_say() -> None:
    tree = ast.parse(Path(svtok.__file__).read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module != "typing"]
    for_types = {alias.asname: node.module for node in imports for alias in node.names if alias.asname}
    assert for_types == svtok.HOMES
    assert sorted(svtok.HOMES) == svtok.__all__


@pytest.mark.parametrize("name", sorted(svtok.HOMES))
def test_every_public_name_is_there_and_documented(name: str) -> None:
    value = getattr(svtok, name)
    assert value.__name__ == name
    assert value.__doc__
    assert name in dir(svtok)
    assert getattr(svtok, name) is value


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'svtok' has no attribute 'Plada'"):
        svtok.Plada  # type: ignore[attr-defined]  # noqa: B018
