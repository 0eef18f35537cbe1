from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from svtok.experiments import ablate
from svtok.experiments.plan import Plan, read_plan
from svtok.experiments.results import Row
from tests.experiments.stand_in import ABOUT, STAND_IN, rows_of

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


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Puts the stand-in in svtok's place, and two folds into tmp_path/work; gives the calls since last asked."""
    package = tmp_path / "package/svtok"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")  # or another svtok on PYTHONPATH would come first
    (package / "__main__.py").write_text(STAND_IN)
    monkeypatch.setattr(ablate, "PACKAGE_ROOT", package.parent)
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    monkeypatch.setattr(ablate, "rows_of", rows_of)
    for fold in (1, 2):
        for name in ("train", "dev", "eval"):
            data, features = (tmp_path / f"work/{room}/fold{fold}/{name}" for room in ("data", "feats"))
            data.mkdir(parents=True)
            (data / "utterances.tsv").write_text("utt\tpath\tphrase\tspk\na\ta.wav\tp\ts\n")
            features.mkdir(parents=True)
            (features / "features.tsv").write_text("utt\tstart\tframes\na\t0\t9\n")
            (features / "features.yaml").write_text(ABOUT)

    def noted() -> list[str]:
        path = tmp_path / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return lines

    return noted
