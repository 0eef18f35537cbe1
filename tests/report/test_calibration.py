from __future__ import annotations

import numpy as np

from svtok.metrics import cllr
from svtok.report.calibration import fusion_table
from svtok.scoring.fusion import Fusion


def fusion(shares: dict[str, float], weights: list[float]) -> Fusion:
    tree = {
        "scores": [f"{number}.tsv" for number in range(len(weights))],
        "trials": {},
        "operating_point": {"c_miss": 1, "c_fa": 1, "p_target": 0.5},
        "threshold": 0.0,
        "parts": [{"nontargets": shares, "weights": weights, "offset": -1.0}],
        "svtok": "0",
    }
    return Fusion.model_validate(tree)


def cells(table: str) -> list[list[str]]:
    return [line.split() for line in table.splitlines()]


def test_it_shows_costs_before_and_after_and_what_is_decided_wrongly() -> None:
    # calibrated by 2 s - 1: targets 1 and -0.5, IC -1 and 3, TW all below the threshold
    scores = {"TC": [1, 0.25], "IC": [0, 2], "TW": [0, -1, -1, -2]}
    by_type = {name: np.array(column, dtype=float)[:, None] for name, column in scores.items()}
    lines = cells(fusion_table(fusion({"IC": 1.0}, [2.0]), by_type))
    assert lines[0] == ["scores", "Cllr", "min", "Cllr", "weight", "vs", "IC"]
    before = cllr(by_type["TC"][:, 0], by_type["IC"][:, 0])
    after = cllr(np.array([1.0, -0.5]), np.array([-1.0, 3.0]))
    assert lines[2][:2] == ["0.tsv", f"{before:.3f}"]
    assert lines[2][3] == "2"
    assert lines[3] == ["(offset)", "-1"]
    assert lines[4][:2] == ["calibrated", f"{after:.3f}"]
    assert lines[2][2] == lines[4][2]  # the best monotone calibration of both is the same
    assert lines[8:11] == [["TC", "2", "50.00"], ["IC", "2", "1.000", "50.00"], ["TW", "4", "0.000", "0.00"]]


def test_a_fusion_has_a_row_for_each_file() -> None:
    random = np.random.default_rng(0)
    by_type = {name: random.normal(mean, 1, (20, 2)) for name, mean in (("target", 1), ("nontarget", 0))}
    lines = cells(fusion_table(fusion({"nontarget": 1.0}, [1.0, 0.5]), by_type))
    assert [line[0] for line in lines[2:6]] == ["0.tsv", "1.tsv", "(offset)", "fused"]
