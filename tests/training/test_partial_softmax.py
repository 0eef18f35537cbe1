"""A softmax over some of the classes: what takes part, what moves, and that several processes do what one does."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Barrier, Lock
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn
from torch.nn import functional

from svtok.nets.config import NetworkConfig
from svtok.nets.losses import additive_angular_margin
from svtok.nets.network import Network
from svtok.ranks import ALONE, Ranks
from svtok.trained.config import Config, TrainingConfig
from svtok.training.data import Batch
from svtok.training.objectives import Classification, Distillation, Networks
from svtok.training.optimizer import make_optimizer
from svtok.training.partial_softmax import PartialSoftmax, draw_classes

CPU = torch.device("cpu")
DRAWING = Lock()
"""Threads have torch's generator in common."""
FACTORS = torch.tensor([[0, 0], [0, 1], [1, 0], [1, -1], [2, 1]])
CLASSES, SCALE = len(FACTORS), 8.0
LABELS = np.array([4, 0, 0, 3, 2, 0, 4, 1, 3])
KINDS: list[dict[str, Any]] = [
    {"classifier": "linear"},
    {"classifier": "cosine"},
    {"classifier": "cosine", "sub_centers": 2},
    {"classifier": "factored"},
    {"classifier": "factored", "class_residual": True},
]
STEPS = [[[0, 1, 2, 3], [4, 5]], [[1, 2]], [[6, 3, 8], [7]], [[5]]]
"""The utterances of each batch of each step: some processes have none of a batch, some no class of a step."""


def make(**fields: Any) -> Network:
    small = {"front_end": {"channels": 4, "blocks": [8]}, "memory": {"slots": 4, "key_dim": 4}, "cosine_scale": SCALE}
    with DRAWING:
        torch.manual_seed(1)
        return Network(NetworkConfig.model_validate({**small, **fields}), 3, CLASSES, factors=FACTORS)


