"""Learning from labels, against hand computation."""

import math
from typing import Any

import pytest
import torch
from torch.nn import functional

from svtok.nets.network import Network
from svtok.trained.config import Config
from svtok.training.data import Batch
from svtok.training.objectives import Classification, LabelLoss, Networks

SMALL = {"front_end": {"channels": 4, "blocks": [4]}, "attention_heads": 1, "memory": {"slots": 3, "key_dim": 2}}


def config(head: str = "avg", network: Any = None, **objective: Any) -> Config:
    return Config(network={**SMALL, "head": head, "dropout": 0, **(network or {})}, objective=objective)


def classify(config: Config, sizes: list[int], batch: Batch) -> Any:
    """Loss and values of a new network, and that network's logits."""
    torch.manual_seed(0)
    network = Network(config.network, feature_dim=3, classes=sum(sizes)).eval()
    loss, values = Classification(config, sizes)(Networks(network), batch, 0.0)
    (logits,) = network.classify(network(batch.frames, batch.lengths)).values()
    return loss, values, logits


def of_group(batch: Batch, group: int) -> Any:
    batch.labels = batch.labels[:, group : group + 1]
    return batch


def test_the_loss_is_the_cross_entropy_of_the_one_state(batch: Batch) -> None:
    loss, values, logits = classify(config(label_smoothing=0.1), [4], of_group(batch, 1))
    labels = batch.labels[:, 0]
    smooth = 0.9 * functional.one_hot(labels, 4) + 0.1 / 4
    torch.testing.assert_close(loss, -(smooth * logits.log_softmax(dim=1)).sum(dim=1).mean())
    assert values["accuracy"].item() == (logits.argmax(1) == labels).float().mean().item()
    assert "speaker_accuracy" not in values


def test_two_groups_of_classes_have_a_softmax_and_a_weight_each(batch: Batch) -> None:
    loss, values, logits = classify(config(speaker_weight=0.3), [2, 4], batch)
    speakers, pairs = logits[:, :2], logits[:, 2:]
    expected = 0.3 * functional.cross_entropy(speakers, batch.labels[:, 0])
    expected = expected + 0.7 * functional.cross_entropy(pairs, batch.labels[:, 1])
    torch.testing.assert_close(loss, expected)
    assert values["speaker_accuracy"].item() == (speakers.argmax(1) == batch.labels[:, 0]).float().mean().item()
    assert values["accuracy"].item() == (pairs.argmax(1) == batch.labels[:, 1]).float().mean().item()


def test_the_margin_is_on_the_cosine_and_leaves_the_accuracy_alone(batch: Batch) -> None:
    """The loss by an explicit loop in float64."""
    network = {"cosine_scale": 8.0}
    loss, values, logits = classify(config(loss="aam", margin=0.3, network=network), [4], of_group(batch, 1))
    labels = batch.labels[:, 0].tolist()
    losses = []
    for row, label in zip(logits.double().tolist(), labels, strict=True):
        angles = [math.acos(logit / 8) for logit in row]
        turned = [8 * math.cos(angle + (0.3 if n == label else 0)) for n, angle in enumerate(angles)]
        losses.append(math.log(sum(map(math.exp, turned))) - turned[label])
    assert loss.item() == pytest.approx(sum(losses) / 5, rel=1e-5)
    assert values["accuracy"].item() == (logits.argmax(1) == batch.labels[:, 0]).float().mean().item()


def test_the_margin_rises_linearly_over_its_share_of_the_training() -> None:
    rising = LabelLoss(config(loss="aam", margin=0.4, margin_warm_up=0.5), [4])
    assert [rising.margin(p) for p in (0, 0.25, 0.5, 0.9)] == pytest.approx([0, 0.2, 0.4, 0.4])
    assert LabelLoss(config(loss="aam", margin=0.4), [4]).margin(0) == 0.4


def test_a_margin_of_0_is_the_cross_entropy(batch: Batch) -> None:
    batch = of_group(batch, 1)
    plain, margined = (classify(c, [4], batch)[0] for c in (config(), config(loss="aam", margin=0)))
    torch.testing.assert_close(plain, margined)


def test_the_detection_cost_is_of_cosines_with_a_threshold_a_group(batch: Batch) -> None:
    detection_cost = {"slope": 7, "miss_weight": 2, "threshold": 0.1}
    loss, _, logits = classify(config(loss="adcf", detection_cost=detection_cost), [2, 4], batch)
    cosines = (logits / 20).split([2, 4], dim=1)
    costs = []
    for group, given in enumerate(cosines):
        own = functional.one_hot(batch.labels[:, group], given.shape[1]).bool()
        costs.append(2 * torch.sigmoid(7 * (0.1 - given[own])).mean() + torch.sigmoid(7 * (given[~own] - 0.1)).mean())
    torch.testing.assert_close(loss, sum(costs) / 2)
    objective = Classification(config(loss="adcf"), [2, 4])
    assert [name for name, _ in objective.named_parameters()] == [f"label_loss.costs.{n}.threshold" for n in (0, 1)]


def test_ring_loss_is_added_to_any_loss_and_has_a_radius_to_train(batch: Batch) -> None:
    batch = of_group(batch, 1)
    torch.manual_seed(0)
    network = Network(config().network, feature_dim=3, classes=4).eval()
    state = network(batch.frames, batch.lengths)["avg"]
    for name in ("cross-entropy", "aam", "adcf"):
        plain, _, _ = classify(config(loss=name), [4], batch)
        ringed, _, _ = classify(config(loss=name, ring_weight=0.2), [4], batch)
        lengths = state.norm(dim=1)
        torch.testing.assert_close(ringed - plain, 0.2 * 0.5 * (lengths - lengths.mean()).square().mean())
    assert [p.ndim for p in Classification(config(ring_weight=0.2), [4]).parameters()] == [0]


def test_each_stream_has_a_loss_of_its_own_and_their_mean_is_the_loss(batch: Batch) -> None:
    streams = ["features", "features"]
    loss, values, logits = classify(config(network={"streams": streams}, loss="aam"), [2, 4], batch)
    label_loss = LabelLoss(config(loss="aam"), [2, 4])
    each = [label_loss(torch.empty(0), logits[:, stream], batch.labels, 0.0) for stream in (0, 1)]
    torch.testing.assert_close(loss, (each[0] + each[1]) / 2)
    right = (logits[:, :, 2:].argmax(dim=2) == batch.labels[:, 1:]).float()
    assert values["accuracy"].item() == pytest.approx(right.mean().item())
