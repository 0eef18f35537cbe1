"""Running plans, with a stand-in for svtok that only notes its calls and makes what it is asked to make."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from svtok.cli.ablate import ablate as command
from svtok.errors import ProblemsError, SvtokError
from svtok.experiments import ablate as module
from svtok.experiments import ablate as pool
from svtok.experiments.ablate import Ablation
from svtok.experiments.commands import Command
from svtok.experiments.plan import Choice, Plan, Run, read_plan, run_key, runs_of_plan
from svtok.experiments.results import Row, read_results
from svtok.ranks import current_ranks
from tests.processes import together

pytestmark = pytest.mark.slow

STAND_IN = """
import os, sys, time
from pathlib import Path

words = sys.argv[1:]
with open(os.environ["CALLS"], "a") as stream:
    stream.write(" ".join(words) + "\\n")
options = dict(zip(words, words[1:]))
for name in ("--teacher", "--network", "--init"):
    if name in options and not Path(options[name], "network.safetensors").exists():
        sys.exit(f"error: {options[name]} is not there")
if os.environ.get("SLEEP_AT", "nothing") in " ".join(words):
    Path("pid").write_text(str(os.getpid()))
    time.sleep(60)
if os.environ.get("FAIL_AT", "nothing") in " ".join(words):
    print("a line before", "error: wrong", f"  in {os.getcwd()}/data", sep="\\n", file=sys.stderr)
    sys.exit(1)
made = Path(options.get("--out") or options["--json"])
made.parent.mkdir(parents=True, exist_ok=True)
if made.suffix:
    made.write_text("{}")
else:
    made.mkdir(exist_ok=True)
    (made / "network.safetensors").write_text("")
with open(os.environ["CALLS"] + ".ended", "a") as stream:
    stream.write(" ".join(words) + "\\n")
"""
ABOUT = "features: {bands: [64]}\nfingerprint: aa\nsvtok: 0.1.0\n"
FOUR = ("avg: {head: avg}", "cls: {head: cls}", "student: {teacher: cls}", "norm: {network: avg}")


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Puts the stand-in in svtok's place, and two folds into tmp_path/work; gives the calls since last asked."""
    package = tmp_path / "package/svtok"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")  # or another svtok on PYTHONPATH would come first
    (package / "__main__.py").write_text(STAND_IN)
    monkeypatch.setattr(pool, "PACKAGE_ROOT", package.parent)
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    monkeypatch.setattr(module, "rows_of", rows_of)
    for fold in (1, 2):
        for name in ("train", "dev", "eval"):
            data, features = (tmp_path / f"work/{room}/fold{fold}/{name}" for room in ("data", "feats"))
            data.mkdir(parents=True)
            (data / "utterances.tsv").write_text("utt\tpath\tphrase\tspk\na\ta.wav\tp\ts\n")
            features.mkdir(parents=True)
            (features / "features.tsv").write_text("utt\tstart\tframes\na\t0\t9\n")
            (features / "features.yaml").write_text(ABOUT)

    def noted() -> list[str]:
        path = tmp_path / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return lines

    return noted


def rows_of(plan: Plan, run: Run, work: Path, *, hardware: str, commit: str) -> list[Row]:
    """What the files of the stand-in do not hold."""
    assert (work / run.folder / "evaluation-eval.json").is_file()
    about = {"hardware": hardware, "commit": commit, "settings": run_key(plan, run.system)}
    return [Row(system=run.system, fold=run.fold, seed=run.seed, condition="TC-vs-IC", eer=0.125, **about)]


def ablation(plan: Plan, tmp_path: Path, jobs: int = 1, said: list[str] | None = None) -> Ablation:
    say = print if said is None else said.append
    given = (plan, tmp_path / "work", tmp_path / "results.json", torch.device("cpu"), up_to_date_in(tmp_path))
    return Ablation(*given, jobs, say)


