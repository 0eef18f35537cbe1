""".ci/matrix with stand-ins for Python: nothing is installed."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# A Python whose torch is as the file `torch` beside it says, and whose tests end as `tests` says.
PYTHON = """#!/usr/bin/env bash
here=$(dirname "$(readlink -f "$0")")
case "$*" in
  *version_info*) [[ "$*" == *"VERSION"* ]] ;;
  "-m venv "*) mkdir -p "$3/bin" && ln -s "$here/$(basename "$0")" "$3/bin/python" ;;
  *--dry-run*) cat "$here/torch" ;;
  *json.load*) cat ;;
  "-m pip install"*) echo "$*" >>"$here/installed" ;;
  *"-m not slow"*) exit "$(cat "$here/tests")" ;;
esac
"""


@pytest.fixture
def pythons(tmp_path: Path) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    for version, is_really in (("3.10", "3.10"), ("3.11", "3.11"), ("3.13", "3.14")):
        (folder / f"python{version}").write_text(PYTHON.replace("VERSION", is_really))
        (folder / f"python{version}").chmod(0o755)
    (folder / "torch").write_text("False")
    (folder / "tests").write_text("0")
    return folder


def matrix(pythons: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    variables = {"PATH": f"{pythons}:/usr/bin:/bin", "HOME": str(pythons)}
    command = ["bash", str(ROOT / ".ci/matrix"), "--keep", str(pythons / "made"), *arguments]
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=False)


def test_each_environment_is_tested_and_what_cannot_be_made_is_said(pythons: Path) -> None:
    result = matrix(pythons)
    assert result.returncode == 0, result.stderr
    summary = result.stdout.partition("== summary\n")[2].splitlines()
    assert summary == [
        *("oldest: passed", "old: passed", "newest: not made: no Python 3.13", "pandas2: passed", "torch: passed")
    ]
    oldest = (pythons / "installed").read_text().splitlines()[0].split()
    assert {
        "torch==2.6.*",
        "numpy==1.26.*",
        "pandas==2.2.*",
        ".[bench,encryption,plot,sphere,synth,tensorboard]",
    } <= set(oldest)


def test_a_torch_for_cuda_alone_is_not_fetched_unless_asked_for(pythons: Path) -> None:
    (pythons / "torch").write_text("True")
    result = matrix(pythons, "pandas2")
    assert result.returncode == 0
    assert "pandas2: not made: torch==2.13.* comes for CUDA alone" in result.stdout
    assert not (pythons / "installed").exists()
    assert "pandas2: passed" in matrix(pythons, "--cuda", "pandas2").stdout


def test_failed_tests_are_a_failure_after_all_environments(pythons: Path) -> None:
    (pythons / "tests").write_text("1")
    result = matrix(pythons, "oldest", "pandas2")
    assert result.returncode == 1
    assert result.stdout.endswith("== summary\noldest: FAILED\npandas2: FAILED\n")


@pytest.mark.parametrize(
    ("argument", "message"), [("neweste", "no environment 'neweste'"), ("--all", "unknown option '--all'")]
)
def test_wrong_arguments_stop_before_anything_is_made(pythons: Path, argument: str, message: str) -> None:
    result = matrix(pythons, argument)
    assert result.returncode == 2
    assert message in result.stderr
    assert not (pythons / "made").exists()
