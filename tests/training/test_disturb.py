"""svtok disturb: a set with changed recordings, and the tables of the one it was made of."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from click.testing import CliRunner

from svtok.audio.decode import read_audio
from svtok.cli.main import svtok
from svtok.errors import ProblemsError, SvtokError
from svtok.manifest.sets import PreparedSet, audio_paths, read_set, write_set
from svtok.training.disturb import disturb, read_disturbance

RATE = 8000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two speakers with an enrolling and a testing recording each: of tones of their own."""
    rows = []
    for number, utt in enumerate(("anna-1", "anna-2", "bert-1", "bert-2")):
        tone = 0.1 * np.sin(2 * np.pi * (300 + 100 * number) * np.arange(RATE // 2) / RATE)
        soundfile.write(tmp_path / f"{utt}.wav", tone, RATE, subtype="PCM_16")
        rows.append((utt, f"{utt}.wav", utt[:4], "open", RATE // 2, RATE))
    columns = ["utt", "path", "spk", "phrase", "num_samples", "sample_rate"]
    models = pd.DataFrame([("anna", "anna", "open", "anna-1"), ("bert", "bert", "open", "bert-1")])
    trials = pd.DataFrame([(m, f"{s}-2", "TC" if m == s else "IC") for m in ("anna", "bert") for s in ("anna", "bert")])
    prepared = PreparedSet(
        pd.DataFrame(rows, columns=columns),
        models.set_axis(["model", "spk", "phrase", "utts"], axis=1),
        trials.set_axis(["model", "utt", "type"], axis=1),
        tmp_path,
    )
    write_set(prepared, tmp_path / "eval")
    return tmp_path / "eval"


def waves(folder: Path) -> dict[str, np.ndarray]:
    prepared = read_set(folder)
    paths = audio_paths(prepared)
    return {utt: read_audio(path)[0] for utt, path in zip(prepared.utterances["utt"], paths, strict=True)}


@pytest.mark.parametrize(
    ("side", "changed"),
    [("tests", "anna-2 bert-2"), ("enrollment", "anna-1 bert-1"), ("all", "anna-1 anna-2 bert-1 bert-2")],
)
def test_the_recordings_of_a_side_are_changed_and_the_tables_stay(folder: Path, side: str, changed: str) -> None:
    out = folder.parent / "noisy"
    given = ["--data", str(folder), "--out", str(out), "--side", side, "--jobs", "1", "--set", "babble_probability=1"]
    done = CliRunner().invoke(svtok, ["disturb", *given, "--set", "babble_snr=[5,5]"])
    assert done.exit_code == 0, done.output
    assert f"{len(changed.split())} of 4 recordings changed" in done.output
    before, after = waves(folder), waves(out)
    assert {utt for utt in before if not np.array_equal(before[utt], after[utt])} == set(changed.split())
    old, new = read_set(folder), read_set(out)
    pd.testing.assert_frame_equal(new.utterances.drop(columns="path"), old.utterances.drop(columns="path"))
    for name in ("models", "trials"):
        pd.testing.assert_frame_equal(getattr(new, name), getattr(old, name))


def test_noise_is_as_loud_as_asked_for_and_of_the_seed(folder: Path) -> None:
    soundfile.write(folder.parent / "hiss.wav", np.random.default_rng(0).normal(0, 0.05, RATE), RATE)
    config = read_disturbance(None, [f"noise={folder.parent / 'hiss.wav'}", "noise_snr=[10,10]"])
    assert config.noise_probability == 1
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        disturb(read_set(folder), config, folder.parent / name, side="tests", seed=seed, jobs=1)
    clean, a, b, c = (waves(folder.parent / name)["anna-2"] for name in ("eval", "a", "b", "c"))
    assert 10 * np.log10((clean**2).mean() / ((a - clean) ** 2).mean()) == pytest.approx(10, abs=0.1)
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_at_other_speeds_each_recording_is_of_a_speaker_of_its_own(folder: Path) -> None:
    given = ["--data", str(folder), "--out", str(folder.parent / "speeds"), "--jobs", "1", "--set", "speeds=[0.8,1.25]"]
    done = CliRunner().invoke(svtok, ["disturb", *given, "--side", "all"])
    assert done.exit_code == 0, done.output
    assert "8 recordings of other speakers, made of 4" in done.output
    new = read_set(folder.parent / "speeds")
    assert new.models is None
    assert new.trials is None
    assert sorted(new.utterances["spk"].unique()) == ["anna#0.8", "anna#1.25", "bert#0.8", "bert#1.25"]
    assert new.utterances.set_index("utt")["spk"]["anna-2#1.25"] == "anna#1.25"
    after = waves(folder.parent / "speeds")
    assert {utt: len(wave) for utt, wave in after.items()} == new.utterances.set_index("utt")["num_samples"].to_dict()
    assert len(after["anna-1#0.8"]) == RATE // 2 * 1.25
    spectrum = np.abs(np.fft.rfft(after["anna-1#1.25"] * np.hanning(len(after["anna-1#1.25"]))))
    assert spectrum.argmax() * RATE / len(after["anna-1#1.25"]) == pytest.approx(300 * 1.25, abs=5)
    drawn = CliRunner().invoke(svtok, ["disturb", *given, "--side", "all", "--draw", "1"])
    assert drawn.exit_code == 0, drawn.output
    once = read_set(folder.parent / "speeds").utterances
    assert sorted(once["utt"].str.partition("#")[0]) == ["anna-1", "anna-2", "bert-1", "bert-2"]
    assert once["spk"].nunique() > 2  # both speeds come
    many = CliRunner().invoke(svtok, ["disturb", *given, "--side", "all", "--draw", "3"])
    assert "3 of 2 speeds cannot be drawn" in str(many.exception)
    refused = CliRunner().invoke(svtok, ["disturb", *given])
    assert isinstance(refused.exception, SvtokError)
    assert "speeds are of --side all" in str(refused.exception)


def test_settings_that_do_nothing_or_are_wrong_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SvtokError, match="nothing would be done"):
        read_disturbance(None, ["noise_probability=1"])
    with pytest.raises(ProblemsError, match="did you mean"):
        read_disturbance(None, ["bable_probability=1"])


def test_nothing_is_written_where_a_recording_is_missing(folder: Path) -> None:
    (folder.parent / "bert-1.wav").unlink()
    config, out = read_disturbance(None, ["gain_probability=1"]), folder.parent / "out"
    with pytest.raises(ProblemsError, match="bert-1"):
        disturb(read_set(folder), config, out, side="all", seed=0, jobs=1)
    assert not out.exists()
