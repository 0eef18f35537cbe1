"""egs/arabic_commands/new_phrases.sh with a stand-in for svtok that only notes its calls."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

NAME = "arabic_commands/new_phrases.sh"
Script = Callable[..., tuple[subprocess.CompletedProcess[str], list[str]]]
MEMBERS = ["embeddings-norm", "cepstra-norm", "states-0-norm", "states-2-norm", "posteriors-norm"]


@pytest.fixture
def run(script: Script, tmp_path: Path) -> Script:
    (tmp_path / "corpus/dataset").mkdir(parents=True)
    return lambda *arguments: script(NAME, "--root", "corpus", "--work", "work", *arguments)


def test_what_is_trained_is_trained_on_other_words_and_the_fusion_is_fitted_on_dev(run: Script, tmp_path: Path) -> None:
    result, calls = run("--folds", "2", "--layers", "0,2", "--jobs", "1")
    assert result.returncode == 0, result.stderr
    split = "--folds 5 --fold 2 --new-phrases 20 --seed 0"
    assert calls[0] == f"prepare arabic-commands --root {tmp_path}/corpus {split} --out data --jobs 1"
    trained = [call for call in calls if call.startswith("train")]
    assert [call.split()[0] for call in trained] == ["train", "train-phonetic"]
    assert all("--data data/train --features speech/train" in call for call in trained)
    assert "--set training.classes=phrase" in trained[0]
    systems = ["embeddings", "embeddings-norm", "cepstra-all", "cepstra", "cepstra-norm", "states-0", "states-0-norm"]
    systems += ["states-2", "states-2-norm", "posteriors", "posteriors-norm", "fusion"]
    for part in ("dev", "eval"):
        evaluated = [call.split()[2] for call in calls if call.startswith("evaluate") and f"data/{part}" in call]
        assert evaluated == [f"scores/{part}/{system}.tsv" for system in systems]
        assert any(call.startswith("compare") and call.endswith(f"--markdown new-phrases-{part}.md") for call in calls)
        normalised = next(call for call in calls if call.startswith("score") and f"{part}/states-2-norm.tsv" in call)
        assert normalised == (
            f"score --data data/{part} --frames states/2/{part} --out scores/{part}/states-2-norm.tsv --backend dtw "
            "--norm s-norm --cohort states/2/train --cohort-data data/train --cohort-of classes"
        )
    (fit,) = (call for call in calls if call.startswith("fuse fit"))
    stacked = " ".join(f"--scores scores/dev/{member}.tsv" for member in MEMBERS)
    assert fit == f"fuse fit {stacked} --data data/dev --nontargets TW --out fusion.yaml"


def test_several_processes_extract_and_train_by_torchrun(run: Script) -> None:
    _, alone = run("--folds", "2")
    result, calls = run("--folds", "2", "--nproc", "2")
    assert (result.returncode, calls) == (0, alone), result.stderr
    assert result.stderr.count("by torchrun") == 3 * 3 + 1 + 3


def test_a_file_of_words_and_each_fold_in_a_folder_of_its_own(run: Script, tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("up\n")
    result, calls = run("--folds", "1,3", "--new-phrases", "words.txt")
    assert result.returncode == 0, result.stderr
    prepared = [call for call in calls if call.startswith("prepare")]
    new = f"--new-phrases {tmp_path}/words.txt"
    assert [f"--fold {fold} {new}" in call for fold, call in zip("13", prepared, strict=True)] == [True, True]
    assert sorted(path.name for path in (tmp_path / "work").iterdir()) == ["fold1", "fold3"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--root", "nowhere"], "holds no dataset/"), (["extra"], "unexpected argument 'extra'")],
)
def test_wrong_options_stop_before_anything_is_done(script: Script, arguments: list[str], message: str) -> None:
    result, calls = script(NAME, *arguments)
    assert result.returncode != 0
    assert calls == []
    assert message in result.stderr