def up_to_date_in(tmp_path: Path) -> Callable[[Command], bool]:
    """In place of what the commands know: a call is up to date that has ended, and whose output is there."""

    def look(arguments: Command) -> bool:
        ended = tmp_path / "calls.ended"
        options = dict(pairwise(arguments))
        made = tmp_path / "work" / (options.get("--out") or options["--json"])
        if not made.suffix:
            made = made / "network.safetensors"
        return made.exists() and ended.is_file() and " ".join(arguments) in ended.read_text().splitlines()

    return look


def run(plan: Plan, tmp_path: Path, jobs: int = 1, choice: Choice | None = None, said: list[str] | None = None) -> None:
    ablation(plan, tmp_path, jobs, said).run(runs_of_plan(plan, choice or Choice()))


def trained(calls: list[str]) -> list[str]:
    """The folders that were trained, in the order of their trainings."""
    words = [call.split() for call in calls if call.startswith("train")]
    return [each[each.index("--out") + 1].removeprefix("exp/").removesuffix("/network") for each in words]


def test_runs_go_by_seed_then_fold_then_system(
    make_plan: Callable[..., Plan], calls: Callable[[], list[str]], tmp_path: Path
) -> None:
    run(make_plan(*FOUR[:2], folds="[1, 2]", seeds="[0, 1]"), tmp_path)
    expected = [f"fold{fold}/seed{seed}/{name}" for seed in (0, 1) for fold in (1, 2) for name in ("avg", "cls")]
    assert trained(calls()) == expected


def test_a_run_is_the_public_commands(
    make_plan: Callable[..., Plan], calls: Callable[[], list[str]], tmp_path: Path
) -> None:
    (tmp_path / "c.yaml").write_text("{}\n")
    norm = "norm: {network: student, extract: '--device cuda', score: '--cohort {train_embeddings} --top 3'}"
    run(make_plan(FOUR[1], "student: {teacher: cls, set: {training.epochs: 2}}", norm, config="c.yaml"), tmp_path)
    cls, student, scored = (f"exp/fold1/seed0/{name}" for name in ("cls", "student", "norm"))
    sets = (
        "--data data/fold1/train --features feats/fold1/train --dev data/fold1/dev --dev-features feats/fold1/dev "
        f"--config {tmp_path}/c.yaml"
    )
    of_eval = "--data data/fold1/eval --features feats/fold1/eval"
    said = calls()
    assert said[:5] == [
        f"train {sets} --head cls --out {cls}/network --seed 0 --device cpu --anew",
        f"extract-embeddings --network {cls}/network {of_eval} --out {cls}/embeddings/eval --device cpu",
        f"score --embeddings {cls}/embeddings/eval --data data/fold1/eval --out {cls}/scores-eval.tsv",
        f"evaluate --scores {cls}/scores-eval.tsv --data data/fold1/eval --json {cls}/evaluation-eval.json "
        "--resamples 0",
        f"train-student {sets} --set training.epochs=2 --teacher {cls}/network --out {student}/network --seed 0 "
        "--device cpu --anew",
    ]
    assert said[8:11] == [
        f"extract-embeddings --network {student}/network --data data/fold1/train --features feats/fold1/train "
        f"--out {scored}/embeddings/train --device cpu --device cuda",
        f"extract-embeddings --network {student}/network {of_eval} --out {scored}/embeddings/eval "
        "--device cpu --device cuda",
        f"score --embeddings {scored}/embeddings/eval --data data/fold1/eval --out {scored}/scores-eval.tsv "
        f"--cohort {scored}/embeddings/train --top 3",
    ]


def test_a_system_begins_with_the_weights_of_another_one_which_is_trained_before(
    make_plan: Callable[..., Plan], calls: Callable[[], list[str]], tmp_path: Path
) -> None:
    plan = make_plan("first: {head: cls}", "tuned: {head: cls, init: first}")
    run(plan, tmp_path, choice=Choice(systems=["tuned"]))
    said = calls()
    assert trained(said) == ["fold1/seed0/first", "fold1/seed0/tuned"]
    assert "--head cls --init exp/fold1/seed0/first/network --out exp/fold1/seed0/tuned/network" in said[4]
    changed = make_plan("first: {head: avg}", "tuned: {head: cls, init: first}")
    run(changed, tmp_path, choice=Choice(systems=["tuned"]))
    assert trained(calls()) == ["fold1/seed0/first", "fold1/seed0/tuned"]


