"""Training curves: the logs, their names and panels, and the picture."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import yaml
from matplotlib import image

from svtok.errors import ProblemsError, SvtokError
from svtok.manifest.sets import CorpusInfo, write_corpus_info
from svtok.report.plots import (
    Panel,
    draw_curves,
    legend_entry,
    lowest_dev_eer,
    panels_of,
    points_of,
    short_names,
    title_of,
)
from svtok.trained.folder import read_training_log

ROWS = [
    {"epoch": 1, "loss": 2.0, "accuracy": 0.1, "learning_rate": 1e-3, "dev_eer": 0.3, "seconds": 1.0},
    {"epoch": 2, "loss": 1.0, "accuracy": 0.4, "learning_rate": 1e-3, "dev_eer": 0.125, "seconds": 1.0},
    {"epoch": 3, "loss": 0.5, "accuracy": 0.9, "learning_rate": 1e-4, "dev_eer": 0.2, "seconds": 1.0},
]


def write_network(folder: Path, rows: Sequence[Mapping[str, object]], data: str = "data/toy/train") -> Path:
    folder.mkdir(parents=True)
    (folder / "training.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "config.yaml").write_text(yaml.safe_dump({"run": {"train": {"data": data}}}))
    return folder


def test_a_log_is_read_with_what_an_epoch_lacks_as_nan(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"epoch": 1, "loss": 2, "dev_eer": None},
        {"epoch": 2, "loss": 1.5, "dev_eer": 0.5, "divergence": 3},
    ]
    log = read_training_log(write_network(tmp_path / "exp", rows))
    np.testing.assert_array_equal(log["loss"], [2, 1.5])
    np.testing.assert_array_equal(log["dev_eer"], [np.nan, 0.5])
    np.testing.assert_array_equal(log["divergence"], [np.nan, 3])


def test_lines_that_are_no_epoch_are_all_named(tmp_path: Path) -> None:
    folder = write_network(tmp_path / "exp", ROWS)
    with open(folder / "training.jsonl", "a") as stream:
        stream.write('{"epoch": 4, "loss": "low"}\n[1]\n{"loss": 1}\n{"epoch": 5, "lo')
    with pytest.raises(ProblemsError) as caught:
        read_training_log(folder)
    assert [problem.line for problem in caught.value.problems] == [4, 5, 6, 7]


def test_folders_without_an_epoch_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SvtokError, match=r"it has no training\.jsonl"):
        read_training_log(tmp_path)
    with pytest.raises(SvtokError, match="holds no epoch yet"):
        read_training_log(write_network(tmp_path / "exp", []))


def test_names_are_as_short_as_distinguishes_them() -> None:
    assert short_names([Path("exp/cls"), Path("exp/avg/")]) == ["cls", "avg"]
    assert short_names([Path("a/exp/cls"), Path("b/exp/cls")]) == ["a/exp/cls", "b/exp/cls"]
    with pytest.raises(SvtokError, match=r"exp/\.\./exp/cls is named twice"):
        short_names([Path("exp/cls"), Path("exp/../exp/cls")])


def test_panels_are_the_usual_ones_then_what_else_is_logged_but_never_empty(tmp_path: Path) -> None:
    without_dev = [{**row, "dev_eer": None, "label_loss": 1.0} for row in ROWS]
    one = read_training_log(write_network(tmp_path / "a", without_dev))
    other = read_training_log(write_network(tmp_path / "b", ROWS))
    assert [panel.key for panel in panels_of([one])] == ["loss", "accuracy", "learning_rate", "label_loss"]
    both = panels_of([one, other])
    assert [panel.key for panel in both] == ["loss", "accuracy", "dev_eer", "learning_rate", "label_loss"]
    assert both[-1] == Panel("label_loss", "label_loss", 1)


def test_the_lowest_dev_eer_is_named_with_its_epoch(tmp_path: Path) -> None:
    log = read_training_log(write_network(tmp_path / "a", ROWS))
    assert lowest_dev_eer(log) == (2, 0.125)
    assert legend_entry("cls", log) == "cls: lowest dev EER 12.50 % (epoch 2 of 3)"
    assert lowest_dev_eer(log.assign(dev_eer=np.nan)) is None
    assert legend_entry("cls", log.drop(columns="dev_eer")) == "cls"


def test_the_title_says_the_corpus_and_whether_it_is_synthetic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = tmp_path / "work"
    one, other = (write_network(work / "exp" / name, ROWS) for name in ("cls", "avg"))
    assert title_of([one]) == "Training of cls"
    write_corpus_info(work / "data" / "toy", CorpusInfo(name="toy", synthetic=True))
    assert title_of([one, other]) == "Training of 2 networks on toy (SYNTHETIC speech)"
    unnamed = write_network(work / "exp" / "own", ROWS, data="data/own/train")
    assert title_of([one, unnamed]) == "Training of 2 networks on toy (SYNTHETIC speech), an unnamed corpus"
    monkeypatch.chdir(work)
    elsewhere = write_network(tmp_path / "networks" / "a" / "b", ROWS)
    assert title_of([elsewhere]) == "Training of b on toy (SYNTHETIC speech)"


@pytest.mark.slow
def test_a_readable_png_is_drawn_of_many_networks_and_of_one_epoch(tmp_path: Path) -> None:
    log = read_training_log(write_network(tmp_path / "a", ROWS))
    draw_curves({"one": log[:1]}, tmp_path / "one.png", title="a title")
    draw_curves({f"network {n}": log * (1 + 0.02 * n) for n in range(12)}, tmp_path / "many.png", title="a title")
    one, many = (image.imread(tmp_path / f"{name}.png") for name in ("one", "many"))
    assert min(one.shape[:2]) > 600
    assert one.shape[1] == many.shape[1]
    assert many.shape[0] > one.shape[0]  # for the legend


def test_a_line_goes_over_epochs_that_were_not_measured(tmp_path: Path) -> None:
    log = read_training_log(write_network(tmp_path / "a", [*ROWS, {"epoch": 4, "dev_eer": None}]))
    epochs, values = points_of(log.assign(dev_eer=[0.3, np.nan, 0.25, np.nan]), Panel("dev_eer", "EER (%)", 100))
    np.testing.assert_array_equal(epochs, [1, 3])
    np.testing.assert_allclose(values, [30, 25])
    assert points_of(log, Panel("divergence", ""))[0].size == 0
