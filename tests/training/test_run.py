"""Training runs as a whole: what they write, that they repeat and resume, what they refuse."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor

from svtok.errors import ProblemsError, SvtokError
from svtok.nets.config import HEADS
from svtok.nets.network import Network
from svtok.trained.config import Config
from svtok.trained.folder import load_network
from svtok.training import resuming
from svtok.training.loop import Trainer
from svtok.training.run import Run, train_network

pytestmark = pytest.mark.slow

Measures = Callable[[Run], Callable[[Network], float]]


@pytest.mark.parametrize("head", [head for head in HEADS if not head.endswith("-dist")])
def test_a_run_writes_its_folder_and_learns(
    make_run: Callable[..., Run], head: str, rows: Callable[[Path], list[dict[str, Any]]], measure: Measures
) -> None:
    run = make_run(head=head, training={"epochs": 12})
    assert train_network(run, measure(run))
    log = rows(run.out)
    assert [row["epoch"] for row in log] == list(range(1, 13))
    assert log[-1]["loss"] < log[0]["loss"]
    assert all(0 <= row["dev_eer"] <= 1 for row in log)
    trained = load_network(run.out)
    assert trained.config.network.head == head
    assert trained.features.bands == (5,)
    assert trained.classes.names[:2] == (("ann", "no"), ("ann", "yes"))
    assert not (run.out / "checkpoint.pt").exists()


def test_what_only_a_training_needs_is_cleared_up_after_one_that_was_killed_at_its_very_end(
    make_run: Callable[..., Run],
) -> None:
    train_network(run := make_run())
    for name in ("checkpoint.pt", "waveforms.int16"):
        (run.out / name).touch()
    assert not train_network(run)
    assert not {"checkpoint.pt", "waveforms.int16"} & {path.name for path in run.out.iterdir()}


def test_a_training_that_was_killed_while_it_decoded_recordings_begins_again(make_run: Callable[..., Run]) -> None:
    run = make_run(training={"epochs": 1})
    run.out.mkdir()
    (run.out / "waveforms.int16").touch()
    assert train_network(run)
    assert not (run.out / "waveforms.int16").exists()


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(
    make_run: Callable[..., Run], assert_same_weights: Callable[[Path, Path], None]
) -> None:
    for out, seed in (("a", 5), ("b", 5), ("c", 6)):
        train_network(make_run(out, seed=seed, head="cls-sampled"))
    first = make_run("a").out
    assert_same_weights(first, first.parent / "b")
    with pytest.raises(AssertionError):
        assert_same_weights(first, first.parent / "c")


@pytest.mark.parametrize(
    ("training", "objective"),
    [
        ({}, {}),
        ({"keep": "best"}, {"loss": "adcf", "ring_weight": 0.1}),
        ({"accumulate": 3}, {"loss": "aam", "margin_warm_up": 0.5}),
        ({"sampled_classes": 0.5, "batch_size": 4, "keep": "best"}, {"loss": "aam"}),
    ],
)
def test_a_run_that_was_cut_off_and_run_again_ends_in_the_same_weights(
    make_run: Callable[..., Run],
    training: dict[str, Any],
    objective: dict[str, Any],
    rows: Callable[[Path], list[dict[str, Any]]],
    assert_same_weights: Callable[[Path, Path], None],
    cut_off: Callable[[Run, int], None],
    measure: Measures,
) -> None:
    fields = {"head": "cls-sampled", "training": {"epochs": 4, **training}, "objective": objective}
    train_network(whole := make_run("whole", **fields), measure(whole))
    cut_off(make_run("cut", **fields), 3)
    assert not (whole.out.parent / "cut" / "network.safetensors").exists()
    train_network(cut := make_run("cut", **fields), measure(cut))
    assert_same_weights(whole.out, cut.out)
    timeless = [[{**row, "seconds": 0} for row in rows(run.out)] for run in (whole, cut)]
    assert timeless[0] == timeless[1]


def test_worker_processes_change_nothing(
    make_run: Callable[..., Run], assert_same_weights: Callable[[Path, Path], None]
) -> None:
    train_network(one := make_run("one"))
    train_network(two := make_run("two", training={"workers": 2, "epochs": 3}))
    assert_same_weights(one.out, two.out)


def test_a_finished_run_is_kept(make_run: Callable[..., Run]) -> None:
    train_network(make_run())
    assert train_network(make_run()) is False


def test_the_dev_eer_is_measured_as_often_as_configured_and_at_the_end(
    make_run: Callable[..., Run], rows: Callable[[Path], list[dict[str, Any]]], measure: Measures
) -> None:
    run = make_run(training={"epochs": 5, "measure_every": 2})
    train_network(run, measure(run))
    assert [row["dev_eer"] is not None for row in rows(run.out)] == [False, True, False, True, True]


def test_best_keeps_the_weights_of_the_lowest_dev_eer(
    make_run: Callable[..., Run], rows: Callable[[Path], list[dict[str, Any]]], measure: Measures
) -> None:
    run = make_run(training={"epochs": 6, "keep": "best"})
    train_network(run, measure(run))
    best = min(rows(run.out), key=lambda row: row["dev_eer"])["epoch"]
    assert measure(run)(load_network(run.out).network) == pytest.approx(rows(run.out)[best - 1]["dev_eer"])


@pytest.mark.parametrize(("classes", "count"), [("speaker", 4), ("phrase", 2), ("both", 12)])
def test_speakers_phrases_or_two_groups_of_classes_are_learned(
    make_run: Callable[..., Run],
    classes: str,
    count: int,
    rows: Callable[[Path], list[dict[str, Any]]],
    measure: Measures,
) -> None:
    train_network(run := make_run(training={"classes": classes, "epochs": 12}), measure(run))
    assert len(load_network(run.out).classes) == count
    log = rows(run.out)
    assert log[-1]["accuracy"] > 0.5
    assert ("speaker_accuracy" in log[0]) == (classes == "both")
    assert run.config.training.nontarget == ("TW" if classes == "phrase" else "IC")
    assert log[-1]["dev_eer"] == pytest.approx(measure(run)(load_network(run.out).network))


def test_a_network_of_an_earlier_version_still_loads(make_run: Callable[..., Run]) -> None:
    """One whose config.yaml has none of the later fields, and whose classes.tsv has one group."""
    train_network(run := make_run())
    tree = yaml.safe_load((run.out / "config.yaml").read_text())
    tree["objective"] = {"label_smoothing": 0.0, "class_weight": 0.5, "temperature": 1.0, "teacher_sees": "augmented"}
    del tree["network"]["sub_centers"]
    (run.out / "config.yaml").write_text(yaml.safe_dump(tree))
    assert load_network(run.out).classes.sizes == (8,)
    assert train_network(make_run()) is False


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"head": "cls-dist"}, "head 'cls-dist' learns from a teacher: use svtok train-student"),
        ({"dev": False, "training": {"keep": "best"}}, "needs a dev set"),
        (
            {
                "head": "cls-dist",
                "joint": Config(),
                "objective": {"distillation": "cosine"},
                "training": {"sampled_classes": 4},
            },
            "training.sampled_classes does not go with --joint",
        ),
        ({"network": {"positions": "learned", "max_frames": 12}}, "has 13 frames .* learned positions end after 12"),
    ],
)
def test_parts_that_do_not_fit_are_refused_and_nothing_is_written(
    make_run: Callable[..., Run], fields: Any, message: str
) -> None:
    run = make_run(**fields)
    with pytest.raises(ProblemsError, match=message):
        train_network(run)
    assert not run.out.exists()


def test_a_network_of_other_settings_is_kept_and_each_of_them_named(make_run: Callable[..., Run]) -> None:
    train_network(run := make_run())
    before = (run.out / "network.safetensors").read_bytes()
    with pytest.raises(ProblemsError) as caught:
        train_network(make_run(seed=3, training={"epochs": 9}))
    assert "training.epochs: was 3, now 9" in str(caught.value)
    assert "run.seed: was 0, now 3" in str(caught.value)
    assert "another --out, or give up what is there with --anew" in str(caught.value)
    assert (run.out / "network.safetensors").read_bytes() == before


def test_anew_trains_in_place_of_another_run_and_leaves_other_files(
    make_run: Callable[..., Run],
    rows: Callable[[Path], list[dict[str, Any]]],
    cut_off: Callable[[Run, int], None],
    assert_same_weights: Callable[[Path, Path], None],
) -> None:
    train_network(run := make_run())
    (run.out / "scores.tsv").touch()
    cut_off(make_run(anew=True, training={"epochs": 4}), 2)
    assert not (run.out / "network.safetensors").exists()
    assert train_network(make_run(anew=True, training={"epochs": 4}))
    assert (len(rows(run.out)), (run.out / "scores.tsv").exists()) == (4, True)
    train_network(alone := make_run("alone", training={"epochs": 4}))
    assert_same_weights(run.out, alone.out)


def test_anew_keeps_the_network_of_the_same_run(make_run: Callable[..., Run]) -> None:
    train_network(make_run())
    assert train_network(make_run(anew=True)) is False


def test_a_network_without_its_runs_data_is_not_taken_for_this_run(make_run: Callable[..., Run]) -> None:
    """Nothing says what it was trained on: it is kept, and the way out is named."""
    train_network(run := make_run())
    tree = yaml.safe_load((run.out / "config.yaml").read_text())
    del tree["run"]
    (run.out / "config.yaml").write_text(yaml.safe_dump(tree))
    with pytest.raises(ProblemsError, match=r"run\.train\.fingerprint: was None, now (.|\n)*--anew"):
        train_network(run)
    assert (run.out / "network.safetensors").exists()


def test_a_folder_of_other_files_is_refused(make_run: Callable[..., Run]) -> None:
    run = make_run()
    run.out.mkdir()
    (run.out / "thesis.tex").touch()
    with pytest.raises(SvtokError, match="is not empty and holds no network"):
        train_network(run)


def test_weights_that_diverge_end_the_run_with_advice(make_run: Callable[..., Run]) -> None:
    with pytest.raises(SvtokError, match=r"diverged at step \d of \d of epoch 1 .* lower training\.learning_rate"):
        train_network(make_run(training={"learning_rate": 1e30, "warm_up": 0}))


def test_a_damaged_network_file_is_refused_with_its_name(make_run: Callable[..., Run]) -> None:
    train_network(run := make_run())
    (run.out / "network.safetensors").write_bytes(b"not weights")
    with pytest.raises(SvtokError, match=r"network\.safetensors: damaged"):
        load_network(run.out)


def test_an_unfinished_network_is_refused(make_run: Callable[..., Run]) -> None:
    train_network(run := make_run())
    (run.out / "network.safetensors").unlink()
    with pytest.raises(SvtokError, match="its training has not ended"):
        load_network(run.out)


@pytest.mark.parametrize("classes", ["speaker", "phrase", "speaker-phrase", "both"])
@pytest.mark.parametrize(("head", "residual"), [("cls", False), ("avg", True), ("attentive-stats", False)])
def test_factored_classes_and_the_skip_learn_and_come_back(
    make_run: Callable[..., Run], rows: Callable[[Path], list[dict[str, Any]]], head: str, residual: bool, classes: str
) -> None:
    network = {"classifier": "factored", "class_residual": residual, "skip": "statistics"}
    run = make_run(head=head, dev=False, network=network, training={"classes": classes, "epochs": 6})
    assert train_network(run)
    log = rows(run.out)
    assert log[-1]["loss"] < log[0]["loss"]
    classifier: Any = load_network(run.out).network.classifiers[head]
    speakers, phrases = ({"speaker": (4, 0), "phrase": (0, 2)}).get(classes, (4, 2))
    assert (len(classifier.speakers), len(classifier.phrases)) == (speakers, phrases)
    assert (classifier.own is not None) == residual


def test_streams_are_trained_side_by_side_cut_off_and_read_again(
    make_run: Callable[..., Run],
    assert_same_weights: Callable[[Path, Path], None],
    cut_off: Callable[[Run, int], None],
    rows: Callable[[Path], list[dict[str, Any]]],
) -> None:
    fields = {"head": "cls", "network": {"streams": ["features", "features"]}, "training": {"epochs": 4}}
    train_network(whole := make_run("whole", **fields))
    cut_off(make_run("cut", **fields), 3)
    train_network(cut := make_run("cut", **fields))
    assert_same_weights(whole.out, cut.out)
    log = rows(whole.out)
    assert log[-1]["loss"] < log[0]["loss"]
    network = load_network(whole.out).network
    first, second = (one.classifiers["cls"].state_dict() for one in (network, *network.others))
    assert all((first[name] != second[name]).any() for name in first)


def test_cepstra_are_computed_of_enough_filter_banks(make_run: Callable[..., Run]) -> None:
    run = make_run(network={"streams": ["cepstra"]})  # the features have 5 bands
    with pytest.raises(ProblemsError, match=r"feats/tiny/train: network\.streams has cepstra, .* 20 log-mel filters"):
        train_network(run)
    assert not run.out.exists()


def test_a_training_that_diverged_names_the_step_and_goes_on_with_other_values(
    make_run: Callable[..., Run], rows: Callable[[Path], list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four steps an epoch; a weight breaks in the second of the third epoch, so the third has no finite loss."""
    step = Trainer._step

    def break_weights(trainer: Trainer, number: int, *more: Any) -> list[dict[str, Tensor]]:
        values = step(trainer, number, *more)
        if number == 2 * 4 + 1:
            next(trainer.trained["network"].parameters()).data.fill_(torch.nan)
        return values

    monkeypatch.setattr(Trainer, "_step", break_weights)
    fields = {"epochs": 4, "batch_size": 8}
    with pytest.raises(SvtokError, match=r"diverged at step 3 of 4 of epoch 3 .* the 2 epochs before are kept"):
        train_network(make_run(training=fields))
    monkeypatch.setattr(Trainer, "_step", step)
    with pytest.raises(ProblemsError, match=r"training\.epochs: was 4, now 5"):
        train_network(make_run(training={**fields, "epochs": 5}))
    train_network(run := make_run(training={**fields, "learning_rate": 0.005}))
    assert [row["epoch"] for row in rows(run.out)] == [1, 2, 3, 4]
    about = yaml.safe_load((run.out / "config.yaml").read_text())["run"]
    assert about["diverged"] == ["step 3 of 4 of epoch 3 (the loss is not finite), learning rate 0.01, fp32"]


@pytest.mark.parametrize(("fast", "settled"), [(True, "bf16"), (False, "fp32")])
def test_precision_is_settled_by_the_processor_and_kept_by_the_run_that_began_with_it(
    make_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, fast: bool, settled: str
) -> None:
    monkeypatch.setattr(resuming, "is_fast_in_bf16", lambda device: fast)
    run = make_run(dev=False, training={"epochs": 1, "precision": "auto"})
    assert train_network(run)
    assert load_network(run.out).config.training.precision == settled
    monkeypatch.setattr(resuming, "is_fast_in_bf16", lambda device: not fast)
    assert not train_network(run)  # it is the same run, on another machine
    assert load_network(run.out).config.training.precision == settled
