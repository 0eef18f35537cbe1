"""Training runs as a whole: what they write, that they repeat and resume, what they refuse."""

import json

import numpy as np
import pytest
import torch
import yaml

from svtok.errors import ProblemsError, SvtokError
from svtok.nets.config import HEADS
from svtok.training import run as run_module
from svtok.training.network_folder import load_network
from svtok.training.run import train_network


def weights(folder):
    return load_network(folder).network.state_dict()


def assert_same_weights(one, other):
    one, other = weights(one), weights(other)
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, other[name]), name


def rows(folder):
    return [json.loads(line) for line in (folder / "training.jsonl").read_text().splitlines()]


class CutOffError(Exception):
    """Stands for a machine that goes down."""


def train_until(run, epoch, monkeypatch):
    """Train a run that is cut off in the middle of an epoch."""
    make_trainer = run_module._make_trainer

    def cut(*args):
        trainer = make_trainer(*args)
        step, last = trainer._step, len(trainer.sampler) * (epoch - 1) + 1

        def stop(number, steps, batch):
            if number == last:
                raise CutOffError
            return step(number, steps, batch)

        trainer._step = stop
        return trainer

    monkeypatch.setattr(run_module, "_make_trainer", cut)
    with pytest.raises(CutOffError):
        train_network(run)
    monkeypatch.undo()


@pytest.mark.parametrize("head", [head for head in HEADS if not head.endswith("-dist")])
def test_a_run_writes_its_folder_and_learns(make_run, head):
    run = make_run(head=head, training={"epochs": 12})
    assert train_network(run)
    log = rows(run.out)
    assert [row["epoch"] for row in log] == list(range(1, 13))
    assert log[-1]["loss"] < log[0]["loss"]
    assert all(0 <= row["dev_eer"] <= 1 for row in log)
    trained = load_network(run.out)
    assert trained.config.network.head == head
    assert trained.features.bands == (5,)
    assert trained.classes.names[:2] == (("ann", "no"), ("ann", "yes"))
    assert not (run.out / "checkpoint.pt").exists()


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(make_run):
    for out, seed in (("a", 5), ("b", 5), ("c", 6)):
        train_network(make_run(out, seed=seed, head="cls-sampled"))
    first = make_run("a").out
    assert_same_weights(first, first.parent / "b")
    with pytest.raises(AssertionError):
        assert_same_weights(first, first.parent / "c")


@pytest.mark.parametrize("keep", ["last", "best"])
@pytest.mark.parametrize(
    "objective", [{}, {"loss": "adcf", "ring_weight": 0.1}, {"loss": "aam", "margin_warm_up": 0.5}]
)
def test_a_run_that_was_cut_off_and_resumed_ends_in_the_same_weights(make_run, monkeypatch, keep, objective):
    fields = {"head": "cls-sampled", "training": {"epochs": 4, "keep": keep}, "objective": objective}
    train_network(whole := make_run("whole", **fields))
    train_until(make_run("cut", **fields), 3, monkeypatch)
    assert not (whole.out.parent / "cut" / "network.safetensors").exists()
    train_network(cut := make_run("cut", resume=True, **fields))
    assert_same_weights(whole.out, cut.out)
    timeless = [[{**row, "seconds": 0} for row in rows(run.out)] for run in (whole, cut)]
    assert timeless[0] == timeless[1]


def test_worker_processes_change_nothing(make_run):
    train_network(one := make_run("one"))
    train_network(two := make_run("two", training={"workers": 2, "epochs": 3}))
    assert_same_weights(one.out, two.out)


def test_a_finished_run_is_kept_on_resume(make_run):
    train_network(make_run())
    assert train_network(make_run(resume=True)) is False


def test_the_dev_eer_is_measured_as_often_as_configured_and_at_the_end(make_run):
    run = make_run(training={"epochs": 5, "measure_every": 2})
    train_network(run)
    assert [row["dev_eer"] is not None for row in rows(run.out)] == [False, True, False, True, True]


def test_best_keeps_the_weights_of_the_lowest_dev_eer(make_run):
    run = make_run(training={"epochs": 6, "keep": "best"})
    train_network(run)
    best = min(rows(run.out), key=lambda row: row["dev_eer"])["epoch"]
    measure = run_module.make_measure(run.dev.prepared, run.dev.store, run.device, "IC")
    assert measure(load_network(run.out).network) == pytest.approx(rows(run.out)[best - 1]["dev_eer"])


@pytest.mark.parametrize("head", ["cls-dist", "cls-sampled-dist"])
def test_a_student_names_its_teachers_hash_and_leaves_the_teacher_alone(make_run, head):
    train_network(teacher := make_run("teacher", head="cls-sampled"))
    before = weights(teacher.out)
    train_network(student := make_run("student", head=head, teachers=[teacher.out]))
    assert f"teacher: {load_network(teacher.out).hash}" in (student.out / "config.yaml").read_text()
    assert all(torch.equal(before[name], tensor) for name, tensor in weights(teacher.out).items())
    log = rows(student.out)
    assert np.isfinite([row["distillation_loss"] for row in log]).all()


