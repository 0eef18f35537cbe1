"""The processes that torchrun started for one command: which of them this is, what falls to it, what they exchange.

torchrun (or whoever starts them) sets RANK, WORLD_SIZE, LOCAL_RANK and LOCAL_WORLD_SIZE, and where the first process
listens. Without these a command is alone, torch is not imported and nothing here costs anything. Only the first process
writes and prints; the others compute their share.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from svtok.errors import SvtokError

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T")

PATIENCE = timedelta(hours=1)
"""How long one process waits for another, such as for the first that measures the error on a dev set."""


class FirstFailedError(SvtokError):
    """The first process has failed, and printed why."""


@dataclass(frozen=True)
class Ranks:
    """This process among all that work on a command: `rank` of `world`, and `local_rank` of those on this machine."""

    rank: int = 0
    world: int = 1
    local_rank: int = 0
    local_world: int = 1

    def __str__(self) -> str:
        return f"process {self.rank} of {self.world} (numbered from 0)"

    @property
    def is_first(self) -> bool:
        """Whether this is the one that writes and prints."""
        return self.rank == 0

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """Those of the items that fall to this process: every one of `world`, so that all get as many, give or take 1.

        >>> [Ranks(rank, 3).share("abcde") for rank in range(3)]
        ['ad', 'be', 'c']
        """
        return items[self.rank :: self.world]

    def first(self, function: Callable[[], T]) -> T:
        """What a function gives in the first process; it is called in no other.

        Args:
            function: what it returns is sent to the other processes.

        Raises:
            SvtokError: in the first process what the function raised, in the others FirstFailedError.
        """
        if self.world == 1:
            return function()
        error: Exception | None = None
        sent: list[Any] = [False, None]  # whether it failed, and what it gave
        if self.is_first:
            try:
                sent[1] = function()
            except (SvtokError, OSError) as raised:
                error, sent[0] = raised, True
        with self._group():
            import torch.distributed

            torch.distributed.broadcast_object_list(sent, src=0)
        if error is not None:
            raise error
        if sent[0]:
            raise FirstFailedError("the first process has failed")
        result: T = sent[1]
        return result

    def gather(self, item: T) -> list[T]:
        """In the first process what each has given, in the order of their ranks; in the others nothing."""
        if self.world == 1:
            return [item]
        gathered: list[Any] | None = [None] * self.world if self.is_first else None
        with self._group():
            import torch.distributed

            torch.distributed.gather_object(item, gathered, dst=0)
        return gathered or []

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum over all processes of a tensor of one shape, in its place; it is contiguous. The same bits in all."""
        if self.world > 1:
            with self._group():
                import torch.distributed

                torch.distributed.all_reduce(tensor)
        return tensor

    def max(self, tensor: Tensor) -> Tensor:
        """The greatest over all processes of each value of a tensor of one shape, in its place; it is contiguous."""
        if self.world > 1:
            with self._group():
                import torch.distributed

                torch.distributed.all_reduce(tensor, op=torch.distributed.ReduceOp.MAX)
        return tensor

    def meet(self) -> None:
        """Wait until all processes are here."""
        self.first(lambda: None)
        self.gather(None)

    @contextmanager
    def locked(self, *paths: Path) -> Iterator[None]:
        """Keep commands other than this one from writing some paths (`svtok.files.locked`) while the block runs.

        The first process has the locks; the others begin after it has, and all end the block together.
        """
        from svtok.files import locked  # numpy: not where svtok only prints its help

        with ExitStack() as locks:

            def lock() -> None:
                for path in paths:
                    locks.enter_context(locked(path))

            self.first(lock)
            yield
            if self.world > 1:
                self.meet()

    @contextmanager
    def _group(self) -> Iterator[None]:
        """All processes, joined when they first exchange something. SvtokError where one of them is gone."""
        import torch
        import torch.distributed as dist

        try:
            if not dist.is_initialized():
                backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
                meeting = dist.rendezvous("env://", self.rank, self.world, timeout=PATIENCE)  # type: ignore[attr-defined]
                store, _, _ = next(meeting)
                store = dist.PrefixStore(self._name_of_attempt(store), store)  # type: ignore[attr-defined]
                dist.init_process_group(backend, timeout=PATIENCE, rank=self.rank, world_size=self.world, store=store)
            yield
        except (RuntimeError, ValueError) as error:  # ValueError: no MASTER_ADDR
            reason = str(error).strip().split("\n")[0]
            raise SvtokError(
                f"another process of this job has ended, or cannot be reached ({reason}); this one ends too. The same "
                "command goes on with what is finished; torchrun --max-restarts N calls it again by itself"
            ) from None

    def _name_of_attempt(self, store: Any) -> str:
        """A name that the processes which are here now agree on, and that none of before has used.

        torchrun --max-restarts keeps one store for all attempts (https://github.com/pytorch/pytorch/issues/135712):
        what processes that are dead have left there, such as their addresses, would be taken for that of their
        successors, which then wait for ever or end with "connection refused". So each process makes a name up, and
        waits until the first one has repeated it; the first waits until all have seen theirs repeated.
        """
        name = uuid.uuid4().hex
        if self.is_first:
            others, seen = range(1, self.world), False
            while not seen:
                names = [store.get(f"svtok/{rank}").decode() for rank in others]  # waits for each
                store.set("svtok/all", " ".join([name, *names]))
                time.sleep(0.01)
                seen = all(store.check([f"svtok/{name}/{rank}"]) for rank in others)
            return name
        store.set(f"svtok/{self.rank}", name)
        while name not in (names := store.get("svtok/all").decode().split()):
            time.sleep(0.01)
        store.set(f"svtok/{names[0]}/{self.rank}", "")
        return names[0]


ALONE = Ranks()


def current_ranks() -> Ranks:
    """What the environment says. Raises SvtokError where it says no numbers, or ones that do not go together."""
    if "RANK" not in os.environ or "WORLD_SIZE" not in os.environ:
        return ALONE
    try:
        rank, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
        local_rank = int(os.environ.get("LOCAL_RANK", 0))
        local_world = int(os.environ.get("LOCAL_WORLD_SIZE", 1))
    except ValueError:
        rank, world, local_rank, local_world = -1, 0, 0, 1
    if not (0 <= rank < world and 0 <= local_rank < local_world):
        said = ", ".join(
            f"{name}={os.environ[name]}"
            for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
            if name in os.environ
        )
        raise SvtokError(f"{said}: not what torchrun sets; unset them, or start svtok by torchrun")
    return Ranks(rank, world, local_rank, local_world)


def leave() -> None:
    """Take leave of the other processes, if there are any; before the program ends."""
    if current_ranks().world > 1:
        import torch.distributed as dist

        if dist.is_initialized():
            dist.destroy_process_group()
