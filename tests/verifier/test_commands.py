"""svtok enroll, verify, identify and voices, as a user calls them."""

from __future__ import annotations

import json
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray

from svtok.cli.main import main, svtok

Recordings = Callable[[str, str, range], list[Path]]
Spoken = Callable[[str, str, int], tuple[NDArray[np.float32], int]]
RATE = ("--false-accept-rate", "0.05")


@pytest.fixture
def call(work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Calls svtok in a folder of its own; --network is the tiny one for the commands that take it."""
    monkeypatch.chdir(tmp_path)

    def run(command: str, *arguments: str | Path) -> Result:
        words = command.split()
        network = [] if words[0] == "voices" else ["--network", str(work / "exp/net")]
        return CliRunner().invoke(svtok, [*words, *network, *map(str, arguments)])

    return run


@pytest.fixture
def anna(call: Callable[..., Result], recordings: Recordings) -> Path:
    """The store with Anna, who says `open`."""
    result = call("enroll", "--speaker", "anna", "--phrase", "افتح الباب", *recordings("anna", "open", range(3)))
    assert result.exit_code == 0, result.output
    assert result.output == "voices.db: added 3 recordings of 'anna' saying 'افتح الباب', which has 3 now\n"
    return Path("voices.db")


def test_with_a_key_in_the_environment_all_commands_do_with_an_encrypted_store_what_they_do_with_another(
    call: Callable[..., Result], recordings: Recordings, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("cryptography", reason="needs the extra encryption")
    Path("voices.key").write_text("correct horse battery staple")
    monkeypatch.setenv("SVTOK_VOICES_KEY_FILE", "voices.key")
    takes = recordings("anna", "open", range(3))
    assert call("enroll", "--speaker", "anna", "--phrase", "open", *takes).exit_code == 0
    assert call("verify", "--speaker", "anna", *RATE, *recordings("anna", "open", range(5, 6))).exit_code == 0
    assert call("identify", *RATE, *recordings("anna", "open", range(6, 7))).output.count("anna") == 1
    assert call("voices list").output.startswith("anna\topen\t3\t")
    assert call("voices export", "--out", "all.jsonl").output == "all.jsonl: 3 takes\n"
    assert b"anna" not in Path("voices.db").read_bytes()
    monkeypatch.delenv("SVTOK_VOICES_KEY_FILE")
    refused = call("voices remove", "--speaker", "anna")
    assert (refused.exit_code, "is encrypted: name the file of its key" in str(refused.exception)) == (1, True)
    removed = call("voices remove", "--speaker", "anna", "--key-file", "voices.key")
    assert removed.output == "voices.db: removed 3 takes of 'anna'\n"


def test_the_exit_status_is_0_for_accept_3_for_reject_and_another_for_an_error(
    anna: Path, call: Callable[..., Result], recordings: Recordings
) -> None:
    [own], [other] = recordings("anna", "open", range(5, 6)), recordings("cleo", "open", range(5, 6))
    accepted = call("verify", "--speaker", "anna", *RATE, own)
    assert accepted.exit_code == 0, accepted.output
    assert accepted.output.startswith("accept: 'anna' saying 'افتح الباب'\n")
    rejected = call("verify", "--speaker", "anna", *RATE, other)
    assert rejected.exit_code == 3
    assert rejected.output.startswith("reject: 'anna'")
    assert call("verify", "--speaker", "ana", *RATE, own).exit_code == 1
    assert call("verify", "--speaker", "anna", *RATE).exit_code == 2


def test_each_aspect_has_its_ratio_and_its_threshold_with_the_reason(
    anna: Path, call: Callable[..., Result], recordings: Recordings
) -> None:
    [own] = recordings("anna", "open", range(5, 6))
    lines = call("verify", "--speaker", "anna", *RATE, own).output.splitlines()
    assert lines[1].split() == ["log", "ratio", "threshold"]
    assert [line.split()[0] for line in lines[2:5]] == ["speaker", "phrase", "together"]
    assert all(line.endswith("reached, false-accept rate 5 %") for line in lines[2:5])
    asked = call("verify", "--speaker", "anna", "--cost", "miss=1,false-alarm=10,prior=0.5", "--json", own)
    found = json.loads(asked.output)
    assert (found["speaker"], found["phrase"], found["accepted"]) == ("anna", "افتح الباب", asked.exit_code == 0)
    assert set(found["aspects"]) == {"speaker", "phrase", "together"}
    together = found["aspects"]["together"]
    assert together["threshold"] == pytest.approx(np.log(10))
    assert together["reached"] == (together["llr"] >= together["threshold"])
    assert together["reason"] == "cost miss=1,false-alarm=10,prior=0.5"


def test_voices_are_ranked(anna: Path, call: Callable[..., Result], recordings: Recordings) -> None:
    assert call("enroll", "--speaker", "cleo", "--phrase", "x", *recordings("cleo", "open", range(3))).exit_code == 0
    [heard], [stranger] = recordings("cleo", "open", range(5, 6)), recordings("cleo", "stop", range(5, 6))
    result = call("identify", *RATE, heard)
    assert result.exit_code == 0
    header, first, second = [line.split("\t") for line in result.output.splitlines()]
    assert header == ["rank", "decision", "speaker", "phrase", "together", "name", "says"]
    assert (first[0], first[1], first[5], first[6]) == ("1", "accept", "cleo", "x")
    assert (second[1], second[5]) == ("reject", "anna")
    [best] = json.loads(call("identify", *RATE, "--top", "1", "--json", heard).output)
    assert best["speaker"] == "cleo"
    nobody = call("identify", "--phrase", "افتح الباب", *RATE, stranger)
    assert nobody.exit_code == 3


def test_voices_are_listed_exported_and_removed(anna: Path, call: Callable[..., Result]) -> None:
    assert call("voices list").output.startswith("anna\tافتح الباب\t3\t20")
    [voice] = json.loads(call("voices list", "--json").output)
    assert (voice["speaker"], voice["takes"]) == ("anna", 3)
    assert call("voices export", "--speaker", "anna", "--out", "anna.jsonl").output == "anna.jsonl: 3 takes\n"
    assert stat.S_IMODE(Path("anna.jsonl").stat().st_mode) == 0o600
    rows = [json.loads(line) for line in Path("anna.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [len(row["embedding"]) for row in rows] == [16] * 3
    assert call("voices export", "--speaker", "bob", "--out", "bob.jsonl").exit_code == 1
    assert not Path("bob.jsonl").exists()
    assert json.loads(call("voices remove", "--speaker", "anna", "--json").output)["removed"] == 3
    assert call("voices remove", "--speaker", "anna").exit_code == 1
    assert json.loads(call("voices list", "--json").output) == []


def test_a_poor_recording_ends_with_its_reason_and_no_voice(
    call: Callable[..., Result], recordings: Recordings, monkeypatch: pytest.MonkeyPatch, capsys: Any, work: Path
) -> None:
    [own] = recordings("anna", "open", range(1))
    Path("empty.wav").touch()
    words = ("svtok", "enroll", "--network", str(work / "exp/net"), "--speaker", "anna", "--phrase", "x")
    monkeypatch.setattr(sys, "argv", [*words, str(own), "empty.wav"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 1
    assert "error: 1 problem found\n  empty.wav: is empty (0 bytes)" in capsys.readouterr().err
    assert not Path("voices.db").exists()


def test_the_microphone_enrolls_and_verifies(
    call: Callable[..., Result], said: Spoken, monkeypatch: pytest.MonkeyPatch
) -> None:
    takes = iter(range(9))

    def rec(frames: int, **options: Any) -> NDArray[np.float32]:
        assert options == {"samplerate": 8000, "channels": 1, "dtype": "float32"}
        return said("anna", "open", next(takes))[0][:frames, None]

    stand_in = SimpleNamespace(rec=rec, wait=lambda: None, PortAudioError=OSError)
    monkeypatch.setitem(sys.modules, "sounddevice", stand_in)
    enrolled = call("enroll", "--speaker", "anna", "--phrase", "open", "--record", "0.9", "--takes", "2", "--json")
    assert enrolled.exit_code == 0, enrolled.output
    assert "take 2 of 2: speak now, for 0.9 s" in enrolled.stderr
    assert json.loads(enrolled.stdout)["takes"] == 2
    assert [quality["seconds"] for quality in json.loads(enrolled.stdout)["added"]] == [0.9, 0.9]
    assert call("verify", "--speaker", "anna", "--record", "0.9", *RATE).exit_code == 0


def test_files_or_the_microphone_and_not_both_or_none(call: Callable[..., Result], recordings: Recordings) -> None:
    for more in ([], ["--record", "2", "a.wav"]):
        assert call("enroll", "--speaker", "anna", "--phrase", "open", *more).exit_code == 2
        assert call("verify", "--speaker", "anna", *more).exit_code == 2
        assert call("identify", *more).exit_code == 2
    both = call("identify", *RATE, "--cost", "miss=1,false-alarm=1,prior=0.5", "a.wav")
    assert "give one of them" in both.output
