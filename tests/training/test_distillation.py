"""Learning from teachers, against hand computation."""

from typing import Any

import pytest
import torch
from torch.nn import functional

from svtok.nets.network import Network
from svtok.trained.config import Config
from svtok.training.data import Batch
from svtok.training.objectives import Distillation, JointDistillation, Networks, Target

pytestmark = pytest.mark.slow

SMALL = {"front_end": {"channels": 4, "blocks": [4]}, "attention_heads": 1, "memory": {"slots": 3, "key_dim": 2}}
LARGER = {"front_end": {"channels": 4, "blocks": [6]}, "attention_heads": 2}


def config(head: str = "cls-dist", network: Any = None, **objective: Any) -> Config:
    return Config(network={**SMALL, "head": head, "dropout": 0, **(network or {})}, objective=objective)


def make(config: Config, seed: int, classes: int = 4) -> Any:
    torch.manual_seed(seed)
    return Network(config.network, feature_dim=3, classes=classes)


@pytest.fixture
def pairs(batch: Batch) -> Any:
    """The batch with the labels of the second group alone."""
    batch.labels = batch.labels[:, 1:]
    return batch


@pytest.mark.parametrize("teacher_sees", ["augmented", "unerased", "clean"])
@pytest.mark.parametrize("student_sees", ["augmented", "unerased"])
@pytest.mark.parametrize("teacher_head", ["avg", "cls", "cls-dist", "attentive-stats"])
def test_label_loss_and_divergence_are_weighted_and_each_network_reads_its_view(
    pairs: Any, student_sees: str, teacher_sees: str, teacher_head: str
) -> None:
    settings = config(
        class_weight=0.3,
        distillation_weight=0.7,
        temperature=2,
        student_sees=student_sees,
        teacher_sees=teacher_sees,
    )
    teacher_config = config(teacher_head)
    student, teacher = make(settings, 0).eval(), make(teacher_config, 1)
    objective = Distillation(settings, [4], [teacher_config.network])
    loss, values = objective(Networks(student, [teacher]), pairs, 0.0)
    states = teacher.eval()(*pairs.views[teacher_sees])
    wanted = (next(iter(teacher.classify(states).values())) / 2).softmax(dim=1)
    logits = student.classify(student(*pairs.views[student_sees]))
    given = (logits["dist"] / 2).softmax(dim=1)
    divergence = 4 * (wanted * (wanted / given).log()).sum(dim=1).mean()
    torch.testing.assert_close(values["distillation_loss"], divergence)
    on_labels = functional.cross_entropy(logits["cls"], pairs.labels[:, 0])
    torch.testing.assert_close(loss, 0.3 * on_labels + 0.7 * divergence)


@pytest.mark.parametrize("kind", ["kl", "hard", "cosine"])
def test_a_frozen_teacher_gets_no_gradient_and_is_read_in_evaluation_mode(pairs: Any, kind: str) -> None:
    settings, teacher_config = config("cls-sampled-dist", distillation=kind), config("cls-sampled")
    student, teacher = make(settings, 0), make(teacher_config, 1).train()
    statistics = {name: buffer.clone() for name, buffer in teacher.named_buffers()}
    loss, _ = Distillation(settings, [4], [teacher_config.network])(Networks(student, [teacher]), pairs, 0.0)
    loss.backward()
    assert all(parameter.grad is None for parameter in teacher.parameters())
    assert all(torch.equal(statistics[name], buffer) for name, buffer in teacher.named_buffers())
    assert student.tokens["dist"].vectors.grad.abs().sum() > 0


def test_each_group_of_classes_is_compared_with_the_teachers_by_itself(batch: Batch) -> None:
    settings, teacher_config = config(speaker_weight=0.2), config("cls")
    student, teacher = make(settings, 0, classes=6).eval(), make(teacher_config, 1, classes=6).eval()
    objective = Distillation(settings, [2, 4], [teacher_config.network])
    _, values = objective(Networks(student, [teacher]), batch, 0.0)
    given = student.classify(student(batch.frames, batch.lengths))["dist"].split([2, 4], dim=1)
    wanted = teacher.classify(teacher(batch.frames, batch.lengths))["cls"].split([2, 4], dim=1)
    parts = [
        (w.softmax(1) * (w.log_softmax(1) - g.log_softmax(1))).sum(dim=1).mean()
        for g, w in zip(given, wanted, strict=True)
    ]
    torch.testing.assert_close(values["distillation_loss"], 0.2 * parts[0] + 0.8 * parts[1])


