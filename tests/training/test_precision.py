"""Losses under autocast are those of fp32."""

from typing import Any

import pytest
import torch

from svtok.nets.network import Network
from svtok.trained.config import Config
from svtok.training.data import Batch
from svtok.training.objectives import Distillation, LabelLoss, Target

SMALL = {"front_end": {"channels": 4, "blocks": [16]}, "attention_heads": 1, "memory": {"slots": 3, "key_dim": 2}}


def config(head: str = "cls", **objective: Any) -> Config:
    return Config.model_validate({"network": {**SMALL, "head": head}, "objective": objective})


@pytest.mark.parametrize(
    "objective", [{}, {"loss": "aam"}, {"loss": "adcf"}, {"ring_weight": 1.0}], ids=["plain", "aam", "adcf", "ring"]
)
def test_the_loss_on_labels_is_that_of_fp32(objective: dict[str, Any]) -> None:
    torch.manual_seed(0)
    states, labels = torch.randn(12, 16), torch.arange(12)[:, None] % 8
    logits = 20 * torch.rand(12, 8)
    loss = LabelLoss(config(**objective), [8])
    expected = loss(states, logits, labels, 0.5)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(loss(states, logits, labels, 0.5), expected)


@pytest.mark.parametrize("kind", ["kl", "hard", "cosine"])
def test_the_loss_of_distillation_is_that_of_fp32_and_so_is_its_projection(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the student's states come from autocast in bf16."""
    torch.manual_seed(0)
    settings = config("cls-dist", distillation=kind)
    teacher = Config.model_validate({"network": {**SMALL, "front_end": {"blocks": [24]}, "attention_heads": 1}})
    student = Network(settings.network, feature_dim=3, classes=8)
    objective = Distillation(settings, [8], [teacher.network])
    targets = [Target(20 * torch.rand(6, 8), torch.randn(6, 24))]
    states = {name: torch.randn(6, 16).bfloat16() for name in ("cls", "dist")}
    expected = objective.distance(states["dist"].float(), student.classify(states)["dist"], targets)
    monkeypatch.setattr(student, "forward", lambda frames, lengths: states)
    frames, lengths = torch.zeros(6, 4, 3), torch.full((6,), 4)
    batch = Batch({"augmented": (frames, lengths)}, torch.arange(6)[:, None])
    with torch.autocast("cpu", torch.bfloat16):
        _, values = objective.student_loss(student, batch, targets, 0.0)
    assert torch.equal(values["distillation_loss"], expected)
