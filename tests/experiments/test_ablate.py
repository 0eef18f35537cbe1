"""Running plans, with a stand-in for svtok."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from svtok.cli.ablate import ablate as command
from svtok.errors import ProblemsError, SvtokError
from svtok.experiments import ablate as module
from svtok.experiments.ablate import Ablation
from svtok.experiments.plan import Choice, Plan, read_plan, runs_of_plan
from svtok.experiments.results import read_results
from svtok.ranks import current_ranks
from tests.experiments.stand_in import FOUR, ablation, rows_of, run, trained, up_to_date_in
from tests.processes import together

pytestmark = pytest.mark.slow


def test_runs_go_by_seed_then_fold_then_system(
    make_plan: Callable[..., Plan], calls: Callable[[], list[str]], tmp_path: Path
) -> None:
    run(make_plan(*FOUR[:2], folds="[1, 2]", seeds="[0, 1]"), tmp_path)
    expected = [f"fold{fold}/seed{seed}/{name}" for seed in (0, 1) for fold in (1, 2) for name in ("avg", "cls")]
    assert trained(calls()) == expected


def test_students_wait_for_their_teachers_and_others_do_not(
    make_plan: Callable[..., Plan], calls: Callable[[], list[str]], tmp_path: Path
) -> None:
    run(make_plan("cls: {head: cls}", "student: {teacher: cls}", "avg: {head: avg}"), tmp_path, jobs=3)
    assert [row.error for row in read_results(tmp_path / "results.json")] == [None] * 3
    assert trained(calls())[-1] == "fold1/seed0/student"


def test_finished_runs_are_not_run_again(
    make_plan: Callable[..., Plan], calls: Callable[[], list[str]], tmp_path: Path
) -> None:
    plan = make_plan(*FOUR)
    run(plan, tmp_path, jobs=2)
    assert len(calls()) == 3 * 4 + 3
    results = (tmp_path / "results.json").read_bytes()
    run(plan, tmp_path)
    assert calls() == []
    assert (tmp_path / "results.json").read_bytes() == results
    run(make_plan(*FOUR, "new: {head: avg}"), tmp_path)
    assert trained(calls()) == ["fold1/seed0/new"]


def test_some_folds_seeds_and_systems_are_chosen(
    make_plan: Callable[..., Plan], calls: Callable[[], list[str]], tmp_path: Path
) -> None:
    plan = make_plan(*FOUR, folds="[1, 2]", seeds="[0, 1]")
    run(plan, tmp_path, choice=Choice([2], [1], ["cls"]))
    assert trained(calls()) == ["fold2/seed1/cls"]
    with pytest.raises(ProblemsError) as caught:
        runs_of_plan(plan, Choice([3], [0], ["clss"]))
    assert [problem.what for problem in caught.value.problems] == [
        "unknown fold '3' (known: 1, 2)",
        "unknown system 'clss' (known: avg, cls, student, norm); did you mean 'cls'?",
    ]


def test_networks_that_are_needed_are_trained_though_not_asked_for(
    make_plan: Callable[..., Plan], calls: Callable[[], list[str]], tmp_path: Path
) -> None:
    plan = make_plan(*FOUR)
    run(plan, tmp_path, choice=Choice(systems=["student"]))
    assert trained(calls()) == ["fold1/seed0/cls", "fold1/seed0/student"]
    (tmp_path / "work/exp/fold1/seed0/cls/network/network.safetensors").unlink()
    (tmp_path / "results.json").write_text("[]")
    run(plan, tmp_path, choice=Choice(systems=["student"]))
    assert trained(calls()) == ["fold1/seed0/cls", "fold1/seed0/student"]


def test_a_changed_system_is_trained_again_and_its_students_too(
    make_plan: Callable[..., Plan], calls: Callable[[], list[str]], tmp_path: Path
) -> None:
    run(make_plan(*FOUR), tmp_path)
    calls()
    run(make_plan(FOUR[0], "cls: {head: cls, set: {training.epochs: 3}}", *FOUR[2:]), tmp_path)
    assert trained(calls()) == ["fold1/seed0/cls", "fold1/seed0/student"]


def test_changed_scoring_keeps_the_network(
    make_plan: Callable[..., Plan], calls: Callable[[], list[str]], tmp_path: Path
) -> None:
    run(make_plan(*FOUR[:2]), tmp_path)
    calls()
    kept = tmp_path / "work/exp/fold1/seed0/cls/network/kept"
    kept.write_text("")
    run(make_plan(FOUR[0], "cls: {head: cls, score: --norm s-norm}"), tmp_path)
    assert trained(calls()) == ["fold1/seed0/cls"]  # which finds its network up to date
    assert kept.exists()


def test_finished_runs_are_run_again_where_what_they_wrote_is_not_up_to_date(
    make_plan: Callable[..., Plan], calls: Callable[[], list[str]], tmp_path: Path
) -> None:
    """Whether it is, the commands know: see tests/cli/test_up_to_date.py."""
    plan = make_plan(*FOUR, folds="[1, 2]")
    run(plan, tmp_path)
    calls()
    run(plan, tmp_path)
    assert calls() == []
    (tmp_path / "work/exp/fold2/seed0/avg/scores-eval.tsv").unlink()
    run(plan, tmp_path)
    assert trained(calls()) == ["fold2/seed0/avg"]


def test_results_without_folders_of_their_runs_are_taken_as_they_are(
    make_plan: Callable[..., Plan], calls: Callable[[], list[str]], tmp_path: Path
) -> None:
    plan = make_plan(*FOUR)
    run(plan, tmp_path)
    calls()
    shutil.rmtree(tmp_path / "work")
    (tmp_path / "work").mkdir()
    run(plan, tmp_path)
    assert calls() == []


def test_a_failed_run_is_a_row_and_tried_again(
    make_plan: Callable[..., Plan], calls: Callable[[], list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, said = make_plan(*FOUR), list[str]()
    monkeypatch.setenv("FAIL_AT", "seed0/cls/network --seed")
    with pytest.raises(SvtokError, match="2 of 4 runs failed: fold1/seed0/cls, fold1/seed0/student; the same command"):
        run(plan, tmp_path, said=said)
    rows = {row.system: row for row in read_results(tmp_path / "results.json")}
    assert rows["cls"].error == "svtok train: wrong | in data (exit code 1)"
    assert rows["student"].error == "needs the network of fold1/seed0/cls, which has failed"
    assert (rows["cls"].condition, rows["cls"].eer, rows["avg"].error, rows["norm"].error) == (None, None, None, None)
    assert any("ended fold1/seed0/cls: FAILED, svtok train: wrong" in line for line in said)
    assert "a line before" in (tmp_path / "work/exp/fold1/seed0/cls/log.txt").read_text()
    calls()
    monkeypatch.delenv("FAIL_AT")
    run(plan, tmp_path)
    assert trained(calls()) == ["fold1/seed0/cls", "fold1/seed0/student"]
    assert [row.error for row in read_results(tmp_path / "results.json")] == [None] * 4


def test_what_was_begun_and_ended_is_said_with_an_outlook(
    make_plan: Callable[..., Plan], calls: Callable[[], list[str]], tmp_path: Path
) -> None:
    said: list[str] = []
    run(make_plan(*FOUR[:2]), tmp_path, said=said)
    assert said[0].startswith("2 runs asked for, 2 left, 1 at once on ")
    assert said[1] == "begun fold1/seed0/avg"
    assert said[2] == "ended fold1/seed0/avg: TC-vs-IC 12.50 %; 1 left, about 0.0 h"
    assert said[4] == "ended fold1/seed0/cls: TC-vs-IC 12.50 %; none left"


def test_sigterm_ends_the_commands_that_run_and_keeps_what_was_done(
    make_plan: Callable[..., Plan], calls: Callable[[], list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = make_plan(*FOUR[:2])
    monkeypatch.setenv("SLEEP_AT", "score --embeddings exp/fold1/seed0/cls")
    pid = tmp_path / "work/pid"

    def terminate() -> None:
        while not (pid.exists() and pid.read_text()):
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=terminate).start()
    with pytest.raises(KeyboardInterrupt):
        run(plan, tmp_path)
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
    assert [row.system for row in read_results(tmp_path / "results.json")] == ["avg"]
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    calls()
    monkeypatch.delenv("SLEEP_AT")
    run(plan, tmp_path)
    assert trained(calls()) == ["fold1/seed0/cls"]


def test_missing_sets_and_features_are_all_named_before_anything_runs(
    make_plan: Callable[..., Plan], calls: Callable[[], list[str]], tmp_path: Path
) -> None:
    plan = make_plan("avg: {head: avg}", "phones: {head: avg, features: phones}", folds="[1, 3]")
    with pytest.raises(ProblemsError) as caught:
        run(plan, tmp_path)
    said = [str(problem.path) for problem in caught.value.problems]
    assert sorted(said) == sorted(
        [f"{room}/fold3/{name}" for room in ("data", "feats", "phones") for name in ("train", "dev", "eval")]
        + [f"phones/fold1/{name}" for name in ("train", "dev", "eval")]
    )
    assert calls() == []


def test_two_at_once_in_a_folder_are_refused(
    make_plan: Callable[..., Plan], calls: Callable[[], list[str]], tmp_path: Path
) -> None:
    (tmp_path / "work/exp").mkdir()
    with open(tmp_path / "work/exp/.ablation.lock", "w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        with pytest.raises(SvtokError, match="another command is writing it"):
            run(make_plan(*FOUR), tmp_path)
    assert calls() == []


def test_runs_share_the_processors(
    make_plan: Callable[..., Plan], calls: Callable[[], list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "default_jobs", lambda: 8)
    plan = make_plan(*FOUR, gpu_jobs="3")
    assert [ablation(plan, tmp_path, jobs).children.environment["OMP_NUM_THREADS"] for jobs in (3, 16)] == ["2", "1"]
    usual = Ablation(plan, tmp_path / "work", tmp_path / "results.json", torch.device("cpu"), up_to_date_in(tmp_path))
    assert usual.jobs == 8
    assert usual.hardware.endswith(", 1 thread")
    monkeypatch.setattr(module, "hardware_name", lambda device, threads: "a GPU")
    on_gpu = Ablation(plan, tmp_path / "work", tmp_path / "results.json", torch.device("cuda"), up_to_date_in(tmp_path))
    assert (on_gpu.jobs, on_gpu.hardware) == (3, "a GPU")


def test_the_command_ends_with_what_was_done(
    make_plan: Callable[..., Plan],
    calls: Callable[[], list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("svtok.cli.ablate.is_up_to_date", lambda call, work: up_to_date_in(work.parent)(call))
    make_plan(*FOUR)
    arguments = [str(tmp_path / "plan.yaml"), "--work", str(tmp_path / "work"), "--jobs", "2", "--device", "cpu"]
    arguments += ["--results", str(tmp_path / "results.json"), "--systems", "avg norm", "--seeds", "0"]
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0, result.output
    assert "all 2 runs are done" in result.output
    assert [row.system for row in read_results(tmp_path / "results.json")] == ["avg", "norm"]
    wrong = CliRunner().invoke(command, [*arguments, "--folds", "one"])
    assert wrong.exit_code == 2
    assert "'one' is not a valid integer" in wrong.output


def ablate_together(tmp_path: Path) -> None:
    patch = pytest.MonkeyPatch()
    patch.setenv("CALLS", str(tmp_path / "calls"))
    patch.setattr(module, "PACKAGE_ROOT", tmp_path / "package")
    patch.setattr(module, "rows_of", rows_of)
    patch.setattr(module, "default_jobs", lambda: 1)
    plan = read_plan(tmp_path / "plan.yaml")
    replace(ablation(plan, tmp_path), ranks=current_ranks()).run(runs_of_plan(plan, Choice()))


def test_several_processes_do_a_part_each_and_the_results_are_those_of_one(
    make_plan: Callable[..., Plan], calls: Callable[[], list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "default_jobs", lambda: 1)
    plan = make_plan(*FOUR, folds="[1, 2]", seeds="[0, 1]")
    run(plan, tmp_path)
    alone, results = sorted(calls()), (tmp_path / "results.json").read_bytes()
    for made in (tmp_path / "results.json", tmp_path / "calls.ended"):
        made.unlink()
    shutil.rmtree(tmp_path / "work/exp")
    ended = together(tmp_path / "printed", 2, ablate_together, tmp_path)
    assert [status for status, _ in ended] == [0, 0], ended
    assert all("left of 16, by process" in printed for _, printed in ended)
    assert sorted(calls()) == alone
    assert (tmp_path / "results.json").read_bytes() == results
