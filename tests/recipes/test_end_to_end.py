"""Every recipe of egs/ on tiny audio, with the real svtok: all stages, a second run, a changed configuration."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, STDOUT

import numpy as np
import pytest
import soundfile

pytestmark = pytest.mark.recipe

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(sys.executable).parent
SMALL = (
    "network.attention_heads=2 network.memory.slots=8 network.memory.key_dim=8 network.sampled.vectors=2 "
    "training.epochs=2 training.batch_size=8"
)
TINY = f"network.front_end.channels=8 network.front_end.blocks=[8] network.layers=1 {SMALL}"
TINY_ECAPA = f"network.front_end.channels=8 network.front_end.out_channels=8 network.front_end.squeeze=4 {SMALL}"
"""The recipes' own networks, made small."""


def arabic_tree(folder: Path) -> None:
    """Seven speakers say two words five times: a speaker is a pitch, a word is a rhythm, and noise is on all of it."""
    random = np.random.default_rng(0)
    seconds = np.arange(6400) / 16000
    for rhythm, word in enumerate(("up", "zoom in"), start=4):
        (folder / "dataset" / word).mkdir(parents=True)
        for speaker in (1, 5, 6, 2, 7, 3, 4):
            for take in range(1, 6):
                tone = np.sin(2 * np.pi * 100 * (speaker + 1) * seconds) * (np.sin(2 * np.pi * rhythm * seconds) > 0)
                wave = 0.3 * tone + 0.1 * random.standard_normal(len(tone))
                soundfile.write(folder / "dataset" / word / f"{speaker:08d}_NO_{take:02d}.flac", wave, 16000)


def nothing(folder: Path) -> None:
    """The recipe makes its corpus itself."""


@dataclass(frozen=True)
class Recipe:
    name: str
    corpus: str
    make_corpus: Callable[[Path], None]
    options: tuple[str, ...]
    systems: tuple[str, ...]
    table_says: str
    settings: str
    wrong_types: tuple[str, ...] = ("IC", "TW", "IW")

    @property
    def plain(self) -> bool:
        """Whether it is run with the networks of the paper, in place of its own of several streams."""
        return self.settings == TINY


RECIPES = (
    Recipe(
        "arabic_commands",
        "arabic-commands",
        arabic_tree,
        ("--root", "original", "--nearest", "4"),
        ("avg", "cls-sampled", "cls-sampled-dist"),
        "arabic-commands",
        TINY_ECAPA,
    ),
    Recipe(
        "rsr2015",
        "rsr2015-part2",
        nothing,
        (
            "--synthetic",
            "--synthesize-options",
            "--speakers 4 --dev-speakers 4 --eval-speakers 4 --phrases 2 --sessions 5",
            *("--nearest", "4"),
        ),
        ("cls",),
        "SYNTHETIC speech",
        TINY_ECAPA,
    ),
    Recipe(
        "deepmine",
        "deepmine",
        nothing,
        (
            *("--synthetic", "--hold-out", "4", "--test-set", "eval"),
            *("--synthesize-options", "--speakers 8 --eval-speakers 4 --phrases 4 --sessions 4"),
        ),
        ("avg",),
        "SYNTHETIC speech",
        TINY,
        ("IC", "TW"),
    ),
    Recipe(
        "tdsv2024",
        "tdsv2024",
        nothing,
        (
            *("--synthetic", "--test-set", "eval"),
            *("--synthesize-options", "--speakers 4 --dev-speakers 4 --eval-speakers 4 --phrases 2 --sessions 4"),
        ),
        ("avg",),
        "SYNTHETIC speech",
        TINY,
        ("IC", "TW"),
    ),
)


COLD = "tdsv2024"
"""The recipe that runs with the program svtok as it is installed; the others with one that starts at once (warm.py)."""


def run(
    recipe: Recipe, folder: Path, warm: Path, settings: str, systems: tuple[str, ...]
) -> subprocess.CompletedProcess[str]:
    """Run the recipe with the svtok that the tests run with."""
    options = [*recipe.options, "--work", "work", "--jobs", "1", "--systems", " ".join(systems), "--set", settings]
    if recipe.plain:
        conf = ROOT / "egs" / recipe.name / "conf"
        options += [
            "--config",
            f"{conf}/paper.yaml",
            "--features-config",
            f"{conf}/features.yaml",
            "--backend",
            "cosine",
        ]
    programs = PROGRAMS if recipe.name == COLD else warm
    return run_script(folder, programs, f"{recipe.name}/run.sh", *options, "--device", "cpu")


