"""Plans: what they say, and everything that is wrong with them at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from svtok.errors import ProblemsError
from svtok.experiments.plan import Plan, network_key, read_plan, run_key


def problems_of(path: Path, text: str) -> list[str]:
    path.write_text(text)
    with pytest.raises(ProblemsError) as caught:
        read_plan(path)
    return [problem.what for problem in caught.value.problems]


def test_a_plan_lists_its_systems_in_order(make_plan: Callable[..., Plan]) -> None:
    plan = make_plan(
        "avg: {head: avg}",
        "teacher: {head: cls-sampled, set: {training.epochs: 3, network.front_end.blocks: [8, 8]}}",
        "student: {teacher: teacher}",
        "ensemble: {teacher: [avg, teacher], joint: false}",
        "norm: {network: avg, score: '--norm as-norm --cohort \"{train_embeddings}\"'}",
        folds="[1, 2]",
        seeds="[3]",
    )
    assert list(plan.systems) == ["avg", "teacher", "student", "ensemble", "norm"]
    assert (plan.folds, plan.seeds, plan.test_set) == ((1, 2), (3,), "eval")
    assert plan.systems["student"].teacher == ("teacher",)
    assert plan.systems["ensemble"].teacher == ("avg", "teacher")
    assert plan.systems["norm"].score == ("--norm", "as-norm", "--cohort", "{train_embeddings}")
    assert plan.systems["norm"].extracted_sets(["eval"]) == ["train", "eval"]
    assert plan.settings_of("teacher").network.front_end.model_dump()["blocks"] == (8, 8)
    assert plan.settings_of("student").network.head == "cls-sampled-dist"


def test_files_of_a_plan_are_beside_it(make_plan: Callable[..., Plan], tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text("training: {epochs: 7}\n")
    (tmp_path / "own.yaml").write_text("training: {epochs: 9}\n")
    plan = make_plan("a: {head: avg}", "b: {head: avg, config: own.yaml}", config="all.yaml")
    assert plan.config_of("a") == tmp_path / "all.yaml"
    assert plan.settings_of("a").training.epochs == 7
    assert plan.settings_of("b").training.epochs == 9


def test_all_mistakes_of_the_form_are_named_at_once(tmp_path: Path) -> None:
    problems = problems_of(
        tmp_path / "plan.yaml",
        "folds: [1, 0]\nseeds: []\nsystem: {}\nsystems:\n  a: {heads: avg}\n"
        "  b: {network: a, head: avg, score: '--cohort {trian_data}'}\n",
    )
    assert len(problems) == 5
    assert problems[0].startswith("folds.1: ")
    assert problems[1].startswith("seeds: ")
    assert "systems.a: unknown key 'heads'" in problems[2]
    assert "did you mean 'head'" in problems[2]
    assert "with network, head would do nothing and must go" in problems[3]
    assert "unknown placeholder 'trian_data'" in problems[3]
    assert "did you mean 'train_data'" in problems[3]
    assert problems[4].startswith("unknown key 'system'")


def test_all_mistakes_of_the_meaning_are_named_at_once(tmp_path: Path) -> None:
    problems = problems_of(
        tmp_path / "plan.yaml",
        "folds: [1, 1]\nsystems:\n  student: {teacher: late}\n  late: {head: avgg, set: {training.epoch: 3}}\n"
        "  ../up: {head: avg}\n  norm: {network: late}\n  other: {network: norm}\n"
        "  joint: {joint: true, train: '--teacher-config {conf}/none.yaml'}\n",
    )
    assert problems[0] == "folds [1, 1]: one stands twice"
    assert problems[1] == "systems.student: unknown system 'late'; a system stands below those that it uses"
    assert any("systems.late" in text and "avgg" in text for text in problems)
    assert any("systems.late" in text and "training: unknown key 'epoch'" in text for text in problems)
    assert any("systems.../up: a name may have" in text for text in problems)
    assert any("systems.other: norm trains no network; name late" in text for text in problems)
    assert any("none.yaml: there is no such file" in text for text in problems)
    assert len(problems) == 7


def test_a_fusion_has_systems_of_its_own_and_nothing_else(tmp_path: Path) -> None:
    problems = problems_of(
        tmp_path / "plan.yaml",
        "systems:\n  one: {fuse: a}\n  options: {head: avg, fusion: --rule both}\n"
        "  both: {fuse: [a, b], head: avg, scorer: score-phrases}\n  phrases: {scorer: score-phrases, extract: -x}\n"
        "  warped: {warp: cepstra, network: one, head: avg, score: --norm s-norm}\n"
        "  stored: {embeddings: public, warp: cepstra, extract: -x}\n",
    )
    assert [text.partition(": ")[::2] for text in problems] == [
        ("systems.one", "a fusion has two or more systems in fuse"),
        ("systems.options", "a fusion has two or more systems in fuse"),
        ("systems.both", "with fuse, head, scorer would do nothing and must go"),
        ("systems.phrases", "score-phrases takes no embeddings, so extract must go"),
        (
            "systems.warped",
            "with network, head would do nothing and must go; with warp, head, network would do nothing and must go",
        ),
        (
            "systems.stored",
            "with warp, extract would do nothing and must go; "
            "with embeddings, extract, warp would do nothing and must go",
        ),
    ]


def test_only_networks_teach_and_only_scores_of_one_system_are_fused(tmp_path: Path) -> None:
    problems = problems_of(
        tmp_path / "plan.yaml",
        "systems:\n  a: {head: avg}\n  b: {network: a, score: --norm s-norm}\n  both: {fuse: [a, b]}\n"
        "  student: {teacher: both}\n  again: {fuse: [a, both]}\n",
    )
    assert problems == [
        "systems.student: both trains no network; name a",
        "systems.again: both is a fusion itself; name the systems that it fuses",
    ]


def test_a_brace_that_is_not_closed_is_named(tmp_path: Path) -> None:
    (problems,) = problems_of(tmp_path / "plan.yaml", "systems:\n  a: {head: avg, score: '--cohort {data'}\n")
    assert problems.startswith("systems.a: ")


def test_the_key_of_a_system_changes_with_what_it_is_and_with_nothing_else(
    make_plan: Callable[..., Plan], tmp_path: Path
) -> None:
    config, extra = tmp_path / "c.yaml", tmp_path / "extra.yaml"
    config.write_text("training: {epochs: 3}\n")
    extra.write_text("a: 1\n")

    def keys(head: str = "cls", score: str = "--norm s-norm", **other: object) -> tuple[str, str, str]:
        plan = make_plan(
            f"teacher: {{head: {head}}}",
            "student: {teacher: teacher}",
            f"norm: {{network: student, score: '{score} --more {{conf}}/extra.yaml'}}",
            config="c.yaml",
            **other,
        )
        return network_key(plan, "student"), network_key(plan, "norm"), run_key(plan, "norm")

    before = keys()
    assert before[0] == before[1]
    config.write_text("# the same\ntraining:\n  epochs: 3\n")
    assert keys(folds="[1, 2]") == before
    assert keys(score="--norm as-norm")[:2] == before[:2]
    assert keys(score="--norm as-norm")[2] != before[2]
    assert keys(head="avg")[0] != before[0]  # the teacher's head
    extra.write_text("a: 2\n")
    assert keys()[:2] == before[:2]
    assert keys()[2] != before[2]
    config.write_text("training: {epochs: 4}\n")
    assert keys()[0] != before[0]


def test_a_fusion_is_not_evaluated_on_the_set_that_it_is_fitted_on(tmp_path: Path) -> None:
    systems = "systems:\n  a: {head: avg}\n  b: {head: cls}\n  both: {fuse: [a, b]}\n"
    (problems,) = problems_of(tmp_path / "plan.yaml", f"test_set: dev\n{systems}")
    assert problems == "systems.both: a fusion is fitted on the dev set, so test_set must not be dev"


def test_the_plans_of_the_recipes_are_sound() -> None:
    root = Path(__file__).resolve().parents[2]
    systems = {
        f"{path.parents[1].name}/{path.name}": read_plan(path).systems.keys()
        for path in (root / "egs").glob("*/conf/*.plan.yaml")
    }
    paper = {"avg", "cls", "cls-sampled", "cls-sampled-dist"}
    assert systems.keys() == {
        "arabic_commands/ablation.plan.yaml",
        "arabic_commands/choice.plan.yaml",
        "arabic_commands/fusion.plan.yaml",
        "arabic_commands/plain.plan.yaml",
        "arabic_commands/variants.plan.yaml",
        "rsr2015/ablation.plan.yaml",
    }
    assert all(paper <= systems[f"{recipe}/ablation.plan.yaml"] for recipe in ("arabic_commands", "rsr2015"))


def test_a_student_of_stored_embeddings_is_one_and_its_settings_are_those_of_the_command(
    make_plan: Callable[..., Plan],
) -> None:
    plan = make_plan("a: {teacher_embeddings: emb/x, set: {objective.class_weight: 0}}")
    settings = plan.settings_of("a")
    assert plan.systems["a"].is_student
    assert (settings.network.head, settings.network.embedding) == ("cls-sampled-dist", "dist")
    assert settings.objective.distillation == "cosine"


def test_the_key_of_a_system_changes_with_its_sets_and_stored_teachers(make_plan: Callable[..., Plan]) -> None:
    lines = (
        "{}",
        "{joint: true}",
        "{data: b/train}",
        "{data: b/train, fold_data: false}",
        "{teacher_embeddings: emb/x}",
    )
    assert len({network_key(make_plan(f"a: {line}"), "a") for line in lines}) == len(lines)


def test_the_key_of_a_system_changes_with_the_network_that_it_begins_with(make_plan: Callable[..., Plan]) -> None:
    plans = [make_plan(f"a: {{head: {head}}}", "b: {head: cls, init: a}") for head in ("cls", "avg")]
    keys = [network_key(plan, "b") for plan in plans]
    assert len({*keys, network_key(make_plan("b: {head: cls}"), "b")}) == 3
    assert plans[0].systems["b"].used == ("a",)


def test_sets_and_teachers_that_cannot_be_are_named(tmp_path: Path) -> None:
    problems = problems_of(
        tmp_path / "plan.yaml",
        "systems:\n  a: {fold_data: false}\n  b: {teacher_embeddings: 'emb/{fould}'}\n"
        "  c: {network: a, data: x/train}\n  d: {data: ['fold{fold}/more', 'seed{seed}/train']}\n",
    )
    assert [text.partition(": ")[0] for text in problems] == ["systems.a", "systems.b", "systems.c", "systems.d"]
    assert "without fold_data, data must name what is trained on" in problems[0]
    assert "unknown placeholder 'fould'" in problems[1]
    assert "with network, data would do nothing and must go" in problems[2]
    assert problems[3].endswith("unknown placeholder 'seed' (known: fold)")
