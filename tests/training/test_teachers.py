"""Students of trained teachers, and of teachers trained beside them, as whole runs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from svtok.errors import ProblemsError, SvtokError
from svtok.nets.network import Network
from svtok.trained.folder import load_network
from svtok.training.data import StoredTeacher
from svtok.training.run import Run, train_network

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("head", ["cls-dist", "cls-sampled-dist"])
def test_a_student_names_its_teachers_hash_and_leaves_the_teacher_alone(
    make_run: Callable[..., Run], head: str, rows: Callable[[Path], list[dict[str, Any]]]
) -> None:
    train_network(teacher := make_run("teacher", head="cls-sampled"))
    before = (teacher.out / "network.safetensors").read_bytes()
    train_network(student := make_run("student", head=head, teachers=[teacher.out]))
    assert f"teacher: {load_network(teacher.out).hash}" in (student.out / "config.yaml").read_text()
    assert (teacher.out / "network.safetensors").read_bytes() == before
    log = rows(student.out)
    assert np.isfinite([row["distillation_loss"] for row in log]).all()


def test_another_teacher_is_refused(make_run: Callable[..., Run], cut_off: Callable[[Run, int], None]) -> None:
    for seed in (1, 2):
        train_network(make_run(f"teacher{seed}", seed=seed))
    folder = make_run("x").out.parent
    cut_off(make_run("student", head="cls-dist", teachers=[folder / "teacher1"]), 2)
    with pytest.raises(ProblemsError, match=r"run.teacher: was \w+, now \w+"):
        train_network(make_run("student", head="cls-dist", teachers=[folder / "teacher2"]))


def test_several_teachers_are_all_named_and_none_may_be_missing(
    make_run: Callable[..., Run], cut_off: Callable[[Run, int], None]
) -> None:
    for seed in (1, 2):
        train_network(make_run(f"teacher{seed}", seed=seed, training={"epochs": 1}))
    folder = make_run("x").out.parent
    both = [folder / "teacher1", folder / "teacher2"]
    cut_off(student := make_run("student", head="cls-dist", teachers=both), 2)
    hashes = " ".join(load_network(teacher).hash for teacher in both)
    assert yaml.safe_load((student.out / "config.yaml").read_text())["run"]["teacher"] == hashes
    with pytest.raises(ProblemsError, match=rf"run.teacher: was {hashes}, now \w+;"):
        train_network(make_run("student", head="cls-dist", teachers=both[:1]))
    assert train_network(make_run("student", head="cls-dist", teachers=both))


@pytest.mark.parametrize("kind", ["kl", "hard", "cosine"])
def test_a_student_may_be_smaller_than_its_teacher(
    make_run: Callable[..., Run], kind: str, rows: Callable[[Path], list[dict[str, Any]]]
) -> None:
    larger = {"front_end": {"channels": 8, "blocks": [8, 12]}, "layers": 3}
    train_network(teacher := make_run("teacher", head="stats", network=larger, training={"epochs": 1}))
    student = make_run("student", head="cls-dist", teachers=[teacher.out], objective={"distillation": kind})
    train_network(student)
    sizes = [(run.out / "network.safetensors").stat().st_size for run in (student, teacher)]
    assert sizes[0] < sizes[1]
    assert rows(student.out)[-1]["distillation_loss"] < rows(student.out)[0]["distillation_loss"]


def stored_teacher(run: Run, dim: int = 6, seed: int = 0, *, without: str = "") -> StoredTeacher:
    """Embeddings of a run's utterances in another order, by chance around a mean for each speaker."""
    table = run.train.prepared.utterances.iloc[::-1]
    table = table[table["utt"] != without]
    rng = np.random.default_rng(seed)
    means = {spk: rng.standard_normal(dim) for spk in sorted(set(table["spk"]))}
    vectors = np.stack([means[spk] + 0.1 * rng.standard_normal(dim) for spk in table["spk"]]).astype(np.float32)
    return StoredTeacher(Path(f"emb{seed}"), table["utt"].tolist(), vectors, f"hash{seed}")


COSINE: dict[str, Any] = {"distillation": "cosine"}


def test_a_student_learns_stored_embeddings_beside_a_teacher_and_names_them(
    make_run: Callable[..., Run], rows: Callable[[Path], list[dict[str, Any]]], cut_off: Callable[[Run, int], None]
) -> None:
    train_network(teacher := make_run("teacher", training={"epochs": 1}))
    both = [stored_teacher(teacher), stored_teacher(teacher, dim=8, seed=1)]
    fields = {"head": "cls-dist", "teachers": [teacher.out], "objective": COSINE, "training": {"epochs": 6}}
    cut_off(student := make_run("student", stored=both, **fields), 2)
    with pytest.raises(ProblemsError, match=r"run\.teacher_embeddings: was hash0 hash1, now hash0;"):
        train_network(make_run("student", stored=both[:1], **fields))
    train_network(make_run("student", stored=both, **fields))
    about = yaml.safe_load((student.out / "config.yaml").read_text())["run"]
    assert (about["teacher"], about["teacher_embeddings"]) == (load_network(teacher.out).hash, "hash0 hash1")
    assert rows(student.out)[-1]["distillation_loss"] < 0.9 * rows(student.out)[0]["distillation_loss"]
    assert train_network(make_run("student", stored=both, **fields)) is False


