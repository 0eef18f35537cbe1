"""Manifests of lhotse's cuts, as lhotse 1.33 writes them, to a prepared corpus."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from svtok.cli.main import svtok
from svtok.corpora.lhotse import read_cuts
from svtok.errors import ProblemsError
from svtok.manifest.sets import read_set

RATE = 8000
SECONDS = 0.5


def cut(name: str, speaker: str = "anna", text: str = "open the door", **changes: Any) -> dict[str, Any]:
    """A cut of the whole of NAME.wav; `changes` are of the cut, or of its parts, such as `recording__duration`."""
    recording = {
        "id": name,
        "sources": [{"type": "file", "channels": [0], "source": f"{name}.wav"}],
        "sampling_rate": RATE,
        "num_samples": int(SECONDS * RATE),
        "duration": SECONDS,
        "channel_ids": [0],
    }
    supervision = {
        "id": name,
        "recording_id": name,
        "start": 0.0,
        "duration": SECONDS,
        "channel": 0,
        "text": text,
        "language": "English",
        "speaker": speaker,
        "gender": "Female",
    }
    parts: dict[str, Any] = {"recording": recording, "supervision": supervision}
    made: dict[str, Any] = {"id": f"{name}-0", "start": 0.0, "duration": SECONDS, "channel": 0, "type": "MonoCut"}
    for key, value in changes.items():
        part, _, field = key.partition("__")
        (parts[part] if field else made)[field or key] = value
    return {"supervisions": [supervision], "recording": recording, **made}


def write(path: Path, cuts: Sequence[object]) -> Path:
    lines = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in cuts).encode()
    path.write_bytes(gzip.compress(lines) if path.suffix == ".gz" else lines)
    return path


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*words: object) -> str:
    result = CliRunner().invoke(svtok, ["prepare", "lhotse", *map(str, words)])
    return result.output if result.exception is None else f"{result.output}{result.exception}"


def rows(path: Path, **options: Any) -> list[dict[str, str]]:
    (listed,) = read_cuts([(None, path)], **options)
    return [{str(name): cell for name, cell in row.items()} for row in listed.rows.to_dict("records")]


@pytest.mark.parametrize("name", ["cuts.jsonl.gz", "cuts.jsonl"])
def test_a_cut_is_an_utterance_of_its_recording(tmp_path: Path, name: str) -> None:
    (row,) = rows(write(tmp_path / name, [cut("a")]))
    assert row == {
        "path": str(tmp_path / "a.wav"),
        "spk": "anna",
        "phrase": "open_the_door",
        "utt": "a-0",
        "gender": "f",
        "lang": "English",
        "text": "open the door",
    }


def test_parts_channels_and_phrases_are_those_of_the_cut(tmp_path: Path) -> None:
    stereo = [{"type": "file", "channels": [0, 1], "source": "st ereo.wav"}]
    cuts = [
        cut("a", start=0.1, duration=0.2, supervision__custom={"phrase": "open", "session": "monday"}),
        cut("b", channel=1, recording__sources=stereo, custom={"phrase": "shut", "session": 7}),
        cut("c", start=0.25, duration=0.25000001, supervision__custom={"session": "x"}),
    ]
    found = rows(write(tmp_path / "cuts.jsonl", cuts), wav_root=tmp_path / "audio")
    assert [(row["phrase"], row["start"], row["end"], row["channel"], row["session"]) for row in found] == [
        ("open", "0.1", str(0.1 + 0.2), "", "monday"),
        ("shut", "", "", "2", "7"),
        ("open_the_door", "0.25", "", "", "x"),  # rounded over its end
    ]
    assert found[1]["path"] == str(tmp_path / "audio" / "st ereo.wav")
    assert {row["phrase"] for row in rows(tmp_path / "cuts.jsonl", phrase="any")} == {"any"}


def test_what_only_some_cuts_have_is_left_out_with_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = rows(write(tmp_path / "cuts.jsonl", [cut("a"), cut("b", supervision__gender=None)]))
    assert "gender" not in found[0]
    assert "'gender' is left out, for 1 of 2 cuts do not have it" in capsys.readouterr().err


def test_every_line_that_is_no_cut_of_one_utterance_is_named(tmp_path: Path) -> None:
    mixed = {"id": "m", "tracks": [], "type": "MixedCut"}
    lines: list[tuple[object, str]] = [
        (cut("a"), ""),
        ("{", "is no JSON object of a cut"),
        ("[" * 100_000, "is no JSON object of a cut"),
        ("3", "is no cut (it has no 'supervisions')"),
        (mixed, "is a mixed cut, of several recordings: save its audio, and make cuts of that"),
        (cut("r")["recording"], "is a recording or a supervision: make cuts of both with `lhotse cut simple`"),
        (cut("b", supervisions=[]), "has 0 supervisions where there should be one; make a cut of each with"),
        (cut("c", supervision__speaker=None), "its supervision has no speaker"),
        (cut("d", supervision__text=" "), "its supervision has no text, and no custom.phrase"),
        (cut("e", channel=[0, 1]), "has the channels [0, 1]; an utterance is of one channel"),
        (cut("f", channel=3), "its recording has 0 sources of channel 3, where there should be one"),
        (cut("g", recording__transforms=[{"name": "Speed"}]), "its recording is changed as it is read"),
        (
            cut("h", recording__sources=[{"type": "command", "channels": [0], "source": "touch ran"}]),
            "its recording is of the type 'command'; svtok reads files, fetches nothing and runs no command",
        ),
        (cut("i", duration=float("nan")), "its duration is nan, and no number of seconds"),
        (cut("j", start=-1), "its start is -1, and no number of seconds"),
        (cut("k", duration=10**400), "its duration is 1000"),
        (cut("l", recording=None), "its recording has 0 sources of channel 0"),
    ]
    with pytest.raises(ProblemsError) as error:
        read_cuts([(None, write(tmp_path / "cuts.jsonl", [line for line, _ in lines]))])
    found = {problem.line: problem.what for problem in error.value.problems}
    assert list(found) == list(range(2, len(lines) + 1))
    assert all(found[number].startswith(what) for number, (_, what) in enumerate(lines, start=1) if what)
    assert not Path("ran").exists()


def test_a_damaged_or_empty_manifest_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = gzip.compress(b"".join(json.dumps(cut(str(n))).encode() + b"\n" for n in range(500)))
    (tmp_path / "cuts.jsonl.gz").write_bytes(whole[:-200])
    with pytest.raises(ProblemsError, match=r"cuts.jsonl.gz:\d+: is damaged after this line"):
        read_cuts([(None, tmp_path / "cuts.jsonl.gz")])
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(ProblemsError, match="there is no cut in the file"):
        read_cuts([(None, tmp_path / "empty")])
    monkeypatch.setattr("svtok.corpora.lhotse.LONGEST_LINE", 100)
    with pytest.raises(ProblemsError, match=r"cuts.jsonl:1: the line has more than 100 bytes"):
        read_cuts([(None, write(tmp_path / "cuts.jsonl", [cut("a")]))])


def test_the_command_prepares_named_sets_or_draws_them(tmp_path: Path) -> None:
    cuts = [
        cut(f"{spk}-{phrase}-{take}", spk, f"{phrase} it")
        for spk in "abcde"
        for phrase in ("open", "shut")
        for take in range(4)
    ]
    for one in cuts:
        soundfile.write(one["recording"]["sources"][0]["source"], np.zeros(int(SECONDS * RATE)), RATE)
    write(tmp_path / "cuts.jsonl.gz", cuts)
    assert "wrote data/cuts" in run("--cuts", "cuts.jsonl.gz")
    assert read_set(Path("data/cuts/eval")).utterances["spk"].nunique() == 1
    write(tmp_path / "train.jsonl", cuts[:24])
    write(tmp_path / "eval.jsonl", cuts[24:])
    named = ("--cuts", "train=train.jsonl", "--cuts", "eval=eval.jsonl")
    assert "wrote data/x" in run(*named, "--out", "data/x", "--enroll-takes", 2, "--iw-share", 0)
    prepared = read_set(Path("data/x/eval"))
    assert sorted(prepared.utterances["spk"].unique()) == ["d", "e"]
    assert len(prepared.protocol()[0]) == 4
    assert set(prepared.protocol()[1]["type"]) == {"TC", "TW", "IC"}
    assert "up to date" in run(*named, "--out", "data/x", "--enroll-takes", 2, "--iw-share", 0)
    assert "name the set of each of several manifests" in run("--cuts", "train.jsonl", "--cuts", "eval.jsonl")
    assert "other.jsonl: there is no such file" in run("--cuts", "train=other.jsonl")
    write(tmp_path / "eval.jsonl", [cut("gone"), cut("a-open-0", start=0.4, duration=9)])
    said = run(*named, "--out", "data/y")
    assert "eval.jsonl:1: " in said
    assert "gone.wav" in said
