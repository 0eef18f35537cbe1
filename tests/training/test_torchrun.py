"""torchrun: processes that are killed, and two machines, which are two network namespaces here.

Here torchrun's agent forks its processes off one that has torch loaded, which takes seconds. With SVTOK_TORCHRUN=1 the
same is done by the command torchrun itself, whose processes load torch, each time they are started.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.processes import Node, svtok, together, torchrun

pytestmark = pytest.mark.slow
by_command = pytest.mark.skipif(
    "SVTOK_TORCHRUN" not in os.environ, reason="starts processes that load torch, many times"
)

SECONDS = 600
CONFIG = """\
network: {head: cls-sampled, front_end: {channels: 6, blocks: [8]}, attention_heads: 2, memory: {slots: 4, key_dim: 4}}
training: {epochs: 6, batch_size: 8, precision: fp32}
"""
TORCHRUN = (sys.executable, "-m", "torch.distributed.run")
NAMESPACES = (f"svtok-{os.getpid()}-a", f"svtok-{os.getpid()}-b")
ADDRESS = ("10.99.0.1", "29511")


def arguments(corpus: Path, out: Path) -> list[str]:
    (out.parent / "train.yaml").write_text(CONFIG)
    given = ["--data", str(corpus / "data/tiny/train"), "--config", str(out.parent / "train.yaml"), "--out", str(out)]
    return ["train", *given, "--device", "cpu"]


@pytest.fixture(scope="module")
def in_peace(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that two processes have trained, which nobody killed."""
    folder = tmp_path_factory.mktemp("peace")
    ended = together(folder, 2, svtok, *arguments(corpus, folder / "exp"))
    assert [status for status, _ in ended] == [0, 0], ended
    return folder / "exp"


def same(one: Path, other: Path) -> bool:
    """Whether two trainings have the same weights, and the same log but for the seconds."""
    logs = [[{**row, "seconds": 0} for row in rows(folder)] for folder in (one, other)]
    weights = {(folder / "network.safetensors").read_bytes() for folder in (one, other)}
    return len(weights) == 1 and logs[0] == logs[1]


def rows(folder: Path) -> list[dict[str, Any]]:
    path = folder / "training.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def kill_in_the_middle(out: Path, process: Callable[[], int], after: int) -> None:
    """Kill a process that trains `out`, once more than so many epochs are done."""
    end = time.monotonic() + SECONDS
    while len(rows(out)) <= after:
        assert time.monotonic() < end
        time.sleep(0.01)
    os.kill(process(), signal.SIGKILL)


def test_a_killed_process_ends_the_job_and_the_same_command_or_torchrun_itself_goes_on(
    corpus: Path, in_peace: Path, tmp_path: Path
) -> None:
    out = tmp_path / "exp"

    def of_rank(rank: int) -> int:
        return int((tmp_path / f"pid-{rank}.txt").read_text())

    job = torchrun(tmp_path, arguments(corpus, out))
    kill_in_the_middle(out, lambda: of_rank(1), after=0)
    job.join(SECONDS)
    assert job.exitcode == 1
    # the agent names the process that ended first: the killed one, or the other, which lost its connection
    assert re.search(r"_work FAILED[\s\S]*(SIGKILL|exitcode  : 1)", (tmp_path / "agent.txt").read_text())
    assert not (out / "network.safetensors").exists()
    again = torchrun(tmp_path, arguments(corpus, out), restarts=1)
    kill_in_the_middle(out, lambda: of_rank(0), after=len(rows(out)))
    again.join(SECONDS)
    assert again.exitcode == 0
    assert same(in_peace, out)


@pytest.fixture
def two_machines() -> Iterator[None]:
    """Two network namespaces that reach each other at 10.99.0.1 and 10.99.0.2, by an interface `cable`."""
    if shutil.which("ip") is None or os.getuid() != 0:
        pytest.skip("makes network namespaces: needs root and the command ip")
    one, other = NAMESPACES
    steps = [
        *(f"netns add {name}" for name in NAMESPACES),
        f"link add cable netns {one} type veth peer name cable netns {other}",
        *(f"-n {name} addr add 10.99.0.{number}/24 dev cable" for number, name in enumerate(NAMESPACES, start=1)),
        *(f"-n {name} link set {device} up" for name in NAMESPACES for device in ("lo", "cable")),
    ]
    try:
        for step in steps:
            if subprocess.run(["ip", *step.split()], check=False, capture_output=True).returncode:
                pytest.skip(f"this system refuses ip {step}")
        yield
    finally:
        for name in NAMESPACES:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def test_two_machines_train_what_two_processes_train(
    corpus: Path, in_peace: Path, tmp_path: Path, two_machines: None
) -> None:
    out, jobs = tmp_path / "exp", []
    for rank, name in enumerate(NAMESPACES):
        (tmp_path / name).mkdir()
        node = Node(rank, len(NAMESPACES), ":".join(ADDRESS), name, "cable")
        jobs.append(torchrun(tmp_path / name, arguments(corpus, out), processes=1, node=node))
    for job in jobs:
        job.join(SECONDS)
    assert [job.exitcode for job in jobs] == [0, 0]
    assert same(in_peace, out)


def called(out: Path, rank: int) -> int:
    """The process of a rank that torchrun has started to train `out`, as /proc has it."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words, variables = ((process / name).read_bytes().split(b"\0") for name in ("cmdline", "environ"))
            if str(out).encode() in words and f"RANK={rank}".encode() in variables:
                return int(process.name)
    raise AssertionError("there is no such process")


@by_command
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc")
def test_a_killed_process_ends_the_command_torchrun_and_the_same_or_torchrun_itself_goes_on(
    corpus: Path, in_peace: Path, tmp_path: Path
) -> None:
    out = tmp_path / "exp"
    command = ["--standalone", "--nproc-per-node", "2", "-m", "svtok", *arguments(corpus, out)]
    with subprocess.Popen([*TORCHRUN, *command], stderr=subprocess.PIPE, text=True) as job:
        kill_in_the_middle(out, lambda: called(out, 1), after=0)
        assert "SIGKILL" in job.communicate(timeout=SECONDS)[1]
    assert job.returncode != 0
    assert not (out / "network.safetensors").exists()
    done = len(rows(out))
    with subprocess.Popen([*TORCHRUN, "--max-restarts", "1", *command]) as again:
        kill_in_the_middle(out, lambda: called(out, 0), after=done)
        assert again.wait(SECONDS) == 0
    assert same(in_peace, out)


@by_command
def test_the_command_torchrun_on_two_machines_trains_what_two_processes_train(
    corpus: Path, in_peace: Path, tmp_path: Path, two_machines: None
) -> None:
    out = tmp_path / "exp"
    asked = ["-m", "svtok", *arguments(corpus, out)]
    where = ["--nnodes", "2", "--nproc-per-node", "1", "--master-addr", ADDRESS[0], "--master-port", ADDRESS[1]]
    environment = {**os.environ, "GLOO_SOCKET_IFNAME": "cable"}
    jobs = [
        subprocess.Popen(
            ["ip", "netns", "exec", name, *TORCHRUN, "--node-rank", str(number), *where, *asked], env=environment
        )
        for number, name in enumerate(NAMESPACES)
    ]
    assert [job.wait(SECONDS) for job in jobs] == [0, 0]
    assert same(in_peace, out)
