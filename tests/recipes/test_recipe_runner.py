"""egs/recipe.sh with a stand-in for svtok that only notes its calls and makes what it is asked to make.

What is tested: which commands are called, in which order, and what becomes of a command that fails.
"""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
Recipe = Callable[..., tuple[subprocess.CompletedProcess[str], list[str]]]


@pytest.fixture
def recipe(script: Recipe, tmp_path: Path) -> Recipe:
    """Runs the recipe of Arabic Speech Commands in `tmp_path`; gives the process and the commands it called."""
    corpus = tmp_path / "corpus/dataset/up"
    corpus.mkdir(parents=True)
    (corpus / "00000001_NO_01.wav").write_bytes(b"x")
    for name in ("train", "features"):
        (tmp_path / f"{name}.yaml").write_text("{}\n")

    def run(*arguments: str, **environment: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
        options = ["--root", "corpus", "--work", "work", "--config", "train.yaml", "--features-config", "features.yaml"]
        return script("arabic_commands/run.sh", *options, *arguments, **environment)

    return run


def names(calls: list[str]) -> list[str]:
    """The command of each call and, where there is one, its --out."""
    return [re.sub(r"(\S+)(?:.* --out (\S+))?.*", r"\1 \2", call).strip() for call in calls]


def test_all_stages_run_in_order_and_hand_their_results_on(recipe: Recipe, tmp_path: Path) -> None:
    result, calls = recipe("--seed", "3", "--jobs", "2", "--device", "cpu", "--set", "training.epochs=1 network.x=2")
    assert result.returncode == 0, result.stderr
    assert names(calls) == [
        "prepare data/arabic-commands",
        "extract-features",
        "train-teacher exp/cls-sampled",
        "train exp/avg",
        "train exp/cls",
        "train-student exp/cls-sampled-dist",
        *(
            f"extract-embeddings exp/{system}/embeddings/{part}"
            for system in ("avg", "cls", "cls-sampled", "cls-sampled-dist")
            for part in ("eval", "train")
        ),
        *(f"score exp/{s}/scores.tsv" for s in ("avg", "cls", "cls-sampled", "cls-sampled-dist")),
        *["evaluate"] * 4,
        "compare",
        "report exp/report.html",
    ]
    assert calls[0] == f"prepare arabic-commands --root {tmp_path}/corpus --out data/arabic-commands --seed 3 --jobs 2"
    assert calls[5] == (
        "train-student --data data/arabic-commands/train --features feats/arabic-commands/train "
        f"--dev data/arabic-commands/dev --head cls-sampled-dist --config {tmp_path}/train.yaml "
        "--out exp/cls-sampled-dist --seed 3 --anew --device cpu --teacher exp/cls-sampled "
        "--set training.epochs=1 --set network.x=2"
    )
    assert calls[14] == (
        "score --embeddings exp/avg/embeddings/eval --data data/arabic-commands/eval --out exp/avg/scores.tsv "
        "--backend plda --shrinkage 0.02 --backend-train exp/avg/embeddings/train "
        "--backend-data data/arabic-commands/train --norm as-norm --top 18 --cohort exp/avg/embeddings/train "
        "--cohort-data data/arabic-commands/train --cohort-of classes"
    )
    assert "ended well after" in result.stderr


def test_scoring_by_the_cosine_needs_no_embeddings_of_the_training_set(recipe: Recipe) -> None:
    result, calls = recipe("--backend", "cosine", "--systems", "avg")
    assert result.returncode == 0, result.stderr
    assert names(calls)[3:5] == ["extract-embeddings exp/avg/embeddings/eval", "score exp/avg/scores.tsv"]
    assert calls[4].endswith("--out exp/avg/scores.tsv")


def test_several_systems_at_once_are_the_same_calls_and_each_says_whose_words_are_its_own(recipe: Recipe) -> None:
    _, one_by_one = recipe()
    result, calls = recipe("--at-once", "2")
    assert result.returncode == 0, result.stderr
    assert sorted(calls) == sorted(one_by_one)
    assert sorted(names(calls)[2:4]) == ["train exp/avg", "train-teacher exp/cls-sampled"]  # whichever began first
    assert sorted(names(calls)[4:6]) == ["train exp/cls", "train-student exp/cls-sampled-dist"]
    assert re.search(r"^cls: \S+ \S+ svtok train --data .* --head cls ", result.stderr, re.M)


def test_all_that_have_no_teacher_are_trained_where_the_stages_end_with_them(recipe: Recipe) -> None:
    result, calls = recipe("--at-once", "2", "--stop-stage", "3")
    assert result.returncode == 0, result.stderr
    assert sorted(names(calls)[2:]) == ["train exp/avg", "train exp/cls", "train-teacher exp/cls-sampled"]
    assert names(calls)[4] == "train exp/cls"


def test_several_processes_extract_and_train_by_torchrun(recipe: Recipe) -> None:
    _, alone = recipe()
    result, calls = recipe("--nproc", "2")
    assert result.returncode == 0, result.stderr
    assert calls == alone
    assert result.stderr.count("by torchrun") == 1 + 4 + 4 * 2
    assert "torchrun --standalone --nproc-per-node 2 -m svtok train --data" in result.stderr
    result, _ = recipe("--nproc", "2", "--at-once", "2")
    assert (result.returncode, "give one of them" in result.stderr) == (1, True)


def test_one_of_several_at_once_that_fails_stops_the_recipe_when_the_others_have_ended(recipe: Recipe) -> None:
    result, calls = recipe("--at-once", "3", FAIL_AT="--head cls --config")
    assert result.returncode == 1
    assert "cls: error: wrong" in result.stderr
    assert "stopped after" in result.stderr
    assert sorted(names(calls)[2:]) == ["train exp/avg", "train exp/cls", "train-teacher exp/cls-sampled"]


def test_a_second_run_makes_the_same_calls(recipe: Recipe) -> None:
    """What is up to date, the commands find out themselves: see tests/cli/test_up_to_date.py."""
    _, first = recipe()
    _, second = recipe()
    assert second == first


def test_a_failed_command_stops_the_recipe_with_its_message(recipe: Recipe) -> None:
    result, calls = recipe(FAIL_AT="train --data")
    assert result.returncode == 1
    assert "error: wrong" in result.stderr
    assert "stopped after" in result.stderr
    assert names(calls)[-1] == "train exp/avg"


@pytest.mark.parametrize("signal", ["TERM", "INT"])
def test_a_killed_recipe_does_not_say_that_it_ended_well(recipe: Recipe, signal: str) -> None:
    result, _ = recipe(FAIL_AT="train --data", FAIL_BY=signal)
    assert result.returncode != 0
    assert "stopped after" in result.stderr
    assert "ended well" not in result.stderr


def test_stages_can_be_chosen(recipe: Recipe) -> None:
    recipe("--stop-stage", "2")
    _, calls = recipe("--stage", "3", "--stop_stage", "3", "--systems", "cls,avg")
    assert names(calls) == ["train exp/cls", "train exp/avg"]


def test_a_student_without_its_teacher_is_refused(recipe: Recipe) -> None:
    result, _ = recipe("--systems", "avg cls-sampled-dist")
    assert result.returncode == 1
    assert "cls-sampled-dist needs its teacher: add cls-sampled to --systems" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--root", "nowhere"], "get the corpus with 'git clone"),
        (["--stage", "three"], "--stage and --stop-stage are numbers"),
        (["--at-once", "0"], "--at-once is a number of systems"),
        (["--backend", "lda"], "--backend is plda or cosine, not 'lda'"),
        (["--stages", "3"], "unknown option '--stages'"),
        (["extra"], "unexpected argument 'extra'"),
    ],
)
def test_wrong_options_stop_before_anything_is_done(recipe: Recipe, arguments: list[str], message: str) -> None:
    result, calls = recipe(*arguments)
    assert result.returncode != 0
    assert calls == []
    assert message in result.stderr


@pytest.mark.parametrize(
    "run",
    sorted({*(ROOT / "egs").glob("*/run.sh")} - {ROOT / "egs/pretrained/run.sh"}),
    ids=lambda run: run.parent.name,
)
def test_help_lists_the_stages_from_anywhere(run: Path) -> None:
    result = subprocess.run(["bash", str(run), "--help"], cwd="/", capture_output=True, text=True, check=True)
    for stage in ("0 get the corpus", "1 prepare", "2 extract-features", "3 train-teacher", "4 train-student"):
        assert stage in result.stdout
    for stage in ("5 extract-embeddings", "6 score", "7 report", "--stop-stage", "--root DIR"):
        assert stage in result.stdout
