"""The command svtok itself: what it prints where, completion, colour, and how it ends when it is interrupted."""

from __future__ import annotations

import logging
import os
import pty
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from svtok.cli.main import COMMANDS, svtok
from svtok.errors import RED, coloured, warn
from svtok.progress import progress

SCORES = "model\tutt\tscore\nm\ta\t1.0\nm\tb\t0.0\n"


def run(*words: str, **environment: str) -> Result:
    return CliRunner().invoke(svtok, words, env=environment, prog_name="svtok")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_the_script_of_the_shell(shell: str) -> None:
    script = run("completion", shell)
    assert script.exit_code == 0
    assert f"_SVTOK_COMPLETE={shell}_complete" in script.output


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("svtok exp", ["export", "score"]),
        ("svtok score --norm ", ["s-norm", "as-norm"]),
        ("svtok prepare ta", ["table"]),
        ("svtok --lo", ["--log-level"]),
    ],
)
def test_names_options_and_values_are_completed(words: str, expected: list[str]) -> None:
    if words == "svtok exp":
        expected = [name for name in COMMANDS if name.startswith("exp")]
    asked = {"_SVTOK_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1)}
    assert run(**asked).output.split() == [f"plain,{name}" for name in expected]


def test_names_of_commands_are_completed_without_importing_them() -> None:
    code = "from svtok.cli.main import svtok; import sys, click\nwith click.Context(svtok) as context: "
    code += "svtok.shell_complete(context, 's')\nassert not {'svtok.cli.score', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_quiet_leaves_what_was_asked_for_and_takes_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("scores.tsv").write_text(SCORES)
    Path("list").write_text("m a target\nm b nontarget\n")
    given = ("evaluate", "--scores", "scores.tsv", "--trials", "list", "--json", "eval.json", "--resamples", "0")
    assert run("--quiet", *given).output == run(*given).output.replace("eval.json: up to date\n", "")
    assert run("--quiet", "kaldi", "import", "trials", "list", "--out", "trials.tsv").output == ""
    assert run("--quiet", "kaldi", "import", "trials", "list", "--out", "trials.tsv").output == ""
    assert run("-q", "kaldi", "export", "scores", "scores.tsv", "--out", "list").output == ""
    assert Path("trials.tsv").is_file()
    assert logging.getLogger("svtok").level == logging.NOTSET  # as before


@pytest.mark.parametrize(("level", "said"), [("INFO", ["warning", "work"]), ("WARNING", ["warning"]), ("ERROR", [])])
def test_a_level_hides_what_is_less_important(
    level: str, said: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("svtok.progress.SECONDS_BETWEEN_LINES", 0)
    monkeypatch.setattr(logging.getLogger("svtok"), "level", getattr(logging, level))
    warn("the disk is nearly full")
    assert list(progress([1, 2], total=2, what="work")) == [1, 2]
    lines = capsys.readouterr().err.splitlines()
    assert list(dict.fromkeys(line.split(":")[0] for line in lines)) == said


def test_options_of_svtok_after_the_command_are_explained(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "svtok", "info", "--quiet", str(tmp_path)]
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    assert ended.returncode == 2
    assert "--quiet is svtok's own: it stands before the command" in ended.stderr


def test_colour_is_for_terminals_and_not_where_it_is_unwanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    reader, writer = pty.openpty()
    with open(writer, "w") as terminal, open(os.devnull, "w") as file:
        assert coloured("error:", RED, terminal) == "\033[31merror:\033[0m"
        assert coloured("error:", RED, file) == "error:"
        monkeypatch.setenv("NO_COLOR", "1")
        assert coloured("error:", RED, terminal) == "error:"
        monkeypatch.delenv("NO_COLOR")
        monkeypatch.setenv("TERM", "dumb")
        assert coloured("error:", RED, terminal) == "error:"
    os.close(reader)


def _hear_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a job in the background does not


def _opened_for_writing(fifo: Path) -> int | None:
    """The end for writing; None where nobody reads yet."""
    try:
        return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return None


def _interrupted(process: subprocess.Popen[str]) -> tuple[str, str]:
    """What a process printed until Ctrl-C ended it.

    It is pressed again where it is not heard: Python raises nothing for a signal that comes after its last look for
    one and before the system call that waits, until that call returns.
    """
    for _ in range(6):
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=10)
    process.kill()
    return process.communicate()


@pytest.mark.slow
def test_ctrl_c_ends_with_one_line_and_130(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")  # which is read for ever
    command = [sys.executable, "-m", "svtok", "compare", f"a={tmp_path / 'fifo'}"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, text=True, stdout=pipe, stderr=pipe, preexec_fn=_hear_ctrl_c) as process:
        while (writer := _opened_for_writing(tmp_path / "fifo")) is None:
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
        out, said = _interrupted(process)
    os.close(writer)
    assert (process.returncode, out) == (130, "")
    assert said.strip() == "error: interrupted; finished work is kept, run the same command again to go on"
