"""bin/parse_options.sh, as a script that sources it sees it."""

import subprocess
from pathlib import Path

import pytest

PARSER = Path(__file__).resolve().parents[2] / "bin" / "parse_options.sh"
SCRIPT = f"""
set -euo pipefail
stage=0
stop_stage=7
name="a default"
empty=
synthetic=false
option_names="stage stop_stage name empty synthetic"
help_message="what it is for"
. "{PARSER}" "$@"
printf '%s|' "$stage" "$stop_stage" "$name" "$empty" "$synthetic" "${{#arguments[@]}}" "${{arguments[@]}}"
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["bash", "-c", SCRIPT, "run.sh", *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "values"),
    [
        ([], "0|7|a default||false|0|"),
        (["--stage", "3", "--stop-stage", "5"], "3|5|a default||false|0|"),
        (["--stop_stage", "5"], "0|5|a default||false|0|"),
        (["--name", "two words; $(false)"], "0|7|two words; $(false)||false|0|"),
        (["--name", ""], "0|7|||false|0|"),
        (["--synthetic"], "0|7|a default||true|0|"),
        (["--synthetic", "--stage", "2"], "2|7|a default||true|0|"),
        (["--synthetic", "true", "--synthetic", "false"], "0|7|a default||false|0|"),
        (["--stage", "1", "rest", "--name", "x"], "1|7|a default||false|3|rest|--name|x|"),
        (["--", "--stage"], "0|7|a default||false|1|--stage|"),
    ],
)
def test_options_set_the_variables_of_their_names(arguments: list[str], values: str) -> None:
    result = run(*arguments)
    assert (result.returncode, result.stdout, result.stderr) == (0, values, "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--stages", "3"], "unknown option '--stages'; known: stage stop-stage name"),
        (["--path", "x"], "unknown option '--path'"),  # a shell variable, but no option
        (["--stage=3"], "write '--stage 3', not '--stage=3'"),
        (["--name"], "--name needs a value"),
        (["--synthetic", "maybe"], "--synthetic is true or false, not 'maybe'"),
        (["--conf", "nowhere.sh"], "--conf 'nowhere.sh': there is no such file"),
    ],
)
def test_wrong_options_are_refused(arguments: list[str], message: str) -> None:
    result = run(*arguments)
    assert result.returncode == 2
    assert message in result.stderr
    assert result.stdout == ""


def test_help_prints_the_message_and_does_nothing_else() -> None:
    result = run("--stage", "3", "--help")
    assert (result.returncode, result.stdout) == (0, "what it is for\n")


def test_the_command_line_wins_over_conf_wherever_it_stands(tmp_path: Path) -> None:
    conf = tmp_path / "options.sh"
    conf.write_text("stage=4\nname='from conf'\n")
    assert run("--stage", "2", "--conf", str(conf)).stdout == "2|7|from conf||false|0|"
