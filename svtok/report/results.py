"""The results of an evaluation, and the JSON file that keeps them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from svtok.config_errors import validated
from svtok.errors import SvtokError
from svtok.files import write_text

POOLED = "pooled"
Arithmetic = Literal["svtok", "sdsv"]


class Condition(BaseModel):
    """Error rates of one condition: over all its trials, over those with one value of a column, or the mean over the
    values of a column. Fractions, not percent."""

    model_config = ConfigDict(extra="forbid")

    name: str
    """Such as TC-vs-IC, or pooled."""
    by: str | None = None
    """The column by which the trials are taken apart; None: all trials of the condition are pooled."""
    value: str | None = None
    """What the trials that are counted have in that column; None where they are pooled or macro-averaged."""
    macro_averaged: bool = False
    """Whether each rate is the mean of the rates of the column's values, and each count their sum."""
    gender: str | None = None
    """The value, where the trials are taken apart by gender."""
    nontarget_types: list[str]
    """The types of the trials that count as non-targets."""
    targets: int
    nontargets: int
    eer: float
    dcf08: float
    dcf10: float
    cllr: float
    """Bits, of the scores as natural-log likelihood ratios."""
    min_cllr: float
    """Bits, after the best monotone calibration."""
    eer_ci: tuple[float, float] | None = None
    """95 % confidence interval; None where there is none."""
    dcf08_ci: tuple[float, float] | None = None


class Evaluation(BaseModel):
    """What `svtok evaluate --json` writes."""

    model_config = ConfigDict(extra="forbid")

    scores: str
    """The file of the scores."""
    corpus: str | None = None
    """The caption of the corpus, where it is known."""
    synthetic: bool = False
    """Whether the corpus is known to be synthetic speech."""
    resampled: Literal["speakers", "models"]
    """What was drawn again for the confidence intervals."""
    resamples: int
    seed: int
    arithmetic: Arithmetic = "svtok"
    """How EER and detection costs are computed: svtok's own way, or that of an official script."""
    conditions: list[Condition]

    def condition(self, name: str) -> Condition | None:
        """The condition of that name over all its trials, if it was evaluated."""
        return next((one for one in self.conditions if one.name == name and one.by is None), None)


def write_evaluation(path: Path, evaluation: Evaluation) -> None:
    """Write the JSON file, whole or not at all."""
    write_text(path, json.dumps(evaluation.model_dump(), indent=2, ensure_ascii=False) + "\n")


def read_evaluation(path: Path) -> Evaluation:
    """What `write_evaluation` wrote. Raises SvtokError where the file is missing, no JSON, or not an evaluation."""
    if not path.is_file():
        raise SvtokError(f"{path}: there is no such file; `svtok evaluate --json {path}` writes it")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SvtokError(f"{path}: not a JSON file: {error}") from error
    return validated(Evaluation, content, str(path))
