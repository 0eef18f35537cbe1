from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from svtok.experiments.plan import Plan, read_plan
from svtok.experiments.results import Row

MakePlan = Callable[..., Plan]
MakeRow = Callable[..., Row]


@pytest.fixture
def make_plan(tmp_path: Path) -> MakePlan:
    """Writes a plan's file and reads it: its systems as YAML lines, and other keys."""

    def make(*systems: str, **keys: object) -> Plan:
        lines = [f"{key}: {value}" for key, value in keys.items()]
        lines += ["systems:", *(f"  {system}" for system in systems)]
        (tmp_path / "plan.yaml").write_text("\n".join(lines) + "\n")
        return read_plan(tmp_path / "plan.yaml")

    return make


@pytest.fixture
def make_row() -> MakeRow:
    """A row of a run that ended well."""

    def make(system: str = "avg", fold: int = 1, seed: int = 0, eer: float = 0.1, **values: object) -> Row:
        usual = {
            "condition": "TC-vs-IC",
            "targets": 10,
            "nontargets": 20,
            "dcf08": 0.5,
            "parameters": 1000,
            "seconds": 60.0,
            "hardware": "a processor, 1 thread",
            "commit": "abc",
            "settings": "0123",
        }
        return Row.model_validate({"system": system, "fold": fold, "seed": seed, "eer": eer, **usual, **values})

    return make
