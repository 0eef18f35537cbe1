"""Everything that a training run needs to go on as if it had never stopped, in one file a run."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch

from svtok.errors import SvtokError
from svtok.files import writing_file
from svtok.ranks import ALONE, Ranks

CHECKPOINT = "checkpoint.pt"


def save_checkpoint(folder: Path, state: dict[str, Any]) -> None:
    """Write the state (tensors, numbers, lists, dictionaries) with the state of torch's random generators."""
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    whole = io.BytesIO()  # torch's own writing to a full disk fails without saying why
    torch.save({**state, "random": torch.get_rng_state(), "random_cuda": cuda}, whole)
    with writing_file(folder / CHECKPOINT) as temporary:
        temporary.write_bytes(whole.getbuffer())


def restore_checkpoint(folder: Path, restore: Callable[[dict[str, Any]], None], ranks: Ranks = ALONE) -> bool:
    """Go on with the state of a folder, if it has one. The random generators are put back where they were.

    Args:
        folder: of the run.
        restore: gets the state.
        ranks: the processes that go on, of which the first reads the file for all.

    Returns:
        Whether there was one.

    Raises:
        SvtokError: the file is damaged, or of another run.
    """
    path = folder / CHECKPOINT
    state = ranks.first(partial(_read, path))
    if state is None:
        return False
    with _damaged(path):
        random, cuda = state.pop("random"), state.pop("random_cuda")
        restore(state)
        torch.set_rng_state(random)
        if cuda and ranks.world == 1:
            torch.cuda.set_rng_state_all(cuda)
    return True


def _read(path: Path) -> dict[str, Any] | None:
    """The state in a file; None where there is no file."""
    if not path.is_file():
        return None
    with _damaged(path):
        _refuse_bomb(path)
        state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
        return state


@contextmanager
def _damaged(path: Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # of a damaged file torch raises many kinds
        raise SvtokError(f"{path}: cannot be read ({error}); remove it to train from the start") from None


def _refuse_bomb(path: Path) -> None:
    """Raise ValueError where a file would unpack to more than it holds: torch packs nothing, and would unpack."""
    with zipfile.ZipFile(path) as archive:
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
            raise ValueError("it is packed, which torch does not do")
        if sum(entry.file_size for entry in archive.infolist()) > path.stat().st_size:
            raise ValueError("its parts are longer than it is")
