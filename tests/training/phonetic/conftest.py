from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from svtok.manifest.sets import PreparedSet, read_set, write_set


@pytest.fixture
def make_table(tmp_path: Path) -> Callable[..., PreparedSet]:
    """The set data/toy/train with a row for each value of the columns given, which may leave speaker and phrase out."""

    def make(**columns: list[str]) -> PreparedSet:
        count = len(next(iter(columns.values())))
        ids = [f"u{number}" for number in range(count)]
        plain = {"utt": ids, "path": [f"{utt}.wav" for utt in ids], "spk": ["s"] * count, "phrase": ["p"] * count}
        folder = tmp_path / "data" / "toy" / "train"
        write_set(PreparedSet(pd.DataFrame({**plain, **columns})), folder)
        return read_set(folder)

    return make
