import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import PIPE

import pytest

ROOT = Path(__file__).resolve().parents[2]
SVTOK = """#!/usr/bin/env bash
if [[ "$1" == --version ]]; then echo "svtok, version 1"; exit; fi
echo "$*" >>"$CALLS"
if [[ "$*" == *"${FAIL_AT:-nothing}"* ]]; then
  if [[ -n "${FAIL_BY:-}" ]]; then kill "-$FAIL_BY" "$PPID"; sleep 0.2; fi
  echo "error: wrong" >&2
  exit 1
fi
while [[ $# -gt 1 ]]; do
  case "$1 $2" in
    --out\\ *.tsv | --json\\ * | --markdown\\ *) mkdir -p "$(dirname "$2")" && touch "$2" ;;
    --out\\ *) mkdir -p "$2" && touch "$2/network.safetensors" ;;
  esac
  shift
done
"""
Script = Callable[..., tuple[subprocess.CompletedProcess[str], list[str]]]


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """Runs a script of egs/ in `tmp_path` with stand-ins for svtok and torchrun; gives the process and its commands."""
    stand_in = tmp_path / "venv/bin/svtok"
    stand_in.parent.mkdir(parents=True)
    stand_in.write_text(SVTOK)
    stand_in.chmod(0o755)
    torchrun = stand_in.with_name("torchrun")
    torchrun.write_text('#!/bin/sh\nshift 5\necho "by torchrun" >&2\nexec svtok "$@"\n')
    torchrun.chmod(0o755)

    def run(name: str, *arguments: str, **environment: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
        calls = tmp_path / "calls"
        calls.write_text("")
        variables = {
            "PATH": f"{stand_in.parent}{os.pathsep}{os.environ['PATH']}",
            "VIRTUAL_ENV": str(tmp_path / "venv"),
            "CALLS": str(calls),
            **environment,
        }
        command = ["bash", str(ROOT / "egs" / name), *arguments]
        result = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)
        return result, calls.read_text().splitlines()

    return run


@pytest.fixture(scope="session")
def warm_svtok(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder whose program svtok has imported torch before it is called; see warm.py."""
    folder = tmp_path_factory.mktemp("warm")
    command = [sys.executable, "-m", "tests.recipes.warm", str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        yield folder
        server.terminate()
