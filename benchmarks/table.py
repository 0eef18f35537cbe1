"""The table of all benchmarks, which `python -m benchmarks` prints and writes into benchmarks/README.md.

A module of this folder adds its lines by itself: it has a function `rows()` that yields a `Row` for each, and takes a
minute or two. Each module runs in a process of its own, on one thread, one after the other. A module with a click
command of its own name is `python -m benchmarks NAME` too.
"""

from __future__ import annotations

import ast
import importlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import click

HERE = Path(__file__).parent
README = HERE / "README.md"
BEGIN, END = "<!-- table: written by python -m benchmarks -->", "<!-- end of the table -->"


class Row(NamedTuple):
    """A line of the table: how many times better than `against` the `work` is done, and at least is to be.

    `measured` says in words what was measured on both sides, with units.
    """

    work: str
    against: str
    ratio: float
    goal: float
    measured: str


def modules(function: str) -> Iterator[tuple[str, str]]:
    """The modules of this folder that have a function of this name, and the first line of what each says of itself.

    They are not imported for it.
    """
    for file in sorted(HERE.glob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        if any(isinstance(node, ast.FunctionDef) and node.name == (function or file.stem) for node in tree.body):
            yield file.stem, (ast.get_docstring(tree) or "").partition("\n")[0]


def machine() -> str:
    """What a reader must know of the machine: what its processor can do, not what it is called."""
    flags = set()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("flags"):
                flags = set(line.split())
                break
    except OSError:
        pass
    known = (("avx2", "AVX2"), ("avx512f", "AVX-512"), ("avx512_bf16", "bf16"), ("amx_bf16", "AMX"))
    has = [name for flag, name in known if flag in flags] or [platform.machine()]
    lacks = [name for flag, name in known[1:3] if flags and flag not in flags]
    without = f", without {' and '.join(lacks)}" if lacks else ""
    return f"{os.cpu_count()} processors with {', '.join(has)}{without}"


def versions() -> str:
    """The versions that numbers depend on."""
    import numpy
    import torch

    git = ["git", "-C", str(HERE), "describe", "--always", "--dirty", "--abbrev=10"]
    commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip() or "unknown"
    return f"commit {commit}, torch {torch.__version__}, numpy {numpy.__version__}, Python {platform.python_version()}"


def markdown(rows: Iterable[Row]) -> str:
    """The rows as a table."""
    lines = ["| work | against | measured | times | at least | holds |", "|---|---|---|---|---|---|"]
    for row in rows:
        holds = "yes" if row.ratio >= row.goal else "**no**"
        lines.append(f"| {row.work} | {row.against} | {row.measured} | {row.ratio:.3g} | {row.goal:g} | {holds} |")
    return "\n".join(lines)


def run_all(names: Iterable[str]) -> tuple[list[Row], list[str]]:
    """The rows of some modules, and which of these failed."""
    found, failed = [], []
    for name in names:
        started = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "rows.json"
            command = [sys.executable, "-m", "benchmarks.table", name, str(out)]
            environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
            if subprocess.run(command, env=environment, cwd=HERE.parent, check=False).returncode:
                failed.append(name)
            else:
                found += [Row(*row) for row in json.loads(out.read_text())]
        click.echo(f"{name}: {time.monotonic() - started:.0f} s", err=True)
    return found, failed


def write_table(rows: list[Row], failed: list[str]) -> None:
    """Print the table, and write it into the README where every module gave its rows."""
    text = f"{markdown(rows)}\n\nMeasured on {machine()}; one thread; {versions()}."
    click.echo(text)
    if failed:
        raise click.ClickException(f"no rows of {', '.join(failed)}; {README.name} stays as it is")
    content = README.read_text(encoding="utf-8")
    before, _, rest = content.partition(BEGIN)
    _, _, after = rest.partition(END)
    README.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    measured = [tuple(row) for row in importlib.import_module(f"benchmarks.{sys.argv[1]}").rows()]
    Path(sys.argv[2]).write_text(json.dumps(measured))
