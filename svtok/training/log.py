"""What a training logs: a line an epoch in training.jsonl, curves in TensorBoard, a line for people."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from svtok.files import write_text
from svtok.trained.folder import LOG
from svtok.training.loop import Row

BOARD = "tensorboard"


def open_board(folder: Path) -> Callable[[dict[str, Any]], None]:
    """A function that draws an epoch's row into folder/tensorboard; without the extra it does nothing."""
    if importlib.util.find_spec("tensorboard") is None:
        return lambda row: None
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(folder / BOARD))

    def draw(row: dict[str, Any]) -> None:
        for name, value in row.items():
            if name != "epoch" and value is not None:
                writer.add_scalar(name, value, row["epoch"])
        writer.flush()

    return draw


def write_log(folder: Path, rows: list[Row]) -> None:
    """The log of the epochs that count: rows of an epoch that was cut off and is done again are left out."""
    write_text(folder / LOG, "".join(json.dumps(row) + "\n" for row in rows))


def make_log(folder: Path, line: Callable[[Row], str]) -> Callable[[Row], None]:
    """A function that logs an epoch's row in the folder of a training, and prints what `line` makes of it."""
    board = open_board(folder)

    def log(row: Row) -> None:
        with open(folder / LOG, "a", encoding="utf-8") as stream:
            stream.write(json.dumps(row) + "\n")
        board(row)
        print(line(row), flush=True)

    return log