def test_another_teacher_is_refused_on_resume(make_run, monkeypatch):
    for seed in (1, 2):
        train_network(make_run(f"teacher{seed}", seed=seed))
    folder = make_run("x").out.parent
    train_until(make_run("student", head="cls-dist", teachers=[folder / "teacher1"]), 2, monkeypatch)
    with pytest.raises(ProblemsError, match=r"run.teacher: was \w+, now \w+"):
        train_network(make_run("student", head="cls-dist", teachers=[folder / "teacher2"], resume=True))


def test_several_teachers_are_all_named_and_none_may_be_missing_on_resume(make_run, monkeypatch):
    for seed in (1, 2):
        train_network(make_run(f"teacher{seed}", seed=seed, training={"epochs": 1}))
    folder = make_run("x").out.parent
    both = [folder / "teacher1", folder / "teacher2"]
    train_until(student := make_run("student", head="cls-dist", teachers=both), 2, monkeypatch)
    hashes = " ".join(load_network(teacher).hash for teacher in both)
    assert yaml.safe_load((student.out / "config.yaml").read_text())["run"]["teacher"] == hashes
    with pytest.raises(ProblemsError, match=rf"run.teacher: was {hashes}, now \w+;"):
        train_network(make_run("student", head="cls-dist", teachers=both[:1], resume=True))
    assert train_network(make_run("student", head="cls-dist", teachers=both, resume=True))


@pytest.mark.parametrize("kind", ["kl", "hard", "cosine"])
def test_a_student_may_be_smaller_than_its_teacher(make_run, kind):
    larger = {"front_end": {"channels": 8, "blocks": [8, 12]}, "layers": 3}
    train_network(teacher := make_run("teacher", head="stats", network=larger, training={"epochs": 1}))
    student = make_run("student", head="cls-dist", teachers=[teacher.out], objective={"distillation": kind})
    train_network(student)
    sizes = [sum(tensor.numel() for tensor in weights(run.out).values()) for run in (student, teacher)]
    assert sizes[0] < sizes[1]
    assert rows(student.out)[-1]["distillation_loss"] < rows(student.out)[0]["distillation_loss"]


def joint(make_run, out="joint", *, head="cls-sampled", **fields):
    """A run of a student whose teacher, of the head given, learns beside it."""
    teacher = make_run(head=head, **{name: fields[name] for name in ("network", "objective") if name in fields})
    return make_run(out, head=fields.pop("student", "cls-sampled-dist"), joint=teacher.config, **fields)


def test_a_joint_teacher_is_a_network_of_its_own_that_its_student_names(make_run):
    train_network(run := joint(make_run))
    teacher = load_network(run.out / "teacher")
    assert teacher.config.network.head == "cls-sampled"
    assert load_network(run.out).config.network.head == "cls-sampled-dist"
    assert f"teacher: {teacher.hash}\n" in (run.out / "config.yaml").read_text()
    log = rows(run.out)
    assert log[-1]["teacher_loss"] < log[0]["teacher_loss"]
    assert train_network(joint(make_run, resume=True)) is False


def test_a_joint_teacher_learns_what_it_would_alone(make_run):
    """Without dropout, draws nor a student's gradient, the same bits."""
    fields = {"network": {"dropout": 0.0}, "seed": 4}
    train_network(run := joint(make_run, head="cls", **fields))
    train_network(alone := make_run("alone", head="cls", **fields))
    assert_same_weights(run.out / "teacher", alone.out)


@pytest.mark.parametrize("keep", ["last", "best"])
def test_a_joint_run_that_was_cut_off_and_resumed_ends_in_the_same_weights(make_run, monkeypatch, keep):
    fields = {"training": {"epochs": 4, "keep": keep}, "objective": {"distillation": "cosine", "ring_weight": 0.1}}
    network = {"front_end": {"channels": 6, "blocks": [12]}, "attention_heads": 2}

    def run(out, **more):
        teacher = make_run(head="cls-sampled", network=network)
        return make_run(out, head="cls-sampled-dist", joint=teacher.config, **fields, **more)

    train_network(whole := run("whole"))
    train_until(cut := run("cut"), 3, monkeypatch)
    with pytest.raises(SvtokError, match="its training has not ended"):
        load_network(cut.out / "teacher")
    train_network(run("cut", resume=True))
    assert_same_weights(whole.out, cut.out)
    assert_same_weights(whole.out / "teacher", cut.out / "teacher")


def test_another_joint_teacher_or_none_is_refused_on_resume(make_run, monkeypatch):
    train_until(run := joint(make_run), 2, monkeypatch)
    with pytest.raises(ProblemsError, match=r"network\.head: was cls-sampled, now avg"):
        train_network(joint(make_run, head="avg", resume=True))
    train_network(teacher := make_run("teacher", training={"epochs": 1}))
    with pytest.raises(ProblemsError, match=r"run\.joint: was True, now None"):
        train_network(make_run("joint", head="cls-sampled-dist", teachers=[teacher.out], resume=True))
    assert not (run.out / "network.safetensors").exists()


