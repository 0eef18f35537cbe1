"""The calls of svtok that a run takes, noted by a stand-in."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from svtok.errors import ProblemsError
from svtok.experiments.plan import Choice, Plan, run_key
from tests.experiments.stand_in import ABOUT, FOUR, run, trained

pytestmark = pytest.mark.slow


def put_in_each_set(fold: Path, file: str, content: str) -> None:
    """What the features or embeddings of a fold are known by."""
    for name in ("train", "dev", "eval"):
        (fold / name).mkdir(parents=True)
        (fold / name / file).write_text(content)


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
        "more: {head: cls, data: ['fold{fold}-speeds/train', other/train]}",
        "taught: {teacher_embeddings: 'emb/fold{fold}', data: [other/train, third/train], fold_data: false}",
    )
    with pytest.raises(ProblemsError) as caught:
        run(plan, tmp_path)
    assert [str(problem).partition(":")[0] for problem in caught.value.problems] == [
        *("data/fold1-speeds/train", "feats/fold1-speeds/train", "data/other/train", "feats/other/train"),
        *("data/third/train", "feats/third/train", "emb/fold1"),
    ]
    for name in ("fold1-speeds/train", "other/train", "third/train"):
        for room in ("data", "feats"):
            shutil.copytree(tmp_path / f"work/{room}/fold1/train", tmp_path / f"work/{room}/{name}")
    (tmp_path / "work/emb/fold1").mkdir(parents=True)
    (tmp_path / "work/emb/fold1/embeddings.yaml").touch()
    run(plan, tmp_path)
    more, taught = (f"exp/fold1/seed0/{name}/network --seed 0 --device cpu --anew" for name in ("more", "taught"))
    own, dev = (
        "--data data/fold1/train --features feats/fold1/train",
        "--dev data/fold1/dev --dev-features feats/fold1/dev",
    )
    sped, other, third = (
        f"--data data/{name} --features feats/{name}" for name in ("fold1-speeds/train", "other/train", "third/train")
    )
    assert [call for call in calls() if call.startswith("train")] == [
        f"train {own} {sped} {other} {dev} --head cls --out {more}",
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
    put_in_each_set(tmp_path / "work/cepstra/fold1", "features.yaml", ABOUT)
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
    put_in_each_set(tmp_path / "work/emb/public/fold1", "embeddings.yaml", "")
    run(plan, tmp_path)
    out = "exp/fold1/seed0/public"
    assert calls() == [
        f"score --embeddings emb/public/fold1/eval --data data/fold1/eval --out {out}/scores-eval.tsv --backend plda "
        "--backend-train emb/public/fold1/train",
        f"evaluate --scores {out}/scores-eval.tsv --data data/fold1/eval --json {out}/evaluation-eval.json "
        "--resamples 0",
    ]
    assert run_key(plan, "public") != run_key(make_plan("public: {embeddings: emb/other}"), "public")
