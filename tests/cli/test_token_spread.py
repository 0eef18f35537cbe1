"""svtok token-spread as a user calls it."""

import json
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner

from svtok.cli.main import svtok
from svtok.errors import SvtokError
from svtok.features.config import FeaturesConfig
from svtok.features.store import write_features
from svtok.manifest.sets import CorpusInfo, PreparedSet, write_corpus_info, write_set
from svtok.nets.network import Network
from svtok.trained.classes import ClassList
from svtok.trained.config import Config
from svtok.trained.folder import write_settings, write_weights

FEATURES = FeaturesConfig(bands=4)
ROWS = [(f"{spk}-{take}", f"{spk}.wav", spk, "no") for spk in ("ann", "bob") for take in (1, 2)]
UTTERANCES = pd.DataFrame(ROWS, columns=["utt", "path", "spk", "phrase"])


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A prepared set of random features, data/noise/eval, in the working folder."""
    monkeypatch.chdir(tmp_path)
    write_set(PreparedSet(UTTERANCES, None, None), tmp_path / "data/noise/eval")
    write_corpus_info(tmp_path / "data/noise", CorpusInfo(name="noise", synthetic=True))
    (tmp_path / "feats/noise/eval").mkdir(parents=True)
    blocks = [np.random.default_rng(row).standard_normal((9 + row, 4)).astype(np.float32) for row in range(4)]
    lengths = [len(block) for block in blocks]
    folder = tmp_path / "feats/noise/eval"
    write_features(folder, UTTERANCES["utt"], lengths, blocks, config=FEATURES, fingerprint="")
    return tmp_path


def write_network(folder: Path, head: str, **sampled: Any) -> None:
    torch.manual_seed(0)
    small = {"front_end": {"channels": 4, "blocks": [4]}, "attention_heads": 2, "memory": {"slots": 4, "key_dim": 4}}
    config = Config(network={"head": head, "sampled": sampled, **small}, features=FEATURES)
    write_settings(folder, config, ClassList.of(UTTERANCES, "speaker"), {})
    write_weights(folder, Network(config.network, FEATURES.dim, 2).state_dict())


def call(*arguments: str) -> str:
    result = CliRunner().invoke(svtok, ["token-spread", *arguments], standalone_mode=False, catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_without_data_the_vectors_alone_are_measured(work: Path) -> None:
    write_network(work / "exp/net", "cls-sampled", vectors=5, weights="learned")
    output = call("--network", "exp/net")
    assert "exp/net: 5 vectors of 4 values, weights learned" in output
    assert "cosine of two" in output
    assert "embeddings" not in output


def test_with_data_the_embeddings_are_measured_with_what_the_speech_is(work: Path) -> None:
    write_network(work / "exp/net", "cls-sampled-dist", vectors=3, distribution="gaussian")
    output = call("--network", "exp/net", "--data", "data/noise/eval", "--json", "spread.json")
    assert "drawn from its Gaussian by seed" in output
    assert "Embeddings of noise (SYNTHETIC speech), eval: 4 utterances" in output
    tree = json.loads((work / "spread.json").read_text())
    assert tree["sampled"]["distribution"] == "gaussian"
    assert tree["synthetic"]
    assert tree["vectors"]["vectors"] == 3
    pairs = {name: tree["embeddings"][name]["pairs"] for name in ("same_utterance", "same_speaker", "other_speaker")}
    assert pairs == {"same_utterance": 12, "same_speaker": 2, "other_speaker": 4}
    mean = tree["embeddings"]["same_speaker"]["mean"]
    assert f"{mean:.4f}" in output


@pytest.mark.parametrize(
    ("head", "sampled", "message"),
    [
        ("cls", {}, r"exp/net: there is no class token .* \(head 'cls', network.sampled.vectors 8\)"),
        ("avg", {}, r"head 'avg'"),
        ("cls-sampled", {"vectors": 1}, r"head 'cls-sampled', network.sampled.vectors 1\)"),
        ("cls-sampled", {"vectors": 1, "distribution": "gaussian"}, r"at least 2 vectors, not 1 \(head"),
    ],
)
def test_networks_without_several_vectors_are_refused(work: Path, head: str, sampled: Any, message: str) -> None:
    write_network(work / "exp/net", head, **sampled)
    with pytest.raises(SvtokError, match=message):
        call("--network", "exp/net", "--data", "data/noise/eval", "--json", "spread.json")
    assert not (work / "spread.json").exists()


def test_features_without_data_are_refused(work: Path) -> None:
    with pytest.raises(click.UsageError, match="--features are those of --data"):
        call("--network", "exp/net", "--features", "feats/noise/eval")