@dataclass
class Meeting:
    """Where threads exchange tensors."""

    barrier: Barrier
    brought: dict[int, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Thread(Ranks):
    """A thread that stands for a process."""

    meeting: Meeting = field(default_factory=lambda: Meeting(Barrier(1)))

    def _all(self, item: Any) -> list[Any]:
        self.meeting.brought[self.rank] = item.clone()
        self.meeting.barrier.wait(60)
        found = [self.meeting.brought[rank] for rank in range(self.world)]
        self.meeting.barrier.wait(60)
        return found

    def sum(self, tensor: Tensor) -> Tensor:
        return tensor.copy_(torch.stack(self._all(tensor)).sum(dim=0))

    def max(self, tensor: Tensor) -> Tensor:
        return tensor.copy_(torch.stack(self._all(tensor)).amax(dim=0))

    def gather(self, item: Any) -> list[Any]:
        found = self._all(item)
        return found if self.is_first else []


def in_threads(world: int, function: Callable[[Ranks], Any]) -> list[Any]:
    meeting = Meeting(Barrier(world))
    with ThreadPoolExecutor(world) as threads:
        return list(threads.map(function, [Thread(rank, world, meeting=meeting) for rank in range(world)]))


def train(ranks: Ranks, kind: dict[str, Any], sampled: float, smoothing: float = 0.1) -> dict[str, Any]:
    """Some steps on given states: what came of them, and the softmax itself."""
    network = make(**kind)
    config = TrainingConfig(sampled_classes=sampled, weight_decay=0.1)
    softmax = PartialSoftmax(network, CLASSES, LABELS, config, 3, CPU, ranks)
    states = torch.randn(len(LABELS), 8, generator=torch.Generator().manual_seed(2))
    margin = 0.0 if kind["classifier"] == "linear" else 0.3
    found: dict[str, Any] = {"losses": [], "hits": [], "norms": [], "states": torch.zeros_like(states)}
    for step, batches in enumerate(STEPS):
        softmax.begin_step(step, batches)
        for number, batch in enumerate(batches):
            softmax.begin_batch(number)
            own = list(ranks.share(batch))
            state = states[own or batch[:1]].requires_grad_()
            loss, hits = softmax.loss(state, margin, smoothing)
            weight = len(own) / sum(map(len, batches))
            torch.autograd.backward(loss * weight)
            assert state.grad is not None
            if own:
                found["states"][own] += state.grad
            found["losses"].append(float(ranks.sum(loss.detach() * weight)))
            found["hits"].append(float(ranks.sum(hits * weight)))
        softmax.add_gradients()
        found["norms"].append(float(softmax.gradient_norm()))
        softmax.move(0.05)
    ranks.sum(found["states"])
    return {**found, "weights": softmax.whole(network.state_dict()), "kept": softmax.state(), "softmax": softmax}


def whole_softmax(kind: dict[str, Any], smoothing: float = 0.1) -> dict[str, Any]:
    """The same steps by torch's own cross-entropy and AdamW, of all classes."""
    network = make(**kind)
    classifier = network.classifiers["cls"]
    optimizer = make_optimizer([classifier], TrainingConfig(learning_rate=0.05, weight_decay=0.1))
    states = torch.randn(len(LABELS), 8, generator=torch.Generator().manual_seed(2)).requires_grad_()
    found: dict[str, Any] = {"losses": [], "norms": []}
    for batches in STEPS:
        optimizer.zero_grad()
        utterances = [number for batch in batches for number in batch]
        labels = torch.from_numpy(LABELS[utterances])
        logits = classifier(states[utterances])
        if kind["classifier"] != "linear":
            logits = SCALE * additive_angular_margin(logits / SCALE, labels, 0.3)
        loss = functional.cross_entropy(logits, labels, label_smoothing=smoothing)
        torch.autograd.backward(loss)
        found["losses"].append(float(loss.detach()))
        found["norms"].append(float(nn.utils.get_total_norm([p.grad for p in classifier.parameters()])))  # type: ignore[misc]
        optimizer.step()
    return {**found, "states": states.grad, "weights": network.state_dict()}


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_with_all_classes_it_is_the_whole_softmax_and_adamw(kind: dict[str, Any]) -> None:
    mine, wanted = train(ALONE, kind, 1.0), whole_softmax(kind)
    assert mine["norms"] == pytest.approx(wanted["norms"], rel=1e-5)
    sums = [mine["losses"][0] + mine["losses"][1], mine["losses"][2], mine["losses"][3] + mine["losses"][4]]
    assert [*sums, mine["losses"][5]] == pytest.approx(wanted["losses"], rel=1e-5)
    torch.testing.assert_close(mine["states"], wanted["states"], rtol=1e-4, atol=1e-6)
    for name, weights in wanted["weights"].items():
        torch.testing.assert_close(mine["weights"][name], weights, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("kind", "sampled"), [*((kind, 2) for kind in KINDS), (KINDS[2], 1.0), (KINDS[4], 4)], ids=str)
def test_three_processes_do_what_one_does(kind: dict[str, Any], sampled: float) -> None:
    one = train(ALONE, kind, sampled)
    first, *others = in_threads(3, lambda ranks: train(ranks, kind, sampled))
    for name in ("losses", "hits", "norms"):
        assert first[name] == pytest.approx(one[name], rel=1e-5, abs=1e-5), name
        assert [other[name] for other in others] == [first[name]] * 2, "the same bits"
    torch.testing.assert_close(first["states"], one["states"], rtol=1e-4, atol=1e-6)
    for name, weights in one["weights"].items():
        torch.testing.assert_close(first["weights"][name], weights, rtol=1e-4, atol=1e-5)
    for name, kept in one["kept"].items():
        for what, tensor in kept.items():
            torch.testing.assert_close(first["kept"][name][what], tensor, rtol=1e-4, atol=1e-6)
    held = [len(each["softmax"].classifier.weight) for each in (first, *others) if kind["classifier"] != "factored"]
    assert sum(held) == (len(one["softmax"].classifier.weight) if held else 0), "each holds a part"


def test_another_number_of_processes_goes_on_with_what_is_kept() -> None:
    kind = {"classifier": "cosine", "sub_centers": 2}
    one = train(ALONE, kind, 3)

    def restored(ranks: Ranks) -> tuple[dict[str, Tensor], Any]:
        network = make(**kind)
        softmax = PartialSoftmax(network, CLASSES, LABELS, TrainingConfig(sampled_classes=3), 3, CPU, ranks)
        network.load_state_dict(softmax.restore(one["weights"], one["kept"]))
        return softmax.whole(network.state_dict()), softmax.state()

    weights, kept = in_threads(2, restored)[0]
    assert all(torch.equal(weights[name], one["weights"][name]) for name in weights)
    assert all(torch.equal(kept["weight"][what], one["kept"]["weight"][what]) for what in kept["weight"])


def by_hand(sampled: float, labels: list[int], decay: float = 0.5) -> tuple[PartialSoftmax, Tensor]:
    """Classes [1, 0], [0, 1], [-1, 0], [0, -1] with a scale of 10; the softmax, and their vectors."""
    config = {"front_end": {"channels": 4, "blocks": [2]}, "attention_heads": 1, "cosine_scale": 10}
    network = Network(NetworkConfig.model_validate(config), 3, 4)
    vectors: Any = network.classifiers["cls"].weight
    vectors.data = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    steps = TrainingConfig(sampled_classes=sampled, weight_decay=decay)
    return PartialSoftmax(network, 4, np.array(labels), steps, 0, CPU), vectors


def step(softmax: PartialSoftmax, number: int, states: Tensor, utterances: list[int]) -> tuple[Tensor, Tensor]:
    softmax.begin_step(number, [utterances])
    softmax.begin_batch(0)
    loss, hits = softmax.loss(states, 0.0, 0.0)
    torch.autograd.backward(loss)
    softmax.move(0.1)
    return loss.detach(), hits


def test_the_loss_by_hand_is_of_the_classes_that_take_part() -> None:
    softmax, _ = by_hand(2, [0, 1])
    loss, hits = step(softmax, 0, torch.tensor([[3.0, 0.0], [0.0, 0.2]]), [0, 1])  # logits 10 and 0
    assert float(loss) == pytest.approx(math.log(1 + math.exp(-10)), abs=1e-6)
    assert hits == 1
    softmax, _ = by_hand(1.0, [0, 1])  # 10, 0, -10, 0; and the second utterance is nearer to the class 2
    loss, hits = step(softmax, 0, torch.tensor([[3.0, 0.0], [-1.0, 0.0]]), [0, 1])
    others = 2 + math.exp(10) + math.exp(-10)
    assert float(loss) == pytest.approx((math.log(others) - 10 + math.log(others)) / 2, rel=1e-4)
    assert hits == 0.5


def test_classes_that_take_no_part_stay_where_they_are_and_the_others_decay() -> None:
    softmax, vectors = by_hand(2, [0, 1, 2])
    before = vectors.clone()
    states = torch.tensor([[1.0, 1.0], [1.0, -1.0]])
    step(softmax, 0, states, [0, 1])
    assert torch.equal(vectors[2:], before[2:])
    # AdamW's first step is of 0.1 in each direction that has a gradient, after a decay by 0.1 * 0.5
    torch.testing.assert_close(vectors[0].detach(), torch.tensor([0.95, 0.1]), atol=1e-4, rtol=0)
    moved = vectors.clone()
    step(softmax, 1, states, [1, 2])
    assert torch.equal(vectors[[0, 3]], moved[[0, 3]]), "neither moments nor decay move them"
    assert not torch.equal(vectors[1], moved[1])
    assert softmax.tables["weight"].steps.tolist() == [1, 2, 1, 0]
    assert float((vectors[2] - before[2] * 0.95).abs().max()) == pytest.approx(0.1, abs=1e-4), "its own first step"


def test_the_classes_of_a_step_are_its_own_and_others_each_as_likely() -> None:
    rng, own, counts = np.random.default_rng(0), np.array([0, 4, 5]), np.zeros(10)
    for _ in range(2000):
        drawn = draw_classes(10, 5, own, rng)
        assert len(drawn) == 5
        assert (np.diff(drawn) > 0).all()
        counts[drawn] += 1
    assert counts[own].tolist() == [2000] * 3
    assert counts[[1, 2, 3, 6, 7, 8, 9]] == pytest.approx(2000 * 2 / 7, rel=0.1)
    assert draw_classes(10, 2, own, rng).tolist() == own.tolist(), "never without its own"
    assert draw_classes(10, 10, own, rng).tolist() == list(range(10))


def test_a_number_or_a_share_of_the_classes() -> None:
    found = [TrainingConfig(sampled_classes=value).classes_a_step(1000) for value in (0.1, 1, 200, 5000)]
    assert found == [100, 1000, 200, 1000]


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"training": {"sampled_classes": 2.5}}, "a share up to 1, and a whole number above it, not 2.5"),
        ({"training": {"classes": "both"}}, r"sampled_classes \(9\) does not go with training.classes 'both'"),
        ({"objective": {"loss": "adcf"}}, "objective.loss 'adcf', whose false alarms are those of all classes"),
        ({"network": {"head": "cls-dist"}}, "objective.distillation 'kl', which compares posteriors of all classes"),
        (
            {"network": {"head": "cls-dist"}, "objective": {"class_weight": 0, "distillation": "cosine"}},
            "class_weight 0, with which no class is learned",
        ),
    ],
)
def test_what_needs_all_classes_is_refused(tree: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Config.model_validate({**tree, "training": {"sampled_classes": 9, **tree.get("training", {})}})


@pytest.mark.parametrize("head", ["cls", "cls-dist"])
def test_objectives_give_the_loss_of_the_whole_softmax_where_all_classes_take_part(batch: Batch, head: str) -> None:
    """Also beside a distillation token that learns embeddings."""
    tree = {
        "network": {"head": head, "front_end": {"channels": 4, "blocks": [8]}, "dropout": 0},
        "objective": {"loss": "aam", "distillation": "cosine", "ring_weight": 0.1, "label_smoothing": 0.1},
        "training": {"sampled_classes": 1, "classes": "speaker-phrase"},
    }
    config = Config.model_validate(tree)
    torch.manual_seed(0)
    network = Network(config.network, 3, 4)
    batch.labels, batch.stored = batch.labels[:, 1:], (torch.randn(5, 8),)
    found = []
    for partial in (None, PartialSoftmax(network, 4, batch.labels[:, 0].numpy(), config.training, 0, CPU)):
        objective = Distillation(config, [4], [], [8], partial) if head == "cls-dist" else None
        if partial:
            partial.begin_step(0, [range(5)])
            partial.begin_batch(0)
        found.append((objective or Classification(config, [4], partial))(Networks(network), batch, 0.5))
    (_, wanted), (loss, values) = found
    assert loss.requires_grad
    assert {name: float(value) for name, value in values.items()} == pytest.approx(
        {name: float(value) for name, value in wanted.items()}, rel=1e-5
    )