@pytest.mark.parametrize("workers", [0, 1])
def test_a_student_of_stored_embeddings_that_was_cut_off_ends_in_the_same_weights(
    make_run: Callable[..., Run],
    workers: int,
    assert_same_weights: Callable[[Path, Path], None],
    cut_off: Callable[[Run, int], None],
    measure: Callable[[Run], Callable[[Network], float]],
) -> None:
    def run(out: str) -> Run:
        teacher = stored_teacher(make_run())
        training = {"epochs": 3, "workers": workers}
        return make_run(out, head="cls-sampled-dist", stored=[teacher], objective=COSINE, training=training)

    train_network(whole := run("whole"), measure(whole))
    cut_off(cut := run("cut"), 2)
    train_network(run("cut"), measure(cut))
    assert_same_weights(whole.out, cut.out)


def test_all_that_does_not_fit_stored_embeddings_is_said_at_once(make_run: Callable[..., Run]) -> None:
    teacher = stored_teacher(make_run(), without="bob-no-1")
    fields = {"objective": {"class_weight": 0}, "training": {"waveform": {"speeds": [0.9]}}}
    run = make_run("student", stored=[teacher], **fields)
    with pytest.raises(ProblemsError) as caught:
        train_network(run)
    for fault in (
        "head 'cls' has no distillation token",
        "network.embedding is 'cls', but nothing trains the class token",
        "training.waveform.speeds makes new voices",
        "emb0: objective.distillation 'kl' needs a teacher's posteriors",
        "emb0: 1 of the 32 utterances to train on have no embedding: bob-no-1",
    ):
        assert fault in str(caught.value)
    assert not run.out.exists()


def test_voices_without_speakers_and_phrases_are_learned_from(
    make_run: Callable[..., Run], rows: Callable[[Path], list[dict[str, Any]]]
) -> None:
    names = make_run(train="unlabelled").train.prepared.utterances["utt"].tolist()
    vectors = np.repeat(np.random.default_rng(0).standard_normal((6, 6)), 4, axis=0).astype(np.float32)
    fields: dict[str, Any] = {"head": "cls-dist", "train": "unlabelled", "network": {"embedding": "dist"}}
    fields |= {"stored": [StoredTeacher(Path("emb"), names, vectors, "hash")], "training": {"epochs": 6}}
    with pytest.raises(ProblemsError, match=r"1 class \(speaker-phrase\); at least 2 are needed"):
        train_network(make_run("student", objective=COSINE, **fields))
    unlabelled = {**COSINE, "class_weight": 0, "distillation_weight": 1}
    train_network(run := make_run("student", objective=unlabelled, **fields))
    log = rows(run.out)
    assert log[-1]["distillation_loss"] < 0.8 * log[0]["distillation_loss"]
    assert log[-1]["loss"] == pytest.approx(log[-1]["distillation_loss"])


def joint(make_run: Callable[..., Run], out: str = "joint", *, head: str = "cls-sampled", **fields: Any) -> Run:
    """A run of a student whose teacher, of the head given, learns beside it."""
    teacher = make_run(head=head, **{name: fields[name] for name in ("network", "objective") if name in fields})
    return make_run(out, head=fields.pop("student", "cls-sampled-dist"), joint=teacher.config, **fields)


def test_a_joint_teacher_is_a_network_of_its_own_that_its_student_names(
    make_run: Callable[..., Run], rows: Callable[[Path], list[dict[str, Any]]]
) -> None:
    train_network(run := joint(make_run))
    teacher = load_network(run.out / "teacher")
    assert teacher.config.network.head == "cls-sampled"
    assert load_network(run.out).config.network.head == "cls-sampled-dist"
    assert f"teacher: {teacher.hash}\n" in (run.out / "config.yaml").read_text()
    log = rows(run.out)
    assert log[-1]["teacher_loss"] < log[0]["teacher_loss"]
    for row in log:
        assert 0 < row["encoder.layers.0.memory.slots_used"] <= 1
        assert 0 < row["teacher.encoder.layers.0.memory.slots_used"] <= 1
    assert train_network(joint(make_run)) is False


def test_a_joint_teacher_learns_what_it_would_alone(
    make_run: Callable[..., Run], assert_same_weights: Callable[[Path, Path], None]
) -> None:
    """Without dropout, draws nor a student's gradient, the same bits."""
    fields: dict[str, Any] = {"network": {"dropout": 0.0}, "seed": 4}
    train_network(run := joint(make_run, head="cls", **fields))
    train_network(alone := make_run("alone", head="cls", **fields))
    assert_same_weights(run.out / "teacher", alone.out)


