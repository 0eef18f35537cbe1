"""What README.md and the pages of docs/ say to type is what svtok takes, and what they link to is there."""

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
ROOT_PAGES = sorted(ROOT.glob("*.md"))
PAGES = [*ROOT_PAGES, *sorted((ROOT / "docs").rglob("*.md"))]


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)


def commands() -> list[str]:
    """Each call of svtok in the blocks for the shell, in one line."""
    shell = "".join(block for page in PAGES for block in blocks(page, "sh"))
    lines = shell.replace("\\\n", " ").splitlines()
    return sorted({line.strip() for line in lines if line.strip().startswith("svtok ")})


@pytest.mark.parametrize("line", commands())
def test_every_command_is_known_with_its_options(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = shlex.split(line.split(" >")[0], comments=True)[1:]
    while words[0].startswith("-"):  # svtok's own
        words = words[2:] if words[0] == "--log-level" else words[1:]
    command, words = found(words)
    for param in command.params:
        if isinstance(param.type, click.Path):
            monkeypatch.setattr(param.type, "exists", False)  # files that a reader has
    command.make_context(line, words)  # which refuses unknown options, missing ones and wrong values


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=name)
def test_commands_named_in_the_text_are_there(page: Path) -> None:
    for mention in re.findall(r"`svtok ([a-z][a-z0-9 -]*)", page.read_text(encoding="utf-8")):
        found(mention.split())


def found(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that the first words name, and the words after it."""
    command: click.Command = svtok
    while isinstance(command, click.Group) and words:
        inner = command.get_command(click.Context(command), words[0])
        assert inner is not None, words
        command, words = inner, words[1:]
    return command, words


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "yaml")], ids=name)
def test_every_configuration_and_plan_is_valid(page: Path, tmp_path: Path) -> None:
    shutil.copy(ROOT / "egs/arabic_commands/conf/ablation.yaml", tmp_path)
    for block in blocks(page, "yaml"):
        tree = yaml.safe_load(block)
        if "systems" in tree:
            (tmp_path / "plan.yaml").write_text(block)
            assert read_plan(tmp_path / "plan.yaml").systems
        else:
            Config.model_validate(tree)


@pytest.mark.parametrize("page", ROOT_PAGES, ids=name)
def test_links_of_the_pages_beside_the_code_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?![a-z]+:|#)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (ROOT / target).exists()] == []
