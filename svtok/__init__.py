"""svtok: text-dependent speaker verification with class, sampled class and distillation tokens.

The public names of programs are here, and are loaded when they are first used: `import svtok` loads neither torch nor
pandas.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from svtok.errors import SvtokError as SvtokError
    from svtok.metrics import Cost as Cost
    from svtok.report.frames import evaluate as evaluate
    from svtok.scoring.estimators import AsNorm as AsNorm
    from svtok.scoring.estimators import Calibration as Calibration
    from svtok.scoring.estimators import Plda as Plda
    from svtok.scoring.store import load_scorer as load_scorer
    from svtok.trained.embed import load_network as load_network
    from svtok.verifier import Verifier as Verifier

__version__ = "0.1.0"

HOMES = {
    "AsNorm": "svtok.scoring.estimators",
    "Calibration": "svtok.scoring.estimators",
    "Cost": "svtok.metrics",
    "Plda": "svtok.scoring.estimators",
    "SvtokError": "svtok.errors",
    "Verifier": "svtok.verifier",
    "evaluate": "svtok.report.frames",
    "load_network": "svtok.trained.embed",
    "load_scorer": "svtok.scoring.store",
}
"""The public names, and the modules that they are loaded from."""

__all__ = ["AsNorm", "Calibration", "Cost", "Plda", "SvtokError", "Verifier", "evaluate", "load_network", "load_scorer"]


if not TYPE_CHECKING:  # by which mypy would take any name for one that is there

    def __getattr__(name: str) -> object:
        if name not in HOMES:
            raise AttributeError(f"module 'svtok' has no attribute '{name}'")
        value: object = getattr(import_module(HOMES[name]), name)
        globals()[name] = value  # the next use finds it at once
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *HOMES})
