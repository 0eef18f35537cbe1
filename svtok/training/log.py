"""What a training tells: a line an epoch in training.jsonl, a curve on the board, a line for people."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from svtok.files import write_text
from svtok.training.board import open_board
from svtok.training.loop import Row
from svtok.training.network_folder import LOG


def write_log(folder: Path, rows: list[Row]) -> None:
    """The log of the epochs that count: rows of an epoch that was cut off and is done again are left out."""
    write_text(folder / LOG, "".join(json.dumps(row) + "\n" for row in rows))


def make_tell(folder: Path, line: Callable[[Row], str]) -> Callable[[Row], None]:
    """A function that logs an epoch's row in the folder of a training, and prints what `line` makes of it."""
    board = open_board(folder)

    def tell(row: Row) -> None:
        with open(folder / LOG, "a", encoding="utf-8") as stream:
            stream.write(json.dumps(row) + "\n")
        board(row)
        print(line(row), flush=True)

    return tell
