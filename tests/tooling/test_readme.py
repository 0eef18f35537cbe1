"""What README.md tells to type is what svtok takes."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import click
import pytest
import yaml

from svtok.cli.main import svtok
from svtok.experiments.plan import read_plan
from svtok.trained.config import Config

ROOT = Path(__file__).resolve().parents[2]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.S)


def commands() -> list[str]:
    """Each call of svtok in the blocks for the shell, in one line."""
    lines = "".join(blocks("sh")).replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if line.strip().startswith("svtok ")]


@pytest.mark.parametrize("line", commands())
def test_every_command_is_known_with_its_options(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recordings.csv").touch()
    (tmp_path / "data/mine").mkdir(parents=True)
    words = shlex.split(line, comments=True)[1:]
    command: click.Command = svtok
    while isinstance(command, click.Group):
        name, *words = words
        found = command.get_command(click.Context(command), name)
        assert found is not None, name
        command = found
    command.make_context(line, words)  # which refuses unknown options, missing ones and wrong values


def test_every_configuration_and_plan_is_valid(tmp_path: Path) -> None:
    shutil.copy(ROOT / "egs/arabic_commands/conf/ablation.yaml", tmp_path)
    plans, configurations = 0, 0
    for block in blocks("yaml"):
        tree = yaml.safe_load(block)
        if "systems" in tree:
            (tmp_path / "plan.yaml").write_text(block)
            plans += len(read_plan(tmp_path / "plan.yaml").systems) > 0
        else:
            Config.model_validate(tree)
            configurations += 1
    assert (plans, configurations) == (1, 2)
