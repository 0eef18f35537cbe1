"""Batches of embeddings."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from svtok.features.config import FeaturesConfig
from svtok.features.store import FeatureStore, write_features
from svtok.nets.config import NetworkConfig, ResidualConfig
from svtok.nets.network import Network
from svtok.trained.inference import _batches, _read, compute_all, embed_all


@given(st.lists(st.integers(1, 300), min_size=1, max_size=50))
def test_batches_hold_every_utterance_once_within_the_padded_size(lengths: list[int]) -> None:
    batches = list(_batches(np.array(lengths), 400))
    assert sorted(position for batch in batches for position in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or max(lengths[position] for position in batch) * len(batch) <= 400


def test_embeddings_come_in_the_order_asked_for_and_equal_those_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    blocks = [rng.standard_normal((frames, 4)).astype(np.float32) for frames in (9, 30, 14, 22)]
    utts = ["d", "a", "c", "b"]
    write_features(tmp_path, utts, [len(b) for b in blocks], blocks, config=FeaturesConfig(bands=4), fingerprint="")
    small = {"front_end": {"channels": 4, "blocks": [4]}, "attention_heads": 2}
    network = Network(NetworkConfig(**small), feature_dim=4, classes=2).train()
    store = FeatureStore.open(tmp_path)
    monkeypatch.setattr("svtok.trained.inference.PADDED_FRAMES", {"cpu": 50})
    vectors = embed_all(network, store, ["a", "b", "c", "d"], torch.device("cpu"))
    assert network.training
    network.eval()
    for row, utt in enumerate("abcd"):
        alone = network.embed(torch.from_numpy(np.array(store[utt]))[None], torch.tensor([store.frames(utt)]))
        np.testing.assert_allclose(vectors[row], alone[0].detach().numpy(), atol=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_a_network_is_given_back_in_its_mode_after_an_exception(tmp_path: Path, training: bool) -> None:
    write_features(tmp_path, ["a"], [9], [np.zeros((9, 4), np.float32)], config=FeaturesConfig(bands=4), fingerprint="")
    network = Network(NetworkConfig(front_end=ResidualConfig(channels=4, blocks=(4,))), 4, classes=2).train(training)

    def fail(frames: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        assert not network.training
        raise MemoryError

    with pytest.raises(MemoryError):
        compute_all(fail, network, FeatureStore.open(tmp_path), ["a"], torch.device("cpu"))
    assert network.training == training


def test_what_is_read_ahead_is_the_same_in_the_same_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: tensor)  # there is no GPU to pin it for

    class Numbered(dict[str, np.ndarray]):
        def frames(self, name: str) -> int:
            return len(self[name])

    store = Numbered({str(n): np.full((1 + n % 3, 2), n, np.float32) for n in range(23)})
    batches = [[n] if n % 2 else [n, n - 1] for n in range(1, 23)]
    for count in (0, 1, 4, 22):
        plain, ahead = (list(_read(store, list(store), batches[:count], ahead=way)) for way in (False, True))
        assert len(ahead) == count
        for one, other in zip(plain, ahead, strict=True):
            assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