def run_script(folder: Path, programs: Path, script: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a script of egs/ in a folder, with the svtok of another."""
    command = ["bash", str(ROOT / "egs" / script), *options]
    variables = {**os.environ, "VIRTUAL_ENV": sys.prefix, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(command, cwd=folder, env=variables, stdout=PIPE, stderr=STDOUT, text=True, check=False)


def worked(result: subprocess.CompletedProcess[str]) -> list[str]:
    """The svtok commands that did not say that their output is up to date; not those that print tables alone."""
    blocks = re.split(r"\n(?=\S+ \S+ svtok )", result.stdout)[1:]  # each begins with the call, as it is logged
    names = [block.split()[3] for block in blocks if "up to date" not in block]
    return [name for name in names if name not in ("compare", "ablate", "ablation-table")]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_a_recipe_runs_skips_what_is_done_and_redoes_what_changed(
    recipe: Recipe, tmp_path: Path, warm_svtok: Path
) -> None:
    recipe.make_corpus(tmp_path / "original")

    first = run(recipe, tmp_path, warm_svtok, recipe.settings, recipe.systems)
    assert first.returncode == 0, first.stdout
    work = tmp_path / "work"
    for name in ("train", "dev", "eval"):
        assert (work / "data" / recipe.corpus / name / "utterances.tsv").is_file()
        assert (work / "feats" / recipe.corpus / name / "features.npy").is_file()
    trials = (work / "data" / recipe.corpus / "eval" / "trials.tsv").read_text().splitlines()
    for system in recipe.systems:
        made = {path.relative_to(work / "exp" / system).as_posix() for path in (work / "exp" / system).rglob("*.*")}
        assert made >= {
            *("config.yaml", "network.safetensors", "training.jsonl", "embeddings/eval/embeddings.npy"),
            *("scores.tsv", "evaluation.json", "det.png"),
        }
        assert len((work / "exp" / system / "scores.tsv").read_text().splitlines()) == len(trials)
        conditions = json.loads((work / "exp" / system / "evaluation.json").read_text())["conditions"]
        assert {f"TC-vs-{name}" for name in recipe.wrong_types} <= {condition["name"] for condition in conditions}
    parts = 1 if recipe.plain else 4
    about = work / "exp" / recipe.systems[0] / "embeddings/eval/embeddings.yaml"
    assert f"parts: {parts}\n" in about.read_text()
    table = (work / "exp" / "results.md").read_text()
    assert all(f"| {system} " in table for system in recipe.systems)
    assert recipe.table_says in table

    again = run(recipe, tmp_path, warm_svtok, recipe.settings, recipe.systems)
    assert again.returncode == 0, again.stdout
    assert worked(again) == []
    assert (work / "exp" / "results.md").read_text() == table

    if recipe is not RECIPES[0]:
        return  # what becomes of a changed configuration is up to recipe.sh, which is the same in all of them
    system = recipe.systems[0]
    changed = run(recipe, tmp_path, warm_svtok, recipe.settings.replace("epochs=2", "epochs=1"), (system,))
    assert changed.returncode == 0, changed.stdout
    assert worked(changed)[0].startswith("train")
    assert worked(changed)[1:] == [*["extract-embeddings"] * 2, "score", "evaluate", "report"]  # of eval and of train
    assert len((work / "exp" / system / "training.jsonl").read_text().splitlines()) == 1


PLAN = f"""
folds: [1]
seeds: [0]
systems:
  avg: {{head: avg, set: &tiny {{{", ".join(setting.replace("=", ": ", 1) for setting in TINY.split())}}}}}
  student:
    joint: true
    set: *tiny
    score: --norm s-norm --cohort {{train_embeddings}} --cohort-data {{train_data}} --cohort-of speakers
"""
ABLATIONS = ("arabic_commands", "rsr2015")
"""The second is run in test_ablation_runner.py: what differs is only how its corpus is made, as by its recipe above."""


def test_an_ablation_trains_scores_and_compares_and_does_nothing_twice(tmp_path: Path, warm_svtok: Path) -> None:
    arabic_tree(tmp_path / "original")
    (tmp_path / "plan.yaml").write_text(PLAN)
    options = ["--root", "original", "--folds", "1", "--work", "work", "--plan", "plan.yaml", "--device", "cpu"]
    command = ["arabic_commands/ablation.sh", *options, "--results", "results.json", "--jobs", "2"]

    first = run_script(tmp_path, warm_svtok, *command)
    assert first.returncode == 0, first.stdout
    rows = json.loads((tmp_path / "results.json").read_text())
    conditions = ["TC-vs-IC", "TC-vs-TW", "TC-vs-IW", "pooled"]
    assert [(row["system"], row["condition"]) for row in rows] == [
        (s, c) for s in ("avg", "student") for c in conditions
    ]
    for row in rows:
        evaluation = tmp_path / "work/exp/fold1/seed0" / row["system"] / "evaluation-eval.json"
        evaluated = {each["name"]: each for each in json.loads(evaluation.read_text())["conditions"]}
        assert row["eer"] == round(evaluated[row["condition"]]["eer"], 6)
        assert row["parameters"] > 1000
        assert row["seconds"] > 0
        assert f"precision: {row['precision']}\n" in (evaluation.parent / "network/config.yaml").read_text()
        assert ("eer_resampled" in row) == (row["condition"] in conditions[:2])
    assert "| student |  1/1 |" in (tmp_path / "work/exp/ablation.md").read_text()

    again = run_script(tmp_path, warm_svtok, *command)
    assert again.returncode == 0, again.stdout
    assert "2 runs asked for, 0 left" in again.stdout
    assert json.loads((tmp_path / "results.json").read_text()) == rows


def test_every_recipe_is_listed_here() -> None:
    listed = {recipe.name for recipe in RECIPES}
    assert {run.parent.name for run in (ROOT / "egs").glob("*/run.sh")} == {*listed, "pretrained"}  # test_pretrained.py
    assert {run.parent.name for run in (ROOT / "egs").glob("*/ablation.sh")} == set(ABLATIONS)
