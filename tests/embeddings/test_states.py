"""The states of a network's frames: what they are, alone and in a batch, and their folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from svtok.embeddings.states import FrameStates, are_posteriors, open_frames, refuse_other_kind
from svtok.errors import SvtokError
from svtok.features.store import FeatureStore, write_frames
from svtok.nets.config import NetworkConfig
from svtok.nets.network import FEATURES, Network

SMALL: dict[str, Any] = {
    "front_end": {"channels": 6, "blocks": [8], "subsample": 2},
    "attention_heads": 2,
    "memory": {"slots": 4, "key_dim": 4},
}
LENGTHS = torch.tensor([9, 4])


def network(head: str, layers: int = 2) -> Network:
    torch.manual_seed(0)
    return Network(NetworkConfig(head=head, layers=layers, **SMALL), feature_dim=3, classes=2).eval()


@pytest.mark.parametrize("layer", [0, 1, 2])
@pytest.mark.parametrize("head", ["avg", "cls", "cls-sampled-dist"])
def test_states_are_of_the_real_frames_whatever_stands_beside_and_behind_them(head: str, layer: int) -> None:
    net, frames = network(head), torch.randn(2, 12, 3)
    with torch.inference_mode():
        states, counts = net.frame_states(frames, LENGTHS, layer)
        assert counts.tolist() == [5, 2]  # every second frame
        assert states.shape[2] == 8
        for row, (length, count) in enumerate(zip(LENGTHS.tolist(), counts.tolist(), strict=True)):
            alone, _ = net.frame_states(frames[row : row + 1, :length], LENGTHS[row : row + 1], layer)
            torch.testing.assert_close(states[row, :count], alone[0], atol=1e-5, rtol=1e-5)


def test_states_before_the_front_end_are_the_features() -> None:
    net, frames = network("cls"), torch.randn(2, 12, 3)
    with torch.inference_mode():
        _, states, counts = net.embed_with_states(frames, LENGTHS, FEATURES)
    assert states is frames
    assert counts.tolist() == LENGTHS.tolist()


@pytest.mark.parametrize("layer", [0, 1, 2])
@pytest.mark.parametrize("head", ["avg", "cls", "cls-sampled", "cls-sampled-dist"])
def test_embeddings_and_states_by_one_reading_are_those_by_two(head: str, layer: int) -> None:
    net, frames = network(head), torch.randn(2, 12, 3)
    with torch.inference_mode():
        embeddings, states, counts = net.embed_with_states(frames, LENGTHS, layer)
        torch.testing.assert_close(embeddings, net.embed(frames, LENGTHS))
        wanted, wanted_counts = net.frame_states(frames, LENGTHS, layer)
    assert counts.tolist() == wanted_counts.tolist()
    for row, count in enumerate(counts.tolist()):
        torch.testing.assert_close(states[row, :count], wanted[row, :count])


def test_the_mean_of_the_last_states_is_what_average_pooling_reads() -> None:
    net, frames = network("avg"), torch.randn(1, 9, 3)
    with torch.inference_mode():
        states, _ = net.frame_states(frames, LENGTHS[:1], 2)
        wanted = net(frames, LENGTHS[:1])["avg"]
        found = net.norms["avg"](net.projections["avg"](states.mean(dim=1)))
        torch.testing.assert_close(found, wanted)


def test_a_network_without_attention_has_the_states_of_its_front_end() -> None:
    net, frames = network("avg", layers=0), torch.randn(1, 9, 3)
    with torch.inference_mode():
        torch.testing.assert_close(net.frame_states(frames, LENGTHS[:1], 0)[0], net.front_end(frames, LENGTHS[:1])[0])


def written(folder: Path) -> Path:
    folder.mkdir()
    blocks = [np.arange(6, dtype=np.float32).reshape(2, 3), np.ones((1, 3), np.float32)]
    write_frames(folder / "states.npy", folder / "states.tsv", ["b", "a"], [2, 1], blocks, dim=3)
    (folder / "states.yaml").write_text("format: 1\nnetwork: abc\nlayer: 2\n")
    return folder


def test_a_folder_gives_back_the_states_of_each_utterance(tmp_path: Path) -> None:
    states = open_frames(written(tmp_path / "states"))
    assert isinstance(states, FrameStates)
    assert (states.frames("b"), states.frames("a")) == (2, 1)
    assert states["b"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert states.about.layer == 2
    assert not are_posteriors(states)


@pytest.mark.parametrize("name", ["states.npy", "states.tsv", "states.yaml"])
def test_a_damaged_folder_is_refused_with_what_to_do(tmp_path: Path, name: str) -> None:
    folder = written(tmp_path / "states")
    (folder / name).write_bytes((folder / name).read_bytes()[:-4])
    with pytest.raises(SvtokError, match="extract-embeddings --frame-states"):
        FrameStates(folder)


def test_features_are_frames_too_and_an_empty_folder_is_neither(tmp_path: Path) -> None:
    with pytest.raises(SvtokError, match="no features here"):
        open_frames(tmp_path)
    assert open_frames.__annotations__["return"] == f"FrameStates | {FeatureStore.__name__}"


def test_frames_of_another_layer_are_of_another_kind(tmp_path: Path) -> None:
    one, other = written(tmp_path / "one"), written(tmp_path / "other")
    refuse_other_kind(FrameStates(one), FrameStates(other))
    (other / "states.yaml").write_text("format: 1\nnetwork: abc\nlayer: 1\n")
    with pytest.raises(SvtokError, match="another network, layer or configuration"):
        refuse_other_kind(FrameStates(one), FrameStates(other))
