"""What stays in fp32 where autocast has the rest in bf16."""

from typing import Any

import pytest
import torch
from torch import Tensor

from svtok.nets.config import NetworkConfig
from svtok.nets.losses import additive_angular_margin
from svtok.nets.network import Network
from svtok.nets.phone_network import PhoneNetwork, PhoneNetworkConfig

DIM, CLASSES = 16, 8


def make(**fields: Any) -> Network:
    torch.manual_seed(0)
    front_end = {"channels": 4, "blocks": [DIM]}
    config = NetworkConfig.model_validate({"front_end": front_end, **fields})
    factors = torch.tensor([(speaker, phrase) for speaker in range(2) for phrase in range(CLASSES // 2)])
    return Network(config, feature_dim=5, classes=CLASSES, factors=factors)


def near_their_classes(network: Network, utterances: int) -> tuple[Tensor, Tensor]:
    """States near the vectors of their classes, as a trained network has them, and their classes."""
    labels = torch.arange(utterances) % CLASSES
    vectors = network.classifiers["cls"].get_parameter("weight").detach()
    return vectors[labels] + 0.02 * torch.randn(utterances, DIM), labels


def own_cosines(network: Network, states: Tensor, labels: Tensor) -> Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        logits = network.classify({"cls": states})["cls"]
    return logits.gather(1, labels[:, None]) / network.config.cosine_scale


def test_each_utterance_has_a_cosine_of_its_own_under_autocast() -> None:
    """In bf16 the cosines near 1 are multiples of 1 / 256: a handful of values for any number of utterances."""
    network = make()
    states, labels = near_their_classes(network, 4096)
    cosines = own_cosines(network, states, labels)
    assert cosines.dtype == torch.float32
    assert (cosines > 0.97).all()
    assert len(set(cosines.flatten().tolist())) > 3000


def test_the_gradient_of_the_margin_is_that_of_double_precision_under_autocast() -> None:
    network = make()
    states, labels = near_their_classes(network, 64)

    def gradient(network: Network, states: Tensor, autocast: bool) -> Tensor:
        states.requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            cosines = network.classify({"cls": states})["cls"] / network.config.cosine_scale
            turned = additive_angular_margin(cosines, labels, 0.2).gather(1, labels[:, None])
        torch.autograd.backward(turned.sum())
        assert states.grad is not None
        return states.grad

    given = gradient(network, states.clone(), autocast=True)
    exact = gradient(network.double(), states.double(), autocast=False)
    assert (given - exact).norm() / exact.norm() < 1e-4


@pytest.mark.parametrize("classifier", ["cosine", "factored", "linear"])
def test_the_logits_of_a_state_in_bf16_are_those_of_the_same_state_in_fp32(classifier: str) -> None:
    network = make(classifier=classifier)
    states = torch.randn(32, DIM).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        logits = network.classify({"cls": states})["cls"]
    torch.testing.assert_close(logits, network.classifiers["cls"](states.float()))


def test_the_logits_of_phones_are_computed_in_fp32() -> None:
    torch.manual_seed(0)
    config = PhoneNetworkConfig.model_validate({"front_end": {"channels": 4, "blocks": [4]}, "bottleneck": 6})
    network = PhoneNetwork(config, feature_dim=5, phones=7).eval()
    read: list[Tensor] = []
    network.output.register_forward_hook(lambda module, inputs, output: read.append(inputs[0]))
    with torch.autocast("cpu", torch.bfloat16):
        logits, _ = network(torch.randn(3, 9, 5), torch.tensor([9, 4, 7]))
    torch.testing.assert_close(logits, network.output(read[0].float()), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("head", "front_end", "layers"),
    [("cls", {"channels": 8, "blocks": [DIM]}, 2), ("attentive-stats", {"kind": "ecapa", "channels": 16}, 0)],
)
def test_embeddings_in_bf16_point_where_those_in_fp32_do(head: str, front_end: dict[str, Any], layers: int) -> None:
    torch.manual_seed(0)
    fields = {"head": head, "front_end": front_end, "layers": layers, "embedding_dim": DIM}
    network = Network(NetworkConfig.model_validate(fields), feature_dim=20, classes=CLASSES).eval()
    frames, lengths = torch.randn(4, 30, 20), torch.tensor([30, 30, 21, 14])
    with torch.inference_mode():
        exact = network.embed(frames, lengths)
        with torch.autocast("cpu", torch.bfloat16):
            rounded = network.embed(frames, lengths)
    assert torch.cosine_similarity(rounded.float(), exact).min() >= 0.9999
