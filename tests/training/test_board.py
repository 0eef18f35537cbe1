"""TensorBoard curves."""

import importlib.util
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from svtok.training.log import open_board


def test_each_value_of_an_epoch_is_a_point_of_its_curve(tmp_path: Path) -> None:
    draw = open_board(tmp_path)
    draw({"epoch": 1, "loss": 2.5, "dev_eer": None})
    draw({"epoch": 2, "loss": 1.5, "dev_eer": 0.25})
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [(event.step, event.value) for event in events.Scalars("loss")] == [(1, 2.5), (2, 1.5)]
    assert [(event.step, event.value) for event in events.Scalars("dev_eer")] == [(2, 0.25)]


def test_without_the_extra_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    open_board(tmp_path)({"epoch": 1, "loss": 2.5})
    assert not list(tmp_path.iterdir())