def test_further_sets_and_stored_teachers_are_named_to_the_training_and_must_be_there(
    make_plan: Callable[..., Plan], calls: Callable[[], list[str]], tmp_path: Path
) -> None:
    plan = make_plan(
        "more: {head: cls, data: other/train}",
        "taught: {teacher_embeddings: 'emb/fold{fold}', data: [other/train, third/train], fold_data: false}",
    )
    with pytest.raises(ProblemsError) as caught:
        run(plan, tmp_path)
    assert [str(problem).partition(":")[0] for problem in caught.value.problems] == [
        *("data/other/train", "feats/other/train", "data/third/train", "feats/third/train", "emb/fold1")
    ]
    for name in ("other", "third"):
        for room in ("data", "feats"):
            shutil.copytree(tmp_path / f"work/{room}/fold1/train", tmp_path / f"work/{room}/{name}/train")
    (tmp_path / "work/emb/fold1").mkdir(parents=True)
    (tmp_path / "work/emb/fold1/embeddings.yaml").touch()
    run(plan, tmp_path)
    more, taught = (f"exp/fold1/seed0/{name}/network --seed 0 --device cpu --anew" for name in ("more", "taught"))
    own, dev = (
        "--data data/fold1/train --features feats/fold1/train",
        "--dev data/fold1/dev --dev-features feats/fold1/dev",
    )
    other, third = (f"--data data/{name}/train --features feats/{name}/train" for name in ("other", "third"))
    assert [call for call in calls() if call.startswith("train")] == [
        f"train {own} {other} {dev} --head cls --out {more}",
        f"train-student {other} {third} {dev} --teacher-embeddings emb/fold1 --out {taught}",
    ]


def test_a_teacher_of_other_features_is_heard_first_and_teaches_by_its_embeddings(
    make_plan: Callable[..., Plan], calls: Callable[[], list[str]], tmp_path: Path
) -> None:
    shutil.copytree(tmp_path / "work/feats", tmp_path / "work/cepstra")
    plan = make_plan(
        "wide: {head: avg}",
        "same: {head: cls, features: cepstra}",
        "taught: {teacher: [wide, same], features: cepstra}",
    )
    assert plan.settings_of("taught").objective.distillation == "cosine"
    run(plan, tmp_path)
    made = calls()
    at = [call.startswith("train-student") for call in made].index(True)
    heard, trained = made[at - 1 : at + 1]
    exp = "exp/fold1/seed0"
    out = f"{exp}/taught/teachers/wide/1"
    assert heard == (
        f"extract-embeddings --network {exp}/wide/network --data data/fold1/train --features feats/fold1/train "
        f"--out {out} --device cpu"
    )
    assert f"--teacher {exp}/same/network --teacher-embeddings {out} --out {exp}/taught/network" in trained


