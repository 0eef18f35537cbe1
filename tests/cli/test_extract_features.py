import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

from svtok.cli.extract import extract_features
from svtok.errors import ProblemsError, SvtokError
from svtok.features.store import FeatureStore

pytestmark = pytest.mark.slow


def run(*arguments: str) -> Result:
    return CliRunner().invoke(extract_features, [*arguments, "--jobs", "1"], catch_exceptions=False)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two sets of two recordings of noise under data/toy."""
    monkeypatch.chdir(tmp_path)
    noise = np.random.default_rng(0).normal(scale=0.1, size=(4, 8000))
    for name, waves in (("train", noise[:2]), ("eval", noise[2:])):
        folder = tmp_path / "data" / "toy" / name
        folder.mkdir(parents=True)
        rows = ["utt\tpath\tspk\tphrase"]
        for number, wave in enumerate(waves):
            soundfile.write(folder / f"{number}.wav", wave, 16000)
            rows.append(f"{name}{number}\t{number}.wav\ts1\tp1")
        (folder / "utterances.tsv").write_text("\n".join(rows) + "\n")
    return Path("data/toy")


def test_each_set_gets_its_features_under_feats(data: Path) -> None:
    done = run("--data", str(data / "train"), "--data", str(data / "eval"))
    assert "feats/toy/train: 2 utterances, 64 dimensions\n" in done.output
    assert FeatureStore.open(Path("feats/toy/eval")).utts == ["eval0", "eval1"]
    again = run("--data", str(data))  # the corpus with all its sets
    assert again.output.count("2 utterances, 64 dimensions: up to date") == 2
    assert run().output == again.output  # the only corpus under data/
    older = run(str(data / "train"), str(data / "eval"))  # as before --data
    assert sorted(older.output.splitlines()) == sorted(again.output.splitlines())


def test_without_data_or_with_several_corpora_a_set_must_be_named(data: Path) -> None:
    data.rename(data.with_name("one"))
    Path("data/two/train").mkdir(parents=True)
    Path("data/two/train/utterances.tsv").write_text("utt\tpath\tspk\tphrase\n")
    result = run()
    assert result.exit_code == 2
    assert "several corpora are prepared: data/one, data/two; name one with --data" in " ".join(result.output.split())


def test_the_configuration_and_the_folder_can_be_named(data: Path) -> None:
    Path("mfcc.yaml").write_text("features: {kind: mfcc, bands: 30, deltas: 2}\ntraining: {epochs: 3}\n")
    run("--data", str(data / "train"), "--config", "mfcc.yaml", "--out", "here")
    store = FeatureStore.open(Path("here"))
    assert (store.dim, store.frames("train0")) == (60, 48)


def test_one_folder_cannot_hold_several_sets(data: Path) -> None:
    with pytest.raises(SvtokError, match="--out names the folder of one set, but 2 are given"):
        run("--data", str(data), "--out", "here")


def test_an_unknown_key_is_refused_before_any_work(data: Path) -> None:
    Path("bad.yaml").write_text("features: {band: 30}\n")
    with pytest.raises(ProblemsError, match=r"bad.yaml: features: unknown key 'band' .*did you mean 'bands'"):
        run("--data", str(data / "train"), "--config", "bad.yaml")
    assert not Path("feats").exists()


def test_a_bad_recording_ends_the_command_with_1_and_writes_nothing(data: Path) -> None:
    (data / "train" / "1.wav").write_bytes(b"RIFF")
    done = subprocess.run(
        [sys.executable, "-m", "svtok", "extract-features", "--data", str(data / "train"), "--jobs", "1"],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 1
    assert "error: 1 problem found\n" in done.stderr
    assert "1.wav: utterance 'train1': is not audio that can be decoded, or is damaged" in done.stderr
    assert "Traceback" not in done.stderr
    assert not Path("feats/toy/train").exists()
