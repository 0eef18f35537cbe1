"""What is slow to load is loaded by those commands alone that need it: each of these took a fifth of a second."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("module", "unloaded"),
    [
        ("svtok.cli.main", ["numpy", "pydantic", "yaml"]),
        ("svtok.cli.evaluate", ["pandas", "scipy", "torch"]),
        ("svtok.report.evaluate", ["scipy", "torch"]),
        ("svtok.verifier", ["scipy", "matplotlib"]),
        ("svtok.corpora.rsr2015.prepare", ["scipy", "torch"]),
    ],
)
@pytest.mark.slow
def test_it_loads_nothing_that_it_does_not_need(module: str, unloaded: list[str]) -> None:
    code = f"import {module}, sys; print(*(name for name in {unloaded} if name in sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []
