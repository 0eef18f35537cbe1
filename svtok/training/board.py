"""TensorBoard curves, where the extra `tensorboard` is installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any


def open_board(folder: Path) -> Callable[[dict[str, Any]], None]:
    """A function that draws an epoch's row into folder/tensorboard; without the extra it does nothing."""
    if importlib.util.find_spec("tensorboard") is None:
        return lambda row: None
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(folder / "tensorboard"))

    def draw(row: dict[str, Any]) -> None:
        for name, value in row.items():
            if name != "epoch" and value is not None:
                writer.add_scalar(name, value, row["epoch"])
        writer.flush()

    return draw
