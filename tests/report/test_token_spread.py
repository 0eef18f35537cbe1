"""How far vectors and embeddings spread, against loops over all pairs."""

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from svtok.embeddings.extract import NetworkInput
from svtok.features.config import FeaturesConfig
from svtok.features.store import FeatureStore, write_features
from svtok.manifest.sets import PreparedSet
from svtok.nets.config import NetworkConfig
from svtok.nets.network import Network
from svtok.report.token_spread import embedding_spread, mean_distance, vector_spread
from svtok.trained.classes import ClassList
from svtok.trained.config import Config
from svtok.trained.folder import TrainedNetwork

CPU = torch.device("cpu")
UTTERANCES = [("a1", "ann", "no"), ("a2", "ann", "no"), ("a3", "ann", "yes"), ("b1", "bob", "no"), ("b2", "bob", "yes")]


def make_network(**sampled: Any) -> Network:
    torch.manual_seed(0)
    config = NetworkConfig(
        head="cls-sampled",
        front_end={"channels": 4, "blocks": [4]},
        attention_heads=2,
        memory={"slots": 4, "key_dim": 4},
        sampled={"vectors": 3, **sampled},
    )
    network = Network(config, feature_dim=4, classes=2).eval()
    torch.nn.init.normal_(next(network.tokens["cls"].parameters()))
    return network


def distance(one: np.ndarray, other: np.ndarray) -> float:
    return 1 - float(np.dot(one, other) / np.linalg.norm(one) / np.linalg.norm(other))


def test_norms_and_cosines_of_known_vectors() -> None:
    network = make_network()
    with torch.no_grad():
        next(network.tokens["cls"].parameters()).copy_(torch.tensor([[1, 0, 0, 0], [0, 2, 0, 0], [3.0, 3, 0, 0]]))
    spread = vector_spread(network)
    assert (spread.vectors, spread.dim) == (3, 4)
    half = 2**-0.5
    assert (spread.norm.mean, spread.norm.least, spread.norm.largest) == pytest.approx(((3 + 18**0.5) / 3, 1, 18**0.5))
    assert (spread.cosine.mean, spread.cosine.least, spread.cosine.largest) == pytest.approx((2 * half / 3, 0, half))


def test_one_vector_or_a_plain_token_has_no_spread() -> None:
    with pytest.raises(ValueError, match="at least 2 vectors, not 1"):
        vector_spread(make_network(vectors=1, distribution="gaussian"))
    plain = Network(NetworkConfig(head="cls"), feature_dim=4, classes=2)
    with pytest.raises(ValueError, match="no class token that is drawn from several"):
        vector_spread(plain)


def test_the_mean_distance_is_over_all_pairs() -> None:
    embeddings = torch.randn(2, 4, 3)
    expected = [np.mean([distance(*pair) for pair in combinations(rows.numpy(), 2)]) for rows in embeddings]
    np.testing.assert_allclose(mean_distance(embeddings), expected, atol=1e-6)


def make_input(tmp_path: Path, network: Network, utterances: list[tuple[str, str, str]]) -> NetworkInput:
    rng = np.random.default_rng(0)
    blocks = [rng.standard_normal((frames, 4)).astype(np.float32) for frames in range(9, 9 + len(utterances))]
    utts, features = [row[0] for row in utterances], FeaturesConfig(bands=4)
    write_features(tmp_path, utts, [len(b) for b in blocks], blocks, config=features, fingerprint="")
    table = pd.DataFrame(utterances, columns=["utt", "spk", "phrase"])
    classes = ClassList.of(table, "speaker")
    trained = TrainedNetwork(network, Config(network=network.config), features, classes, "hash")
    return NetworkInput(trained, PreparedSet(table, None, None), FeatureStore.open(tmp_path))


@pytest.mark.parametrize("evaluation", ["mean-token", "mean-embedding"])
def test_distances_of_embeddings_are_those_of_loops_over_all_pairs(tmp_path: Path, evaluation: str) -> None:
    given = make_input(tmp_path, make_network(evaluation=evaluation), UTTERANCES)
    spread = embedding_spread(given, CPU)
    own: list[float] = []
    same: list[float] = []
    other: list[float] = []
    embedded = {}
    for utt, _, _ in UTTERANCES:
        inputs = torch.from_numpy(np.array(given.store[utt]))[None], torch.tensor([given.store.frames(utt)])
        with torch.no_grad():
            each = given.trained.network.embed_each(*inputs)[0].numpy()
            embedded[utt] = given.trained.network.embed(*inputs)[0].numpy()
        own += [distance(*pair) for pair in combinations(each, 2)]
    for (one, spk, phrase), (two, spk2, phrase2) in combinations(UTTERANCES, 2):
        if phrase == phrase2:
            (same if spk == spk2 else other).append(distance(embedded[one], embedded[two]))
    for found, expected in ((spread.same_utterance, own), (spread.same_speaker, same), (spread.other_speaker, other)):
        assert found.pairs == len(expected)
        assert found.mean == pytest.approx(np.mean(expected), abs=1e-5)


def test_where_no_two_utterances_can_be_compared_there_is_no_distance(tmp_path: Path) -> None:
    spread = embedding_spread(make_input(tmp_path, make_network(), UTTERANCES[2:4]), CPU)
    assert spread.same_utterance.pairs == 6
    assert (spread.same_speaker.mean, spread.same_speaker.pairs) == (None, 0)
    assert (spread.other_speaker.mean, spread.other_speaker.pairs) == (None, 0)
