"""Several processes that work together as under torchrun, forked off one that has torch loaded: quick to start.

`together` starts them itself; `torchrun` lets torchrun's own agent start, watch and restart them.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import socket
import sys
import traceback
import uuid
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any

SECONDS = 300
"""After which processes that hang are ended."""
LOADED = ("svtok.training.run", "svtok.cli.main", "svtok.embeddings.extract", "scipy.stats", "torch._dynamo")
"""What the processes find loaded; the last one is loaded by the first step of an optimiser."""


def together(folder: Path, world: int, function: Callable[..., object], *arguments: object) -> list[tuple[int, str]]:
    """Call a function in `world` processes, each of which knows its rank from its environment.

    Args:
        folder: where they run, and leave what they print.
        world: how many.
        function: importable by its name.
        arguments: of the function.

    Returns:
        the exit status of each process, and what it printed.
    """
    context = _context()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    folder.mkdir(parents=True, exist_ok=True)
    given = [(folder, rank, world, port, function, arguments) for rank in range(world)]
    processes = [context.Process(target=_begin, args=each, daemon=False) for each in given]
    for process in processes:
        process.start()
    for process in processes:
        process.join(SECONDS)
        if process.is_alive():
            process.kill()
            process.join()
    printed = [(folder / f"printed-{rank}.txt").read_text() for rank in range(world)]
    return [(process.exitcode or 0, text) for process, text in zip(processes, printed, strict=True)]


def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(LOADED))
    return context


def _begin(
    folder: Path, rank: int, world: int, port: int, function: Callable[..., object], arguments: tuple[Any, ...]
) -> None:
    import torch

    torch.set_num_threads(1)
    os.chdir(folder)
    os.environ |= {"RANK": f"{rank}", "WORLD_SIZE": f"{world}", "LOCAL_RANK": f"{rank}", "LOCAL_WORLD_SIZE": f"{world}"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": f"{port}"}
    with open(f"printed-{rank}.txt", "w") as stream, redirect_stdout(stream), redirect_stderr(stream):
        try:
            function(*arguments)
        except SystemExit:
            raise
        except BaseException:
            traceback.print_exc()
            raise


def svtok(*arguments: str) -> None:
    """The command line."""
    from svtok.cli.main import main

    sys.argv = ["svtok", *arguments]
    main()


@dataclass(frozen=True)
class Node:
    """One of several machines, which is a network namespace here."""

    rank: int
    nodes: int
    address: str
    """HOST:PORT of the first."""
    namespace: str
    """Its name, as `ip netns` gives it."""
    interface: str
    """By which it reaches the others."""


def torchrun(
    folder: Path, arguments: list[str], *, processes: int = 2, restarts: int = 0, node: Node | None = None
) -> ForkServerProcess:
    """Start svtok as `torchrun --nproc-per-node PROCESSES --max-restarts RESTARTS -m svtok ARGUMENTS` does.

    Args:
        folder: must be there; gets `agent.txt`, with what torchrun says in the end, and of each process of rank R its
            number in `pid-R.txt` and what it prints in `printed-R.txt`.
        arguments: of svtok.
        processes: how many, on this machine.
        restarts: how often all of them are started again where one dies.
        node: the machine; default: there is one.

    Returns:
        the agent, whose exit status is 1 where the job has failed.
    """
    agent = _context().Process(target=_watch, args=(folder, arguments, processes, restarts, node), daemon=False)
    agent.start()
    return agent


def _watch(folder: Path, arguments: list[str], processes: int, restarts: int, node: Node | None) -> None:
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    if node is None:
        backend, address, configs = "c10d", "localhost:0", {}
    else:
        backend, address, configs = "static", node.address, {"rank": node.rank, "timeout": SECONDS}
        os.environ["GLOO_SOCKET_IFNAME"] = node.interface
        entry = os.open(f"/run/netns/{node.namespace}", os.O_RDONLY)
        if ctypes.CDLL(None, use_errno=True).setns(entry, 0):
            raise OSError(ctypes.get_errno(), "setns")
    config = LaunchConfig(
        min_nodes=node.nodes if node else 1,
        max_nodes=node.nodes if node else 1,
        nproc_per_node=processes,
        run_id=uuid.uuid4().hex if node is None else "several machines",
        rdzv_backend=backend,
        rdzv_endpoint=address,
        rdzv_configs=configs,
        max_restarts=restarts,
        monitor_interval=0.1,
        start_method="fork",
    )
    with open(folder / "agent.txt", "w") as stream, redirect_stdout(stream), redirect_stderr(stream):
        try:
            elastic_launch(config, _work)(folder, arguments)
        except ChildFailedError as error:
            print(error)
            sys.exit(1)


def _work(folder: Path, arguments: list[str]) -> None:
    import torch

    torch.set_num_threads(1)
    rank = os.environ["RANK"]
    (folder / f"pid-{rank}.txt").write_text(f"{os.getpid()}")
    with open(folder / f"printed-{rank}.txt", "a") as stream, redirect_stdout(stream), redirect_stderr(stream):
        svtok(*arguments)
