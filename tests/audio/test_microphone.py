"""Recording, with a stand-in for sounddevice."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from svtok.audio.microphone import record
from svtok.errors import SvtokError


class PortAudioError(Exception):
    pass


def stand_in(rec: Any) -> Any:
    return SimpleNamespace(rec=rec, wait=lambda: None, PortAudioError=PortAudioError)


def test_what_the_microphone_hears_is_one_channel_of_the_seconds_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def rec(frames: int, **options: Any) -> Any:
        asked.update(options, frames=frames)
        return np.full((frames, 1), 0.5, np.float32)

    monkeypatch.setitem(sys.modules, "sounddevice", stand_in(rec))
    assert record(0.5, 8000).tolist() == [0.5] * 4000
    assert asked == {"frames": 4000, "samplerate": 8000, "channels": 1, "dtype": "float32"}


def test_without_sounddevice_it_is_said_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(SvtokError, match=r"pip install 'svtok\[microphone\]'"):
        record(1, 8000)


def test_without_a_microphone_it_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def rec(*_: Any, **__: Any) -> Any:
        raise PortAudioError("Error querying device -1")

    monkeypatch.setitem(sys.modules, "sounddevice", stand_in(rec))
    with pytest.raises(SvtokError, match=r"does not record: Error querying device -1"):
        record(1, 8000)
