"""A `svtok` for the recipes' tests that starts at once: a process that has imported all it needs forks for each call.

    python -m tests.recipes.warm FOLDER      serves; FOLDER gets the socket and a program svtok to put into PATH

What a call does is what the installed program does, in a process of its own with the caller's folder, environment and
streams; only that importing torch, three seconds of each of a recipe's fifty calls, was done before.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import signal
import socket
import sys
from pathlib import Path

from tests.processes import LOADED

SOCKET = "socket"
CLIENT = """#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({socket!r})
    call = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
    socket.send_fds(server, [len(call).to_bytes(4, "big")], [0, 1, 2])
    server.sendall(call)
    sys.exit(int(server.recv(4) or b"1"))
"""


def serve(folder: Path) -> None:
    """Answer calls until the process is stopped."""
    for module in LOADED:
        importlib.import_module(module)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who answer
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / SOCKET))
        server.listen()
        client = folder / "svtok"
        client.write_text(CLIENT.format(python=sys.executable, socket=str(folder / SOCKET)))
        client.chmod(0o755)
        print("ready", flush=True)
        while True:
            caller, _ = server.accept()
            if os.fork() == 0:
                server.close()
                _answer(caller)
            caller.close()


def _answer(caller: socket.socket) -> None:
    """Be `svtok` for a caller, and end."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    length, streams, _, _ = socket.recv_fds(caller, 4, 3)
    call = b""
    while len(call) < int.from_bytes(length, "big"):
        call += caller.recv(1 << 16)
    arguments, folder, environment = json.loads(call)
    for stream, own in enumerate(streams):
        os.dup2(own, stream)
        os.close(own)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["svtok", *arguments]
    status: object = 1
    try:
        runpy.run_module("svtok", run_name="__main__")
        status = 0
    except SystemExit as end:
        status = end.code or 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        caller.sendall(str(status if isinstance(status, int) else 1).encode())
        os._exit(0)


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
