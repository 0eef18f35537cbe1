"""The CTC loss of a batch, greedy decoding, the phone error rate."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from svtok.features.config import FeaturesConfig
from svtok.features.store import FeatureStore, write_features
from svtok.nets.phone_network import PhoneNetwork, PhoneNetworkConfig
from svtok.trained.phones import PhoneList, decode
from svtok.training.data import Batch
from svtok.training.phonetic import PhoneRecognition, frames_needed, make_measure

CONFIG = PhoneNetworkConfig(front_end={"channels": 4, "blocks": [4], "layers_per_block": 1}, bottleneck=3)


def test_runs_are_made_one_and_blanks_left_out() -> None:
    best = [0, 2, 2, 0, 2, 1, 1, 0]
    assert decode(functional.one_hot(torch.tensor(best), 3).float()) == [2, 2, 1]
    assert decode(functional.one_hot(torch.tensor([0, 0]), 3).float()) == []


@pytest.mark.parametrize(("phones", "frames"), [("", 0), ("ab", 2), ("aab", 4), ("aaa", 5)])
def test_a_blank_stands_between_two_phones_that_are_alike(phones: str, frames: int) -> None:
    assert frames_needed(phones) == frames


def test_the_loss_is_the_mean_over_utterances_of_the_loss_a_phone() -> None:
    """By torch's loss of each utterance alone, whatever is padded, and whichever utterances the batch has."""
    torch.manual_seed(0)
    network = PhoneNetwork(CONFIG, feature_dim=5, phones=3).eval()
    pronunciations = [np.array([1, 1]), np.array([2]), np.array([3, 1, 2])]
    frames, lengths, labels = torch.randn(2, 9, 5), torch.tensor([9, 6]), torch.tensor([[2], [0]])
    batch = Batch({"augmented": (frames, lengths)}, labels)
    loss, values = PhoneRecognition(pronunciations)(network, batch, 0.0)
    expected = []
    for row, number in enumerate([2, 0]):
        logits, _ = network(frames[row : row + 1, : lengths[row]], lengths[row : row + 1])
        target = torch.from_numpy(pronunciations[number])
        whole = functional.ctc_loss(
            logits[0].log_softmax(1),
            target,
            torch.tensor([len(logits[0])]),
            torch.tensor([len(target)]),
            reduction="sum",
        )
        expected.append(whole / len(target))
    torch.testing.assert_close(loss, torch.stack(expected).mean())
    assert values["loss"] == loss


class TellsFrames(PhoneNetwork):
    """A network that says the phones whose numbers stand in the first column of the frames."""

    def __init__(self) -> None:
        super().__init__(CONFIG, feature_dim=4, phones=3)

    def forward(self, frames: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        return functional.one_hot(frames[..., 0].long(), 4).float(), lengths


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    """Frames whose first column shows phones of the list a b c: u0 says ab, u1 cc, u2 nothing."""
    said = {"u0": [1, 1, 0, 2, 0], "u1": [3, 0, 3], "u2": [0, 0, 0, 0]}
    blocks = [np.array([[number] * 4 for number in numbers], dtype=np.float32) for numbers in said.values()]
    frames = [len(block) for block in blocks]
    write_features(tmp_path, list(said), frames, blocks, config=FeaturesConfig(bands=4), fingerprint="x")
    return FeatureStore.open(tmp_path)


@pytest.mark.parametrize(
    ("references", "rate"),
    [
        ({"u0": "ab", "u1": "cc"}, 0),
        ({"u0": "ab", "u1": "cc", "u2": "a"}, 1 / 5),  # one left out
        ({"u0": "b", "u1": "cac"}, 2 / 4),  # one put in, one left out
        ({"u0": "ax", "u1": "cc"}, 1 / 4),  # a phone that the network does not know
    ],
)
def test_the_error_rate_counts_edits_over_the_phones_of_the_references(
    store: FeatureStore, references: dict[str, str], rate: float
) -> None:
    by_utt = {utt: tuple(phones) for utt, phones in references.items()}
    network = TellsFrames().train()
    measure = make_measure(network, store, by_utt, PhoneList(("a", "b", "c")), torch.device("cpu"))
    assert measure() == pytest.approx(rate)
    assert network.training


def test_the_error_rate_is_that_of_the_same_utterances_one_by_one(
    store: FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    network = PhoneNetwork(CONFIG, feature_dim=4, phones=3)
    references: dict[str, tuple[str, ...]] = dict.fromkeys(store.utts, ("a", "b"))
    measure = make_measure(network, store, references, PhoneList(("a", "b", "c")), torch.device("cpu"))
    together = measure()
    monkeypatch.setattr("svtok.training.phonetic.UTTERANCES_AT_ONCE", 1)
    assert measure() == together
