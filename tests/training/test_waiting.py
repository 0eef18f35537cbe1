"""A training step asks nothing of what a GPU computes, so that it never waits for one.

Without a GPU: whatever is computed from the frames, the labels or the weights would lie on it; the lengths do not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from svtok.nets.network import Network
from svtok.trained.config import Config
from svtok.training.data import Batch
from svtok.training.objectives import Classification, Distillation, Networks, Objective
from svtok.training.optimizer import make_optimizer

CLASSES = [4]
aten = torch.ops.aten
WAITS = {aten._local_scalar_dense, aten.nonzero, aten.masked_select, aten.equal, aten.is_nonzero, aten.bincount}


class NoWaiting(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Collects the operations whose result a program can only have by waiting for what lies on the GPU."""

    def __init__(self, on_gpu: Sequence[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kept = list(on_gpu)  # alive, so that no other tensor gets one of these numbers
        self.on_gpu = set(map(id, on_gpu))
        self.waits: list[str] = []

    def __torch_dispatch__(
        self, func: Any, types: object, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        if any(id(leaf) in self.on_gpu for leaf in tree_leaves((args, kwargs))):
            masked = func.overloadpacket is aten.index and any(
                isinstance(leaf, Tensor) and leaf.dtype in (torch.bool, torch.uint8) for leaf in tree_leaves(args[1])
            )
            if func.overloadpacket in WAITS or masked:
                self.waits.append(str(func))
            for leaf in tree_leaves(out):
                if isinstance(leaf, Tensor):
                    self.kept.append(leaf)
                    self.on_gpu.add(id(leaf))
        return out


def config(network: dict[str, Any], objective: dict[str, Any]) -> Config:
    small = {"front_end": {"channels": 4, "blocks": [8]}, "attention_heads": 2}
    small |= {"memory": {"slots": 4, "key_dim": 4, "top_k": 2}, "sampled": {"vectors": 3}}
    return Config.model_validate({"network": {**small, **network}, "objective": objective})


def batch() -> Batch:
    frames, lengths = torch.randn(4, 9, 3), torch.tensor([9, 7, 8, 9])
    return Batch({"augmented": (frames, lengths)}, torch.tensor([[0], [1], [3], [1]]))


def waits(objective: Objective, networks: Networks, settings: Config) -> list[str]:
    """What waits in a step: forward, backward, clipping and update, after a first one that may."""
    trained, data = objective.trained(networks), batch()
    for module in trained.values():
        module.train()
    optimizer = make_optimizer(trained.values(), settings.training)
    modules: list[nn.Module] = [*trained.values(), *networks.teachers]
    weights = [t for module in modules for t in (*module.parameters(), *module.buffers())]

    def step() -> None:
        loss, _ = objective(networks, data, 0.5)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        for module in trained.values():
            if parameters := list(module.parameters()):
                nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()

    step()
    with NoWaiting([data.frames, data.labels, *weights]) as mode:
        step()
    return mode.waits


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize(
    ("network", "objective"),
    [
        ({"head": "cls"}, {}),
        ({"head": "cls-sampled"}, {"loss": "aam", "ring_weight": 0.1}),
        ({"head": "cls-sampled", "sampled": {"vectors": 3, "weights": "learned"}}, {"loss": "adcf"}),
        ({"head": "cls-sampled", "sampled": {"distribution": "gaussian"}, "positions": "rotary"}, {}),
        ({"head": "cls", "memory": {"keys": "product", "slots": 4, "key_dim": 4, "top_k": 2}}, {}),
        ({"head": "cls", "skip": "attentive-stats", "after_attention": "feed-forward-memory"}, {}),
        ({"head": "avg", "sub_centers": 2}, {}),
        ({"head": "attentive-stats", "layers": 0, "front_end": {"kind": "ecapa", "channels": 8, "scale": 2}}, {}),
        ({"head": "stats", "layers": 0, "front_end": {"kind": "x-vector", "channels": 4, "out_channels": 4}}, {}),
    ],
)
def test_no_classification_waits(network: dict[str, Any], objective: dict[str, Any]) -> None:
    settings = config(network, objective)
    networks = Networks(Network(settings.network, 3, CLASSES[0]))
    assert waits(Classification(settings, CLASSES), networks, settings) == []


@pytest.mark.parametrize("kind", ["kl", "hard", "cosine"])
def test_no_student_waits_for_its_teachers(kind: str) -> None:
    settings = config({"head": "cls-dist"}, {"distillation": kind})
    teaching = config({"head": "cls-sampled", "sampled": {"vectors": 3, "evaluation": "seeded-draw"}}, {}).network
    teacher = Network(teaching, 3, CLASSES[0]).requires_grad_(False)
    networks = Networks(Network(settings.network, 3, CLASSES[0]), [teacher])
    assert waits(Distillation(settings, CLASSES, [teaching]), networks, settings) == []


@pytest.mark.parametrize(
    "look", [lambda x: x.sum().item(), lambda x: x[x > 0], lambda x: x.nonzero(), lambda x: x[x.argmax()]]
)
def test_what_waits_is_seen(look: Callable[[Tensor], object]) -> None:
    x = torch.tensor([1.0, -1.0])
    with NoWaiting([x]) as mode:
        look(x)
    assert mode.waits
