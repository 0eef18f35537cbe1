"""bin/setup and bin/svtok in a copy of the checkout, with a stand-in for Python: nothing is installed."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Says a version; makes a `.venv` that holds a copy of itself and a `svtok`; logs each call of pip.
PYTHON = """#!/usr/bin/env bash
case "$*" in
  *version_info*) echo "${FAKE_VERSION:-3.11}" ;;
  *sha256*) cksum ;;
  "-m venv --clear .venv")
    rm -rf .venv && mkdir -p .venv/bin && cp "$0" .venv/bin/python
    printf '#!/bin/sh\\necho svtok "$@"\\n' >.venv/bin/svtok && chmod +x .venv/bin/svtok
    echo venv >>calls ;;
  "-m pip install"*) echo "${@: -1}" >>calls && exit "${FAKE_PIP:-0}" ;;
  "-m compileall -q -j 0 .venv/lib") echo >>compiled ;;
  *) exit 99 ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    copy = tmp_path / "a checkout"
    (copy / "bin").mkdir(parents=True)
    for name in ("bin/setup", "bin/svtok", "setup.cfg", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, copy / name)
    (copy / "python").write_text(PYTHON)
    (copy / "python").chmod(0o755)
    return copy


def setup(checkout: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = {"PATH": "/usr/bin:/bin", "PYTHON": str(checkout / "python"), **environment}
    command = [str(checkout / "bin" / "setup"), *arguments]
    return subprocess.run(command, env=variables, cwd="/", capture_output=True, text=True, check=False)


def calls(checkout: Path) -> list[str]:
    return (checkout / "calls").read_text().splitlines() if (checkout / "calls").exists() else []


def test_a_second_run_installs_nothing_until_a_pin_changes(checkout: Path) -> None:
    for _ in range(2):
        assert setup(checkout).returncode == 0
        assert calls(checkout) == ["venv", ".[sphere,synth,tensorboard]"]
    with (checkout / "constraints.txt").open("a") as stream:
        stream.write("zipp==1.0\n")
    assert setup(checkout).returncode == 0
    assert calls(checkout)[2:] == [".[sphere,synth,tensorboard]"]


def test_dev_and_docs_are_installed_into_the_same_environment(checkout: Path) -> None:
    setup(checkout)
    setup(checkout, "--dev")
    setup(checkout, "--docs")
    assert calls(checkout) == ["venv", ".[sphere,synth,tensorboard]", ".[dev]", "Resemblyzer", ".[docs]"]
    assert (checkout / "compiled").read_text() == "\n"  # once: for the first, which is the users'


def test_a_failed_installation_is_done_again(checkout: Path) -> None:
    assert setup(checkout, FAKE_PIP="1").returncode == 1
    assert setup(checkout).returncode == 0
    assert calls(checkout) == ["venv", ".[sphere,synth,tensorboard]", ".[sphere,synth,tensorboard]"]


def test_a_moved_checkout_gets_a_new_environment(checkout: Path) -> None:
    setup(checkout)
    moved = checkout.rename(checkout.parent / "moved")
    assert setup(moved).returncode == 0
    assert calls(moved) == ["venv", ".[sphere,synth,tensorboard]"] * 2


def test_the_environment_keeps_its_python_when_none_is_asked_for(checkout: Path) -> None:
    setup(checkout)
    assert setup(checkout, PYTHON="").returncode == 0
    assert calls(checkout) == ["venv", ".[sphere,synth,tensorboard]"]


@pytest.mark.parametrize("version", ["3.9", "3.14", "2.7"])
def test_other_pythons_are_refused(checkout: Path, version: str) -> None:
    result = setup(checkout, FAKE_VERSION=version)
    assert result.returncode == 1
    assert f"is Python {version}, and svtok needs 3.10 to 3.13" in result.stderr
    assert calls(checkout) == []


def test_a_python_that_does_not_run_is_named(checkout: Path) -> None:
    result = setup(checkout, PYTHON="no-such-python")
    assert result.returncode == 1
    assert "'no-such-python' does not run" in result.stderr


def test_svtok_runs_from_anywhere_once_it_is_installed(checkout: Path) -> None:
    command = [str(checkout / "bin" / "svtok"), "prepare", "two words"]
    result = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "bin/setup first" in result.stderr
    setup(checkout)
    result = subprocess.run(command, cwd="/", capture_output=True, text=True, check=True)
    assert result.stdout == "svtok prepare two words\n"