@pytest.mark.parametrize("keep", ["last", "best"])
def test_a_joint_run_that_was_cut_off_and_run_again_ends_in_the_same_weights(
    make_run: Callable[..., Run],
    keep: str,
    assert_same_weights: Callable[[Path, Path], None],
    cut_off: Callable[[Run, int], None],
    measure: Callable[[Run], Callable[[Network], float]],
) -> None:
    fields = {"training": {"epochs": 4, "keep": keep}, "objective": {"distillation": "cosine", "ring_weight": 0.1}}
    network = {"front_end": {"channels": 6, "blocks": [12]}, "attention_heads": 2}

    def run(out: str, **more: Any) -> Run:
        teacher = make_run(head="cls-sampled", network=network)
        return make_run(out, head="cls-sampled-dist", joint=teacher.config, **fields, **more)

    train_network(whole := run("whole"), measure(whole))
    cut_off(cut := run("cut"), 3)
    with pytest.raises(SvtokError, match="its training has not ended"):
        load_network(cut.out / "teacher")
    train_network(run("cut"), measure(cut))
    assert_same_weights(whole.out, cut.out)
    assert_same_weights(whole.out / "teacher", cut.out / "teacher")


@pytest.mark.parametrize("kind", ["kl", "cosine"])
def test_a_student_learns_of_a_joint_teacher_beside_frozen_and_stored_ones(
    make_run: Callable[..., Run],
    kind: str,
    assert_same_weights: Callable[[Path, Path], None],
    cut_off: Callable[[Run, int], None],
    measure: Callable[[Run], Callable[[Network], float]],
) -> None:
    train_network(frozen := make_run("frozen", head="avg", training={"epochs": 1}))
    before = (frozen.out / "network.safetensors").read_bytes()
    stored = [stored_teacher(frozen, dim=6)] if kind == "cosine" else []
    given: dict[str, Any] = {"teachers": [frozen.out], "stored": stored, "joint": make_run(head="stats").config}
    given |= {"head": "cls-dist", "objective": {"distillation": kind}, "training": {"epochs": 2}}
    train_network(whole := make_run("whole", **given), measure(whole))
    cut_off(cut := make_run("cut", **given), 2)
    with pytest.raises(ProblemsError, match=r"run\.frozen_teachers: was \w+, now None"):
        train_network(make_run("cut", **{**given, "teachers": []}))
    train_network(make_run("cut", **given), measure(cut))
    assert_same_weights(whole.out, cut.out)
    assert_same_weights(whole.out / "teacher", cut.out / "teacher")
    about = yaml.safe_load((whole.out / "config.yaml").read_text())["run"]
    assert about["teacher"] == load_network(whole.out / "teacher").hash
    assert about["frozen_teachers"] == load_network(frozen.out).hash
    assert (frozen.out / "network.safetensors").read_bytes() == before
    assert train_network(make_run("whole", **given)) is False


def test_another_joint_teacher_or_none_is_refused(
    make_run: Callable[..., Run], cut_off: Callable[[Run, int], None]
) -> None:
    cut_off(run := joint(make_run), 2)
    with pytest.raises(ProblemsError, match=r"network\.head: was cls-sampled, now avg"):
        train_network(joint(make_run, head="avg"))
    train_network(teacher := make_run("teacher", training={"epochs": 1}))
    with pytest.raises(ProblemsError, match=r"run\.joint: was True, now None"):
        train_network(make_run("joint", head="cls-sampled-dist", teachers=[teacher.out]))
    assert not (run.out / "network.safetensors").exists()
    assert train_network(joint(make_run, head="avg", anew=True))
    assert load_network(run.out / "teacher").config.network.head == "avg"


def test_all_that_does_not_fit_the_teachers_is_said_at_once(make_run: Callable[..., Run]) -> None:
    train_network(teacher := make_run("teacher", training={"classes": "speaker", "epochs": 1}))
    settings = teacher.out / "config.yaml"
    settings.write_text(settings.read_text().replace("sample_rate: 16000", "sample_rate: 8000"))
    run = make_run("student", head="cls", teachers=[teacher.out], joint=make_run(head="cls-dist").config)
    with pytest.raises(ProblemsError) as caught:
        train_network(run)
    for fault in (
        "head 'cls' has no distillation token",
        "a joint teacher needs another head",
        r"features.sample_rate: that of the teacher",
        "is 8000, the training set's is 16000",
        "the teacher has 4 classes, the student 8",
    ):
        assert fault in str(caught.value)
    assert not run.out.exists()


def test_a_teacher_of_other_classes_is_refused_with_both_numbers(make_run: Callable[..., Run]) -> None:
    train_network(teacher := make_run("teacher", training={"classes": "speaker"}))
    with pytest.raises(ProblemsError, match="has 4 classes, the student 8"):
        train_network(make_run("student", head="cls-dist", teachers=[teacher.out]))


def test_a_student_without_distillation_token_is_refused(make_run: Callable[..., Run]) -> None:
    train_network(teacher := make_run("teacher"))
    with pytest.raises(ProblemsError, match="head 'cls' has no distillation token"):
        train_network(make_run("student", teachers=[teacher.out]))