def test_all_that_does_not_fit_the_teachers_is_told_at_once(make_run):
    train_network(teacher := make_run("teacher", training={"classes": "speaker", "epochs": 1}))
    settings = teacher.out / "config.yaml"
    settings.write_text(settings.read_text().replace("sample_rate: 16000", "sample_rate: 8000"))
    run = make_run("student", head="cls", teachers=[teacher.out], joint=make_run(head="cls-dist").config)
    with pytest.raises(ProblemsError) as caught:
        train_network(run)
    for told in (
        "1 trained teachers and --joint",
        "head 'cls' has no distillation token",
        "a joint teacher needs another head",
        r"features.sample_rate: that of the teacher",
        "is 8000, the training set's is 16000",
        "tells 4 classes apart, the student 8",
    ):
        assert told in str(caught.value)
    assert not run.out.exists()


def test_a_teacher_of_other_classes_is_refused_with_both_numbers(make_run):
    train_network(teacher := make_run("teacher", training={"classes": "speaker"}))
    with pytest.raises(ProblemsError, match="4 classes apart, the student 8"):
        train_network(make_run("student", head="cls-dist", teachers=[teacher.out]))


@pytest.mark.parametrize(("classes", "count"), [("speaker", 4), ("phrase", 2), ("both", 12)])
def test_speakers_phrases_or_two_groups_of_classes_are_learned(make_run, classes, count):
    train_network(run := make_run(training={"classes": classes, "epochs": 12}))
    assert len(load_network(run.out).classes) == count
    log = rows(run.out)
    assert log[-1]["accuracy"] > 0.5
    assert ("speaker_accuracy" in log[0]) == (classes == "both")
    nontarget = "TW" if classes == "phrase" else "IC"
    measure = run_module.make_measure(run.dev.prepared, run.dev.store, run.device, nontarget)
    assert log[-1]["dev_eer"] == pytest.approx(measure(load_network(run.out).network))


def test_a_network_of_an_earlier_version_still_loads(make_run):
    """One whose config.yaml has none of the later fields, and whose classes.tsv has one group."""
    train_network(run := make_run())
    tree = yaml.safe_load((run.out / "config.yaml").read_text())
    tree["objective"] = {"label_smoothing": 0.0, "class_weight": 0.5, "temperature": 1.0, "teacher_sees": "augmented"}
    del tree["network"]["sub_centers"]
    (run.out / "config.yaml").write_text(yaml.safe_dump(tree))
    assert load_network(run.out).classes.sizes == (8,)
    assert train_network(make_run(resume=True)) is False


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"head": "cls-dist"}, "head 'cls-dist' learns from a teacher: use svtok train-student"),
        ({"dev": False, "training": {"keep": "best"}}, "needs a dev set"),
        ({"network": {"positions": "learned", "max_frames": 12}}, "has 13 frames .* learned positions end after 12"),
    ],
)
def test_parts_that_do_not_fit_are_refused_and_nothing_is_written(make_run, fields, message):
    run = make_run(**fields)
    with pytest.raises(ProblemsError, match=message):
        train_network(run)
    assert not run.out.exists()


def test_a_student_without_distillation_token_is_refused(make_run):
    train_network(teacher := make_run("teacher"))
    with pytest.raises(ProblemsError, match="head 'cls' has no distillation token"):
        train_network(make_run("student", teachers=[teacher.out]))


def test_a_folder_in_use_is_not_overwritten(make_run):
    train_network(make_run())
    with pytest.raises(SvtokError, match="holds a trained network; use --resume"):
        train_network(make_run())


def test_resuming_with_other_settings_names_each_of_them(make_run):
    train_network(make_run())
    with pytest.raises(ProblemsError) as caught:
        train_network(make_run(resume=True, seed=3, training={"epochs": 9}))
    assert "training.epochs: was 3, now 9" in str(caught.value)
    assert "run.seed: was 0, now 3" in str(caught.value)


def test_a_folder_of_other_files_is_refused(make_run):
    run = make_run()
    run.out.mkdir()
    (run.out / "thesis.tex").touch()
    with pytest.raises(SvtokError, match="is not empty and holds no network"):
        train_network(run)


def test_weights_that_diverge_end_the_run_with_advice(make_run):
    with pytest.raises(SvtokError, match=r"diverged in epoch 1 .* lower training\.learning_rate"):
        train_network(make_run(training={"learning_rate": 1e30, "warm_up": 0}))


def test_a_damaged_network_file_is_refused_with_its_name(make_run):
    train_network(run := make_run())
    (run.out / "network.safetensors").write_bytes(b"not weights")
    with pytest.raises(SvtokError, match=r"network\.safetensors: damaged"):
        load_network(run.out)


def test_an_unfinished_network_is_refused(make_run):
    train_network(run := make_run())
    (run.out / "network.safetensors").unlink()
    with pytest.raises(SvtokError, match="its training has not ended"):
        load_network(run.out)
