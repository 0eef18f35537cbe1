"""Everything that a training run needs to go on as if it had never stopped, in one file a run."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch

from svtok.errors import SvtokError
from svtok.files import writing_file

CHECKPOINT = "checkpoint.pt"


def save_checkpoint(folder: Path, state: dict[str, Any]) -> None:
    """Write the state (tensors, numbers, lists, dictionaries) with the state of torch's random generators."""
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    whole = io.BytesIO()  # torch's own writing to a full disk fails without telling why
    torch.save({**state, "random": torch.get_rng_state(), "random_cuda": cuda}, whole)
    with writing_file(folder / CHECKPOINT) as temporary:
        temporary.write_bytes(whole.getbuffer())


def load_checkpoint(folder: Path) -> dict[str, Any] | None:
    """The state of a folder, or None if it has none. The random generators are put back where they were."""
    path = folder / CHECKPOINT
    if not path.is_file():
        return None
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:  # torch raises many kinds on a damaged file
        raise SvtokError(f"{path}: cannot be read ({error}); remove it to train from the start") from None
    torch.set_rng_state(state.pop("random"))
    if cuda := state.pop("random_cuda"):
        torch.cuda.set_rng_state_all(cuda)
    return state
