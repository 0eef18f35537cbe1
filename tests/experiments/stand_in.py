"""A stand-in for svtok that only notes its calls and makes what it is asked to make, and plans that are run with it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import torch

from svtok.experiments.ablate import Ablation
from svtok.experiments.commands import Command
from svtok.experiments.plan import Choice, Plan, Run, run_key, runs_of_plan
from svtok.experiments.results import Row

STAND_IN = """
import os, sys, time
from pathlib import Path

words = sys.argv[1:]
with open(os.environ["CALLS"], "a") as stream:
    stream.write(" ".join(words) + "\\n")
options = dict(zip(words, words[1:]))
for name in ("--teacher", "--network", "--init"):
    if name in options and not Path(options[name], "network.safetensors").exists():
        sys.exit(f"error: {options[name]} is not there")
if os.environ.get("SLEEP_AT", "nothing") in " ".join(words):
    Path("pid").write_text(str(os.getpid()))
    time.sleep(60)
if os.environ.get("FAIL_AT", "nothing") in " ".join(words):
    print("a line before", "error: wrong", f"  in {os.getcwd()}/data", sep="\\n", file=sys.stderr)
    sys.exit(1)
made = Path(options.get("--out") or options["--json"])
made.parent.mkdir(parents=True, exist_ok=True)
if made.suffix:
    made.write_text("{}")
else:
    made.mkdir(exist_ok=True)
    (made / "network.safetensors").write_text("")
with open(os.environ["CALLS"] + ".ended", "a") as stream:
    stream.write(" ".join(words) + "\\n")
"""
ABOUT = "features: {bands: [64]}\nfingerprint: aa\nsvtok: 0.1.0\n"
FOUR = ("avg: {head: avg}", "cls: {head: cls}", "student: {teacher: cls}", "norm: {network: avg}")


def rows_of(plan: Plan, run: Run, work: Path, *, hardware: str, commit: str) -> list[Row]:
    """What the files of the stand-in do not hold."""
    assert (work / run.folder / "evaluation-eval.json").is_file()
    about = {"hardware": hardware, "commit": commit, "settings": run_key(plan, run.system)}
    return [Row(system=run.system, fold=run.fold, seed=run.seed, condition="TC-vs-IC", eer=0.125, **about)]


def ablation(plan: Plan, tmp_path: Path, jobs: int = 1, said: list[str] | None = None) -> Ablation:
    say = print if said is None else said.append
    given = (plan, tmp_path / "work", tmp_path / "results.json", torch.device("cpu"), up_to_date_in(tmp_path))
    return Ablation(*given, jobs, say)


def up_to_date_in(tmp_path: Path) -> Callable[[Command], bool]:
    """In place of what the commands know: a call is up to date that has ended, and whose output is there."""

    def look(arguments: Command) -> bool:
        ended = tmp_path / "calls.ended"
        options = dict(pairwise(arguments))
        made = tmp_path / "work" / (options.get("--out") or options["--json"])
        if not made.suffix:
            made = made / "network.safetensors"
        return made.exists() and ended.is_file() and " ".join(arguments) in ended.read_text().splitlines()

    return look


def run(plan: Plan, tmp_path: Path, jobs: int = 1, choice: Choice | None = None, said: list[str] | None = None) -> None:
    ablation(plan, tmp_path, jobs, said).run(runs_of_plan(plan, choice or Choice()))


def trained(calls: list[str]) -> list[str]:
    """The folders that were trained, in the order of their trainings."""
    words = [call.split() for call in calls if call.startswith("train")]
    return [each[each.index("--out") + 1].removeprefix("exp/").removesuffix("/network") for each in words]
