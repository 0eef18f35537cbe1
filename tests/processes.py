"""Several processes that work together as under torchrun, forked off one that has torch loaded: quick to start."""

from __future__ import annotations

import multiprocessing
import os
import socket
import sys
import traceback
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

SECONDS = 300
"""After which processes that hang are ended."""


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
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["svtok.training.run", "svtok.cli.main", "svtok.embeddings.extract", "scipy.stats"])
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
