"""Telling how far long work is."""

import io
import itertools
from collections.abc import Callable

import pytest

from svtok.progress import progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Time in which each look at the clock is `step` seconds after the one before."""

    def tick(step: float) -> None:
        times = itertools.count(0, step)
        monkeypatch.setattr("svtok.progress.time.monotonic", lambda: float(next(times)))

    return tick


def test_long_work_prints_lines_and_its_end(clock: Callable[[float], None], capsys: pytest.CaptureFixture[str]) -> None:
    clock(6)
    assert list(progress("abc", total=3, what="letters")) == ["a", "b", "c"]
    assert capsys.readouterr().err.splitlines() == ["letters: 2 of 3, 12 s", "letters: 3 of 3, 24.0 s"]


def test_short_work_prints_nothing(clock: Callable[[float], None], capsys: pytest.CaptureFixture[str]) -> None:
    clock(0.01)
    assert list(progress("abc", total=3, what="letters")) == ["a", "b", "c"]
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("svtok.progress.sys.stderr", terminal)
    assert list(progress("abc", total=3, what="letters")) == ["a", "b", "c"]
    assert "letters: 100%" in terminal.getvalue()
