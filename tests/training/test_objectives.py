"""Objectives against hand computation."""

import pytest
import torch
from torch.nn import functional

from svtok.nets.config import NetworkConfig
from svtok.nets.network import Network
from svtok.training.config import ObjectiveConfig
from svtok.training.data import Batch
from svtok.training.objectives import Classification, Distillation, Networks

SMALL = {"front_end": {"channels": 4, "blocks": [4]}, "attention_heads": 1, "memory": {"slots": 3, "key_dim": 2}}


def network(head: str, seed: int) -> Network:
    torch.manual_seed(seed)
    return Network(NetworkConfig(head=head, dropout=0, **SMALL), feature_dim=3, classes=4)


@pytest.fixture
def batch():
    torch.manual_seed(9)
    frames, clean = torch.randn(5, 7, 3), torch.randn(5, 7, 3)
    lengths = torch.full((5,), 7)
    return Batch(frames, lengths, clean, lengths, torch.tensor([0, 1, 2, 3, 0]))


def test_classification_is_the_cross_entropy_of_the_one_state(batch):
    net = network("avg", 0).eval()
    loss, values = Classification(ObjectiveConfig(label_smoothing=0.1))(Networks(net), batch, 0.0)
    logits = net.classify(net(batch.frames, batch.lengths))["avg"]
    smooth = 0.9 * functional.one_hot(batch.labels, 4) + 0.1 / 4
    expected = -(smooth * logits.log_softmax(dim=1)).sum(dim=1).mean()
    torch.testing.assert_close(loss, expected)
    assert values["accuracy"].item() == (logits.argmax(1) == batch.labels).float().mean().item()


@pytest.mark.parametrize("sees", ["augmented", "clean"])
@pytest.mark.parametrize("teacher_head", ["avg", "cls", "cls-dist"])
def test_distillation_weighs_label_loss_and_divergence_to_the_teacher(batch, sees, teacher_head):
    student, teacher = network("cls-dist", 0).eval(), network(teacher_head, 1)
    config = ObjectiveConfig(class_weight=0.3, distillation_weight=0.7, temperature=2, teacher_sees=sees)
    loss, values = Distillation(config)(Networks(student, teacher), batch, 0.0)
    states = teacher.eval()(batch.frames if sees == "augmented" else batch.clean, batch.lengths)
    name = "avg" if teacher_head == "avg" else "cls"
    wanted = (teacher.classify(states)[name] / 2).softmax(dim=1)
    logits = student.classify(student(batch.frames, batch.lengths))
    given = (logits["dist"] / 2).softmax(dim=1)
    divergence = 4 * (wanted * (wanted / given).log()).sum(dim=1).mean()
    torch.testing.assert_close(values["divergence"], divergence)
    torch.testing.assert_close(loss, 0.3 * functional.cross_entropy(logits["cls"], batch.labels) + 0.7 * divergence)


def test_the_teacher_gets_no_gradient_and_is_read_in_evaluation_mode(batch):
    student, teacher = network("cls-sampled-dist", 0), network("cls-sampled", 1).train()
    statistics = {name: buffer.clone() for name, buffer in teacher.named_buffers()}
    loss, _ = Distillation(ObjectiveConfig())(Networks(student, teacher), batch, 0.0)
    loss.backward()
    assert all(parameter.grad is None for parameter in teacher.parameters())
    assert all(torch.equal(statistics[name], buffer) for name, buffer in teacher.named_buffers())
    assert student.tokens["dist"].vectors.grad.abs().sum() > 0


def test_a_student_that_agrees_with_its_teacher_has_no_divergence(batch):
    student = network("cls-dist", 0).eval()
    teacher = network("cls", 1).eval()
    teacher_states = teacher.classify(teacher(batch.frames, batch.lengths))["cls"]
    student.classify = lambda states: {"cls": teacher_states, "dist": teacher_states + 3.0}
    _, values = Distillation(ObjectiveConfig())(Networks(student, teacher), batch, 0.0)
    assert values["divergence"].item() == pytest.approx(0, abs=1e-6)
