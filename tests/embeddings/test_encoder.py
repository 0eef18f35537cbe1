"""Embeddings of a prepared set by a public encoder, as a command."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from click.testing import CliRunner, Result

from svtok.cli.main import svtok
from svtok.embeddings.store import read_embeddings
from svtok.errors import ProblemsError
from svtok.files import sha256_of_files
from svtok.manifest.sets import PreparedSet, write_set
from svtok.trained.encoders import ResemblyzerNetwork

pytestmark = pytest.mark.slow


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Weights by chance in the place of the package's; the working folder holds data/my/eval of 40 recordings."""
    file = tmp_path / "pretrained.pt"
    torch.manual_seed(3)
    torch.save({"model_state": ResemblyzerNetwork().state_dict()}, file)
    monkeypatch.setattr("svtok.trained.encoders.weights_file", lambda encoder: file)
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    paths = []
    for number in range(40):
        rate = 8000 if number == 7 else 16000
        soundfile.write(tmp_path / f"{number}.wav", 0.1 * rng.standard_normal(2000 + 900 * number), rate)
        paths.append(str(tmp_path / f"{number}.wav"))
    utts = [f"u{number:02}" for number in range(40)]
    utterances = pd.DataFrame({"utt": utts, "path": paths, "spk": "s", "phrase": "p"})
    write_set(PreparedSet(utterances), tmp_path / "data/my/eval")
    return file


def extract(*arguments: str) -> Result:
    given = ("extract-embeddings", "--encoder", "resemblyzer", "--data", "data/my/eval", "--device", "cpu")
    return CliRunner().invoke(svtok, [*given, *arguments])


def test_a_set_gets_a_vector_an_utterance_and_the_hash_of_the_weights(weights: Path) -> None:
    result = extract()
    assert result.exit_code == 0, result.output
    stored = read_embeddings(Path("exp/resemblyzer/embeddings/eval"))
    assert stored.utts == [f"u{number:02}" for number in range(40)]
    assert stored.vectors.shape == (40, 256)
    assert stored.network_hash == sha256_of_files([weights])
    assert "up to date" in extract().output
    torch.save({"model_state": ResemblyzerNetwork().state_dict()}, weights)
    assert "up to date" not in extract().output


def test_every_recording_that_cannot_be_used_is_named_and_nothing_written(weights: Path) -> None:
    soundfile.write("3.wav", np.zeros(4000), 16000)
    Path("9.wav").unlink()
    result = extract("--out", "emb")
    assert isinstance(result.exception, ProblemsError)
    assert "3.wav: utterance 'u03': has no sample but zeros" in str(result.exception)
    assert "9.wav: utterance 'u09': there is no such file" in str(result.exception)
    assert not Path("emb").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--network", "exp/cls"), "and only one"),
        (("--joined-models",), "are of a --network"),
        (("--features", "feats"), "are of a --network"),
    ],
)
def test_options_of_a_network_are_refused(weights: Path, arguments: tuple[str, ...], message: str) -> None:
    result = extract(*arguments)
    assert result.exit_code == 2
    assert message in result.output
