from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib import image

from svtok.metrics import reliability, roc
from svtok.report.plots import draw_det, draw_reliability


def test_a_readable_png_is_drawn_also_of_perfect_and_of_useless_scores(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    curves = {
        "usual": roc(generator.normal(2, 1, 200), generator.normal(0, 1, 2000)),
        "perfect": roc(np.array([1.0]), np.array([0.0])),
        "tied": roc(np.zeros(3), np.zeros(3)),
        "inverted": roc(np.array([0.0]), np.array([1.0])),
    }
    draw_det(curves, tmp_path / "det.png", title="a title")
    pixels = image.imread(tmp_path / "det.png")
    assert min(pixels.shape[:2]) > 600
    assert [path.name for path in tmp_path.iterdir()] == ["det.png"]


def test_a_folder_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        draw_det({"a": roc(np.zeros(1), np.zeros(1))}, tmp_path / "file" / "det.png", title="")


def test_reliability_is_drawn_also_of_perfect_and_of_useless_scores(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    found = {
        "calibrated": reliability(generator.normal(2, 2, 500), generator.normal(-2, 2, 5000)),
        "perfect": reliability(np.array([9.0]), np.array([-9.0])),
        "tied": reliability(np.zeros(3), np.zeros(3)),
    }
    draw_reliability(found, tmp_path / "reliability.png", title="a title")
    assert min(image.imread(tmp_path / "reliability.png").shape[:2]) > 600