def test_several_teachers_are_averaged(pairs: Any) -> None:
    settings, teacher_config = config(), config("cls")
    student, teachers = make(settings, 0).eval(), [make(teacher_config, seed).eval() for seed in (1, 2, 3)]
    objective = Distillation(settings, [4], [teacher_config.network] * 3)
    _, values = objective(Networks(student, teachers), pairs, 0.0)
    read = [t.classify(t(pairs.frames, pairs.lengths))["cls"].softmax(dim=1) for t in teachers]
    mean = sum(read) / 3
    given = student.classify(student(pairs.frames, pairs.lengths))["dist"].log_softmax(dim=1)
    torch.testing.assert_close(values["distillation_loss"], (mean * (mean.log() - given)).sum(dim=1).mean())


def test_cosine_distillation_projects_the_student_where_its_teacher_is_larger(pairs: Any) -> None:
    settings = config(distillation="cosine")
    same, larger = config("cls"), config("cls-dist", network={**LARGER, "embedding": "concat"})
    student, teachers = make(settings, 0).eval(), [make(same, 1).eval(), make(larger, 2).eval()]
    objective = Distillation(settings, [4], [same.network, larger.network])
    (weight,) = objective.parameters()
    assert weight.shape == (12, 4)
    loss, values = objective(Networks(student, teachers), pairs, 0.0)
    state = student(pairs.frames, pairs.lengths)["dist"]
    wanted = [teacher.embed(pairs.frames, pairs.lengths) for teacher in teachers]
    cosines = [
        functional.cosine_similarity(state, wanted[0]),
        functional.cosine_similarity(state @ weight.T, wanted[1]),
    ]
    expected = 1 - (cosines[0].mean() + cosines[1].mean()) / 2
    torch.testing.assert_close(values["distillation_loss"], expected)
    [gradient] = torch.autograd.grad(loss, [weight])
    assert gradient.abs().sum() > 0


def test_stored_embeddings_are_teachers_beside_the_networks(pairs: Batch) -> None:
    settings, same = config(distillation="cosine"), config("cls")
    student, teacher = make(settings, 0).eval(), make(same, 1).eval()
    torch.manual_seed(2)
    pairs.stored = (torch.randn(5, 4), torch.randn(5, 7))
    objective = Distillation(settings, [4], [same.network], [4, 7])
    (weight,) = objective.parameters()
    assert weight.shape == (7, 4)
    _, values = objective(Networks(student, [teacher]), pairs, 0.0)
    state = student(pairs.frames, pairs.lengths)["dist"]
    cosines = [
        functional.cosine_similarity(state, teacher.embed(pairs.frames, pairs.lengths)),
        functional.cosine_similarity(state, pairs.stored[0]),
        functional.cosine_similarity(state @ weight.T, pairs.stored[1]),
    ]
    torch.testing.assert_close(values["distillation_loss"], 1 - torch.stack(cosines).mean(dim=1).mean())


def test_a_student_of_stored_embeddings_alone_needs_no_labels(pairs: Batch) -> None:
    settings = config(distillation="cosine", class_weight=0, distillation_weight=1)
    student = make(settings, 0, classes=1)
    pairs.labels, pairs.stored = torch.zeros(5, 1, dtype=torch.int64), (torch.randn(5, 4),)
    loss, values = Distillation(settings, [1], [], [4])(Networks(student), pairs, 0.0)
    assert loss.item() == pytest.approx(values["distillation_loss"].item())
    loss.backward()
    assert student.tokens["dist"].vectors.grad.abs().sum() > 0
    assert not any(p.grad.any() for p in student.classifiers["cls"].parameters() if p.grad is not None)


def test_a_student_that_agrees_with_its_teacher_has_no_divergence(pairs: Any) -> None:
    student, teacher = make(config(), 0).eval(), make(config("cls"), 1).eval()
    wanted = teacher.classify(teacher(pairs.frames, pairs.lengths))["cls"]
    student.classify = lambda states: {"cls": wanted, "dist": wanted + 3.0}
    objective = Distillation(config(), [4], [teacher.config])
    _, values = objective(Networks(student, [teacher]), pairs, 0.0)
    assert values["distillation_loss"].item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("schedule", "weights"), [("constant", [0.8] * 3), ("rising", [0, 0.2, 0.6]), ("falling", [0.8, 0.6, 0.2])]
)
def test_the_weight_of_distillation_follows_its_schedule(schedule: str, weights: list[float]) -> None:
    settings = config(distillation_weight=0.8, distillation_schedule=schedule)
    objective = Distillation(settings, [4], [config("cls").network])
    assert [objective.weight(progress) for progress in (0, 0.25, 0.75)] == pytest.approx(weights)


