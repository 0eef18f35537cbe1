"""The utterances of a model joined in time, and their embeddings on disk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner

from svtok.cli.main import svtok
from svtok.embeddings import extract
from svtok.embeddings.extract import JoinedFeatures
from svtok.embeddings.store import read_embeddings, write_embeddings
from svtok.errors import SvtokError
from svtok.features.config import FeaturesConfig
from svtok.features.store import FeatureStore, write_features
from svtok.manifest.sets import PreparedSet
from svtok.nets.config import NetworkConfig
from svtok.nets.network import Network

FRAMES = {"u1": 9, "u2": 14, "u3": 6}


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    rng = np.random.default_rng(0)
    blocks = [rng.standard_normal((frames, 4)).astype(np.float32) for frames in FRAMES.values()]
    (tmp_path / "feats").mkdir()
    config = FeaturesConfig(bands=4)
    write_features(tmp_path / "feats", list(FRAMES), list(FRAMES.values()), blocks, config=config, fingerprint="")
    return FeatureStore.open(tmp_path / "feats")


def prepared(**utts: str) -> PreparedSet:
    models = pd.DataFrame({"model": list(utts), "spk": "s", "phrase": "p", "utts": list(utts.values())})
    return PreparedSet(pd.DataFrame({"utt": list(FRAMES)}), models)


def test_a_models_features_are_those_of_its_utterances_one_after_the_other(store: FeatureStore) -> None:
    joined = JoinedFeatures(store, prepared(two="u3 u1", one="u2"))
    assert joined.models == ["two", "one"]
    assert (joined.frames("two"), joined.frames("one")) == (6 + 9, 14)
    np.testing.assert_array_equal(joined["two"][:6], store["u3"])
    np.testing.assert_array_equal(joined["two"][6:], store["u1"])
    np.testing.assert_array_equal(joined["one"], store["u2"])


def test_a_set_without_models_and_a_model_without_features_are_named(store: FeatureStore) -> None:
    with pytest.raises(SvtokError, match=r"has no models\.tsv: there are no models to join"):
        JoinedFeatures(store, PreparedSet(pd.DataFrame({"utt": []})))
    with pytest.raises(SvtokError, match="model 'two' has no enrollment utterance"):
        JoinedFeatures(store, prepared(one="u1", two=""))
    with pytest.raises(SvtokError, match="no features of utterance 'u9'"):
        JoinedFeatures(store, prepared(one="u1 u9")).frames("one")


@pytest.fixture
def network(store: FeatureStore, monkeypatch: pytest.MonkeyPatch) -> Network:
    """A network that every folder is said to hold, with the features and models of the tests."""
    torch.manual_seed(0)
    small = {"front_end": {"channels": 4, "blocks": [4]}, "attention_heads": 2}
    network = Network(NetworkConfig(**small), feature_dim=4, classes=2).eval()

    @contextmanager
    def given(*arguments: object) -> Iterator[SimpleNamespace]:
        trained = SimpleNamespace(network=network, hash="hash")
        yield SimpleNamespace(trained=trained, prepared=prepared(two="u3 u1", one="u2"), store=store)

    monkeypatch.setattr(extract, "network_input", given)
    return network


def extracted(*options: str) -> str:
    arguments = ["extract-embeddings", "--network", "net", "--data", "data/eval", "--device", "cpu", *options]
    result = CliRunner().invoke(svtok, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output.splitlines()[-1]


def test_a_model_is_embedded_as_one_long_recording(
    network: Network, store: FeatureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert extracted("--joined-models") == "net/embeddings/eval-joined: embeddings of 2 models"
    written = read_embeddings(Path("net/embeddings/eval-joined"))
    assert (written.utts, written.network_hash) == (["one", "two"], "hash")
    both = torch.from_numpy(np.concatenate([store["u3"], store["u1"]]))
    with torch.no_grad():
        expected = network.embed(both[None], torch.tensor([15]))[0].numpy()
    np.testing.assert_allclose(written.vectors[1], expected, atol=1e-5)
    assert extracted("--joined-models").endswith("2 models")  # again, over what it wrote


@pytest.mark.usefixtures("network")
def test_embeddings_of_utterances_are_not_written_over(tmp_path: Path) -> None:
    write_embeddings(tmp_path / "emb", ["u1", "u2"], np.ones((2, 3), np.float32), "hash")
    with pytest.raises(SvtokError, match="emb holds embeddings of other names than these models"):
        extracted("--joined-models", "--out", str(tmp_path / "emb"))
    assert read_embeddings(tmp_path / "emb").utts == ["u1", "u2"]