def test_a_fusion_scores_by_its_members_and_is_fitted_on_the_dev_set(
    make_plan: Callable[..., Plan], calls: Callable[[], list[str]], tmp_path: Path
) -> None:
    plan = make_plan(
        "cls: {head: cls}",
        "phrases: {network: cls, scorer: score-phrases}",
        "plda: {network: cls, score: '--backend plda --backend-train {train_embeddings}'}",
        "fused: {fuse: [plda, phrases], fusion: '--rule both'}",
    )
    run(plan, tmp_path, choice=Choice(systems=["fused"]))
    network, fused = "exp/fold1/seed0/cls/network", "exp/fold1/seed0/fused"
    plda, phrases = f"{fused}/members/plda", f"{fused}/members/phrases"
    of = {name: f"--data data/fold1/{name} --features feats/fold1/{name}" for name in ("train", "dev", "eval")}
    said = calls()
    assert [call.split()[0] for call in said[:4]] == ["train", "extract-embeddings", "score", "evaluate"]
    assert said[4:] == [
        *(
            f"extract-embeddings --network {network} {of[name]} --out {plda}/embeddings/{name} --device cpu"
            for name in ("train", "dev", "eval")
        ),
        *(
            f"score --embeddings {plda}/embeddings/{name} --data data/fold1/{name} --out {plda}/scores-{name}.tsv "
            f"--backend plda --backend-train {plda}/embeddings/train"
            for name in ("dev", "eval")
        ),
        *(
            f"score-phrases --network {network} {of[name]} --out {phrases}/scores-{name}.tsv --device cpu"
            for name in ("dev", "eval")
        ),
        f"fuse fit --scores {plda}/scores-dev.tsv --scores {phrases}/scores-dev.tsv --data data/fold1/dev "
        f"--out {fused}/fusion.yaml --rule both",
        f"fuse apply {fused}/fusion.yaml --scores {plda}/scores-eval.tsv --scores {phrases}/scores-eval.tsv "
        f"--out {fused}/scores-eval.tsv",
        f"evaluate --scores {fused}/scores-eval.tsv --data data/fold1/eval --json {fused}/evaluation-eval.json "
        "--resamples 0",
    ]


def test_features_are_warped_without_a_network_and_fused_with_one(
    make_plan: Callable[..., Plan], calls: Callable[[], list[str]], tmp_path: Path
) -> None:
    plan = make_plan(
        "cls: {head: cls}",
        "warped: {warp: cepstra, score: '--norm s-norm --cohort {train_frames} --cohort-data {train_data}'}",
        "fused: {fuse: [cls, warped]}",
    )
    with pytest.raises(ProblemsError, match="cepstra/fold1/eval: is missing"):
        run(plan, tmp_path)
    for name in ("train", "dev", "eval"):
        folder = tmp_path / "work/cepstra/fold1" / name
        folder.mkdir(parents=True)
        (folder / "features.yaml").write_text(ABOUT)
    run(plan, tmp_path)
    said = calls()
    norm = "--norm s-norm --cohort cepstra/fold1/train --cohort-data data/fold1/train"

    def warped(folder: str, name: str) -> str:
        frames = f"--backend dtw --frames cepstra/fold1/{name} --data data/fold1/{name}"
        return f"score {frames} --out exp/fold1/seed0/{folder}/scores-{name}.tsv {norm}"

    assert warped("warped", "eval") in said
    assert [warped("fused/members/warped", name) in said for name in ("dev", "eval")] == [True, True]
    assert sum(call.startswith("train") for call in said) == 1
    assert run_key(plan, "warped") != run_key(make_plan("warped: {warp: others}"), "warped")


def test_stored_embeddings_are_scored_without_a_network(
    make_plan: Callable[..., Plan], calls: Callable[[], list[str]], tmp_path: Path
) -> None:
    plan = make_plan("public: {embeddings: emb/public, score: '--backend plda --backend-train {train_embeddings}'}")
    with pytest.raises(ProblemsError, match="emb/public/fold1/eval: is missing: make it with svtok extract-embeddings"):
        run(plan, tmp_path)
    for name in ("train", "dev", "eval"):
        folder = tmp_path / "work/emb/public/fold1" / name
        folder.mkdir(parents=True)
        (folder / "embeddings.yaml").touch()
    run(plan, tmp_path)
    out = "exp/fold1/seed0/public"
    assert calls() == [
        f"score --embeddings emb/public/fold1/eval --data data/fold1/eval --out {out}/scores-eval.tsv --backend plda "
        "--backend-train emb/public/fold1/train",
        f"evaluate --scores {out}/scores-eval.tsv --data data/fold1/eval --json {out}/evaluation-eval.json "
        "--resamples 0",
    ]
    assert run_key(plan, "public") != run_key(make_plan("public: {embeddings: emb/other}"), "public")


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
    patch.setattr(pool, "PACKAGE_ROOT", tmp_path / "package")
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