@pytest.mark.parametrize("kind", ["kl", "hard", "cosine"])
def test_a_joint_teacher_has_the_gradient_of_its_own_loss_alone(pairs: Any, kind: str) -> None:
    settings, teacher_config = config(distillation=kind), config("cls", loss="aam", margin=0.1)
    gradients = []
    for weight in (0.0, 50.0):
        settings = config(distillation=kind, distillation_weight=weight)
        student, teacher = make(settings, 0), make(teacher_config, 1)
        objective = JointDistillation(settings, teacher_config, [4])
        loss, values = objective(Networks(student, joint_teacher=teacher), pairs, 0.0)
        loss.backward()
        gradients.append([parameter.grad for parameter in teacher.parameters() if parameter.grad is not None])
    assert len(gradients[0]) > 10
    assert all(torch.equal(one, other) for one, other in zip(*gradients, strict=True))
    torch.testing.assert_close(values["loss"] + values["teacher_loss"], loss.detach())
    assert 0 <= values["teacher_accuracy"] <= 1


def test_without_class_weight_labels_are_neither_learned_nor_counted(pairs: Batch) -> None:
    settings = config(class_weight=0.0, distillation_weight=0.7, distillation="cosine")
    student = make(settings, 0)
    objective = Distillation(settings, [4], [], [4])
    pairs.stored = (torch.randn(5, 4, generator=torch.Generator().manual_seed(3)),)
    loss, values = objective(Networks(student), pairs, 0.0)
    assert values.keys() == {"loss", "distillation_loss"}
    torch.testing.assert_close(loss, 0.7 * values["distillation_loss"])
    loss.backward()
    assert all(p.grad is None for p in student.classifiers.parameters())


def test_frozen_and_stored_teachers_count_beside_one_trained_in_the_loop(pairs: Batch) -> None:
    settings = config(class_weight=0.5, distillation_weight=1.0, distillation="cosine", loss="cross-entropy")
    student, beside, frozen = make(settings, 0), make(config("avg"), 1).eval(), make(config("avg"), 2)
    pairs.stored = (torch.randn(5, 4, generator=torch.Generator().manual_seed(3)),)
    student.eval()
    objective = JointDistillation(settings, config("avg"), [4], [config("avg").network], [4])
    loss, values = objective(Networks(student, [frozen], beside), pairs, 0.0)
    state = student(*pairs.views["augmented"])["dist"]
    wanted = [*(each.embed(*pairs.views["augmented"]) for each in (beside, frozen)), *pairs.stored]
    distances = [1 - functional.cosine_similarity(state, each, dim=1).mean() for each in wanted]
    torch.testing.assert_close(values["distillation_loss"], torch.stack(distances).mean().detach())
    total = 0.5 * values["label_loss"] + values["distillation_loss"] + values["teacher_loss"]
    torch.testing.assert_close(loss.detach(), total)


@pytest.mark.parametrize("distillation", ["kl", "hard", "cosine"])
def test_each_stream_of_a_student_learns_from_all_of_its_teacher(pairs: Any, distillation: str) -> None:
    streams = {"streams": ["features", "features"]}
    settings, teacher_config = config(network=streams, distillation=distillation), config("avg", network=streams)
    student, teacher = make(settings, 0).eval(), make(teacher_config, 1).eval()
    objective = Distillation(settings, [4], [teacher_config.network])
    loss, values = objective(Networks(student, [teacher]), pairs, 0.0)
    states = student(pairs.frames, pairs.lengths)
    logits = student.classify(states)
    of_teacher = teacher(pairs.frames, pairs.lengths)
    target = Target(teacher.classify(of_teacher)["avg"].mean(dim=1), teacher.join(of_teacher))
    each = [objective.distance(states["dist"][:, one], logits["dist"][:, one], [target]) for one in (0, 1)]
    torch.testing.assert_close(values["distillation_loss"], (each[0] + each[1]) / 2)
    on_labels = [functional.cross_entropy(logits["cls"][:, one], pairs.labels[:, 0]) for one in (0, 1)]
    torch.testing.assert_close(values["label_loss"], (on_labels[0] + on_labels[1]) / 2)
    weights = settings.objective.class_weight, settings.objective.distillation_weight
    torch.testing.assert_close(loss, weights[0] * values["label_loss"] + weights[1] * values["distillation_loss"])
