"""egs/pretrained/run.sh with a stand-in for svtok that only notes its calls."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

NAME = "pretrained/run.sh"
Script = Callable[..., tuple[subprocess.CompletedProcess[str], list[str]]]


@pytest.fixture
def corpora(tmp_path: Path) -> list[str]:
    """The corpora, of a recording or two, and the options that name them."""
    names = [
        "ocean/recordings.csv",
        "arabic/dataset/open the, door/07_NO_01.flac",
        "arabic/dataset/close/08_NO_02.flac",
    ]
    for name in [*names, "digits/recordings/3_anna_12.wav"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return ["--speechocean", "ocean", "--arabic", "arabic", "--work", "work"]


def test_what_is_measured_did_not_hear_what_it_is_measured_on_and_what_is_released_did(
    script: Script, corpora: list[str], tmp_path: Path
) -> None:
    result, calls = script(NAME, *corpora, "--digits", "digits", "--set", "training.epochs=1")
    assert result.returncode == 0, result.stderr
    heldout, released = (call for call in calls if call.startswith("train-student"))
    assert "data/arabic" not in heldout
    assert "--data data/arabic/eval --features feats/arabic/eval --teacher-embeddings teacher/arabic/eval" in released
    assert all(call.count("--data") == number for call, number in ((heldout, 3), (released, 4)))
    assert all("data/digits" not in call and "--set training.epochs=1" in call for call in (heldout, released))
    fits = [call for call in calls if call.startswith("fit-scorer")]
    assert all("--embeddings heldout/embeddings/arabic --frames heldout/frames/arabic" in call for call in fits)
    assert fits[1].endswith("--network released --out released/scorer")
    measured = [call.split()[2] for call in calls if call.startswith("evaluate")]
    ways = ("teacher", "embeddings", "warping", "together")
    assert sorted(measured) == sorted(f"heldout/scores/{c}/{way}.tsv" for c in ("arabic", "digits") for way in ways)
    assert calls[-1].startswith("export --network released --hub box ")
    assert (tmp_path / "work/arabic.csv").read_text() == (
        "path,spk,phrase,set\n"
        f'"{tmp_path}/arabic/dataset/close/08_NO_02.flac","08","close",eval\n'
        f'"{tmp_path}/arabic/dataset/open the, door/07_NO_01.flac","07","open the, door",eval\n'
    )
    assert '/3_anna_12.wav","anna","3",eval\n' in (tmp_path / "work/digits.csv").read_text()


def test_without_a_second_corpus_there_is_one_test(script: Script, corpora: list[str]) -> None:
    result, calls = script(NAME, *corpora)
    assert result.returncode == 0, result.stderr
    assert not any("digits" in call for call in calls)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--arabic", "nowhere"], "holds no dataset/"),
        (["--speechocean", "nowhere"], "holds neither WAVE/ nor recordings.csv"),
        (["--digits", "nowhere"], "holds no recordings/"),
        (["extra"], "unexpected argument 'extra'"),
    ],
)
def test_wrong_options_stop_before_anything_is_done(
    script: Script, corpora: list[str], arguments: list[str], message: str
) -> None:
    result, calls = script(NAME, *corpora, *arguments)
    assert result.returncode != 0
    assert calls == []
    assert message in result.stderr
