"""egs/ablation.sh with a stand-in for svtok that only notes its calls and makes what it is asked to make."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
Script = Callable[..., tuple[subprocess.CompletedProcess[str], list[str]]]
BARE: dict[str, tuple[str, ...]] = {"folders": ("feats",), "encoders": (), "speeds": ()}
"""What a plan asks for whose systems all read feats/."""


@pytest.fixture
def arabic(script: Script, tmp_path: Path) -> Script:
    """Runs the ablation of Arabic Speech Commands in `tmp_path`."""
    (tmp_path / "corpus/dataset").mkdir(parents=True)
    (tmp_path / "results.json").write_text("[]")
    options = ["--root", "corpus", "--work", "work", "--results", "results.json"]
    return lambda *arguments, **environment: script("arabic_commands/ablation.sh", *options, *arguments, **environment)


def names(calls: list[str]) -> list[str]:
    """The command of each call and, where there is one, its --out."""
    return [re.sub(r"(\S+)(?:.* --out (\S+))?.*", r"\1 \2", call).strip() for call in calls]


def of_fold(
    fold: int,
    folders: tuple[str, ...] = ("feats", "feats-cepstra", "feats-speech"),
    encoders: tuple[str, ...] = ("resemblyzer",),
    speeds: tuple[str, ...] = ("feats-speech",),
) -> list[str]:
    parts = [f"fold{fold}/{name}" for name in ("train", "dev", "eval")]
    extracted = [f"extract-features {folder}/{part}" for folder in folders for part in parts]
    encoded = [f"extract-embeddings {encoder}/{part}" for encoder in encoders for part in parts]
    place = f"fold{fold}-speeds/train"
    sped = [call for folder in speeds for call in (f"disturb data/{place}", f"extract-features {folder}/{place}")]
    return [f"prepare data/fold{fold}", *extracted, *sped, *encoded]


def test_folds_are_prepared_and_the_plan_is_run_and_shown(arabic: Script, tmp_path: Path) -> None:
    result, calls = arabic(
        "--folds", "1,3", "--seeds", "0", "--systems", "avg cls", "--jobs", "2", "--against", "avg,cls"
    )
    assert result.returncode == 0, result.stderr
    assert names(calls) == [*of_fold(1), *of_fold(3), "ablate", "ablation-table"]
    assert calls[0] == f"prepare arabic-commands --root {tmp_path}/corpus --out data/fold1 --folds 5 --fold 1 --jobs 2"
    conf = ROOT / "egs/arabic_commands/conf"
    assert calls[4] == (
        f"extract-features data/fold1/train --config {conf}/cepstra.yaml --out feats-cepstra/fold1/train --jobs 2"
    )
    assert calls[10] == (
        "disturb --data data/fold1/train --out data/fold1-speeds/train --side all --set speeds=[0.9,1.1] --jobs 2"
    )
    assert calls[11] == (
        f"extract-features data/fold1-speeds/train --config {conf}/speech.yaml "
        "--out feats-speech/fold1-speeds/train --jobs 2"
    )
    assert calls[12] == (
        "extract-embeddings --encoder resemblyzer --data data/fold1/train --out resemblyzer/fold1/train --device auto"
    )
    plan = conf / "ablation.plan.yaml"
    choice = "--folds 1 3 --seeds 0 --systems avg cls"
    assert calls[-2:] == [
        f"ablate {plan} --work . --results {tmp_path}/results.json {choice} --jobs 2 --device auto",
        f"ablation-table {tmp_path}/results.json --plan {plan} {choice} --against avg --against cls "
        "--markdown exp/ablation.md",
    ]
    assert "ended well after" in result.stderr


def test_several_processes_share_features_and_runs_by_torchrun(arabic: Script) -> None:
    _, alone = arabic("--folds", "1")
    result, calls = arabic("--folds", "1", "--nproc", "2")
    assert (result.returncode, calls) == (0, alone), result.stderr
    assert result.stderr.count("by torchrun") == 9 + 1 + 1
    assert "torchrun --standalone --nproc-per-node 2 -m svtok ablate" in result.stderr


def test_phonetic_features_are_made_where_the_plan_has_systems_on_them(arabic: Script, tmp_path: Path) -> None:
    plan = ["--plan", f"{ROOT}/egs/arabic_commands/conf/variants.plan.yaml", "--folds", "2"]
    result, calls = arabic(*plan)
    assert result.returncode == 0, result.stderr
    parts = ("train", "dev", "eval")
    phonetic = ["train-phonetic phonetic/fold2", *(f"extract-features feats-phonetic/fold2/{part}" for part in parts)]
    assert names(calls) == [*of_fold(2, **BARE), *phonetic, "ablate", "ablation-table"]
    assert calls[4] == (
        "train-phonetic --data data/fold2/train --features feats/fold2/train --dev data/fold2/dev "
        f"--dev-features feats/fold2/dev --text-from phrase --lexicon {ROOT}/egs/arabic_commands/conf/lexicon.txt "
        "--out phonetic/fold2 --device auto --anew"
    )
    assert "--phonetic phonetic/fold2 --out feats-phonetic/fold2/train" in calls[5]


def test_where_runs_failed_the_table_is_shown_and_the_exit_code_is_not_0(arabic: Script) -> None:
    result, calls = arabic("--folds", "1", FAIL_AT="ablate ")
    assert result.returncode == 1
    assert names(calls)[-2:] == ["ablate", "ablation-table"]
    assert "stopped after" in result.stderr


def test_each_synthetic_fold_is_a_corpus_of_its_own(script: Script) -> None:
    options = ("--synthetic", "--folds", "1 2", "--work", "work", "--synthesize-options", "--speakers 4")
    result, calls = script("rsr2015/ablation.sh", *options, "--results", "results.json")
    assert result.returncode == 0, result.stderr
    assert names(calls)[:6] == [
        "synthesize data/synthetic1",
        *of_fold(1, **BARE),
        "synthesize data/synthetic2",
    ]
    assert calls[5] == "synthesize rsr2015 --anew --out data/synthetic2 --part 2 --seed 2 --speakers 4"
    assert calls[6] == "prepare rsr2015 --root data/synthetic2 --part 2 --out data/fold2"
    assert names(calls)[-1] == "ablate"  # the stand-in wrote no results to show


def test_the_licensed_corpus_is_one_fold(script: Script, tmp_path: Path) -> None:
    (tmp_path / "discs").mkdir()
    result, calls = script("rsr2015/ablation.sh", "--root", "discs", "--work", "work")
    assert (result.returncode, calls) == (1, [])
    assert "RSR2015 has one split of its speakers: use --folds 1" in result.stderr
    result, calls = script("rsr2015/ablation.sh", "--root", "discs", "--work", "work", "--folds", "1")
    assert calls[0] == f"prepare rsr2015 --root {tmp_path}/discs --part 2 --out data/fold1"


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("arabic_commands", ["--root", "nowhere"], "holds no dataset/"),
        ("rsr2015", ["--root", "nowhere"], "is no folder; name the corpus"),
        ("rsr2015", ["--stage", "3"], "unknown option '--stage'"),
        ("rsr2015", ["--nproc", "0"], "--nproc is a number of processes, from 1, not '0'"),
        ("arabic_commands", ["extra"], "unexpected argument 'extra'"),
    ],
)
def test_wrong_options_stop_before_anything_is_done(
    script: Script, name: str, arguments: list[str], message: str
) -> None:
    result, calls = script(f"{name}/ablation.sh", *arguments)
    assert result.returncode != 0
    assert calls == []
    assert message in result.stderr


@pytest.mark.parametrize("path", sorted((ROOT / "egs").glob("*/ablation.sh")), ids=lambda path: path.parent.name)
def test_help_lists_the_options_from_anywhere(path: Path) -> None:
    result = subprocess.run(["bash", str(path), "--help"], cwd="/", capture_output=True, text=True, check=True)
    options = ("--root DIR", "--folds", "--seeds", "--systems", "--against", "--plan", "--results", "--jobs", "--nproc")
    for option in options:
        assert option in result.stdout
