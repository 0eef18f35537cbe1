"""The package as it is installed: what the command line loads, what a wheel holds, what is pinned."""

import configparser
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"torch", "torchaudio", "pandas", "numpy", "scipy", "matplotlib", "pyarrow", "pydantic", "soundfile", "yaml"}


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["prepare", "--help"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import atexit, sys; from svtok.cli.main import main; sys.argv[1:] = sys.argv[2:];"
        f"atexit.register(lambda: print('LOADED', *(sys.modules.keys() & {HEAVY!r}))); main()"
    )
    result = subprocess.run([sys.executable, "-c", code, "-", *arguments], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1].split() == ["LOADED"]


@pytest.mark.slow
def test_every_listed_command_and_corpus_shows_its_help() -> None:
    code = """
import click
from click.testing import CliRunner
from svtok.cli.main import svtok

def visit(group, words):
    for name in group.list_commands(None):
        result = CliRunner().invoke(svtok, [*words, name, "--help"])
        assert result.exit_code == 0, (words, name, result.output)
        assert "Example" in result.output, (words, name)
        command = group.get_command(None, name)
        if isinstance(command, click.Group):
            visit(command, [*words, name])
visit(svtok, [])
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
def test_a_wheel_holds_every_file_of_the_package_and_the_licence(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "svtok", source / "svtok", ignore=shutil.ignore_patterns("__pycache__"))
    build = "from setuptools import build_meta; build_meta.build_wheel('..')"
    subprocess.run([sys.executable, "-c", build], cwd=source, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    expected = {path.relative_to(ROOT).as_posix() for path in (ROOT / "svtok").rglob("*") if path.is_file()}
    expected = {name for name in expected if "__pycache__" not in name}
    assert {name for name in names if name.startswith("svtok/")} == expected
    assert any(name.endswith("LICENSE") for name in names)


def test_everything_that_setup_cfg_asks_for_is_pinned() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    asked = config["options"]["install_requires"] + "".join(config["options.extras_require"].values())
    pins = {line.split("==")[0] for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line}
    names = {_normal(re.split(r"[>\[]", line)[0]) for line in asked.splitlines() if line.strip()}
    assert names - {"svtok"} <= pins


def test_pins_are_normal_sorted_names_with_exact_versions() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    pattern = re.compile(r'([a-z0-9-]+)==[0-9][0-9a-z.]*(; python_version (>=|<) "3\.11")?')
    names = [match[1] for line in lines if (match := pattern.fullmatch(line))]
    assert len(names) == len(lines)
    assert names == sorted(names)


def test_no_property_has_a_deadline() -> None:
    assert settings().deadline is None


@pytest.mark.parametrize(
    "name", ["bin/setup", "bin/svtok", "bin/demo", "bin/test", "bin/docs", ".ci/run", ".ci/matrix"]
)
def test_scripts_are_executable_and_strict(name: str) -> None:
    assert os.access(ROOT / name, os.X_OK)
    assert "\nset -euo pipefail\n" in (ROOT / name).read_text()


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name.strip()).lower()
