"""What an output folder holds of an earlier call: the same run, ended or not, one that diverged, or another one."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import torch
from pydantic import BaseModel

from svtok.errors import Problem, SvtokError, raise_problems
from svtok.features.store import PHONETIC
from svtok.trained.config import StepsConfig
from svtok.trained.folder import CLASSES, CONFIG, LOG, TEACHER, WEIGHTS, read_settings
from svtok.trained.inference import is_fast_in_bf16
from svtok.trained.phones import PHONES
from svtok.training.checkpoint import CHECKPOINT
from svtok.training.log import BOARD
from svtok.training.loop import DivergedError
from svtok.training.waveforms import WAVEFORMS

DIVERGED = "diverged"
"""The key under which config.yaml keeps where a training diverged, and with which values."""

PLACES = (".data", "training.waveform.noise")
"""Ends of the keys that hold where something lies; what it is stands elsewhere."""

Steps = TypeVar("Steps", bound=StepsConfig)
STEERING = tuple(f"training.{name}" for name in ("learning_rate", "final_learning_rate", "clip_gradient", "precision"))
"""What may be changed when a training that diverged goes on from its last whole epoch."""


def has_ended(
    folder: Path,
    config: BaseModel,
    about: dict[str, Any],
    *,
    anew: bool,
    joint: tuple[BaseModel, dict[str, Any]] | None = None,
) -> bool:
    """Whether a folder holds the network of this very run; False where it is to be trained, or to be gone on with.

    Where it does, what only a training needs is removed, if it is still there.

    Args:
        folder: of the network, which need not be there.
        config: all of the configuration.
        about: what the run was given beside it.
        anew: remove the run that the folder holds, if it is another one.
        joint: the same two of a teacher that is trained beside it, in the folder `teacher` within.

    Raises:
        SvtokError: the folder holds no network, but other files.
        ProblemsError: it holds another run; with every difference, and without `anew`.
    """
    if not folder.exists():
        return False
    names = [path.name for path in folder.iterdir()]
    if names == [WAVEFORMS]:  # of a command that was killed while it decoded recordings
        (folder / WAVEFORMS).unlink()
    if names in ([], [WAVEFORMS]):
        return False
    if not (folder / CONFIG).is_file():
        raise SvtokError(f"{folder}: is not empty and holds no network; name another folder")
    try:
        problems = _differences(folder, config, about, said_at_end=["run.teacher"] if joint else [])
        if joint and (folder / TEACHER / CONFIG).is_file():
            problems += _differences(folder / TEACHER, *joint)
        raise_problems(problems)
    except SvtokError as error:
        if not anew:
            raise
        print(f"{folder}: trained anew, in place of another run: {error}", flush=True)
        remove_run(folder)
    ended = (folder / WEIGHTS).is_file()
    for name in (CHECKPOINT, WAVEFORMS) if ended else ():  # of a command that was killed at its very end
        if (folder / name).exists():
            (folder / name).unlink()
    return ended


def divergences(folder: Path, kind: type[BaseModel]) -> list[str]:
    """Where the unfinished training of a folder has diverged so far: what config.yaml says under `run.diverged`."""
    if not (folder / LOG).is_file():
        return []
    return list(read_settings(folder, kind)[1].get(DIVERGED, []))


def describe_divergence(error: DivergedError, config: StepsConfig) -> str:
    """What config.yaml keeps of a divergence: the step, and with which values it came to it."""
    return f"{error.where}, learning rate {config.learning_rate}, {config.precision}"


def remove_run(folder: Path) -> None:
    """Remove a run from its folder, but for config.yaml and what is none of its files; half done, it is no network."""
    for name in (WEIGHTS, CHECKPOINT, LOG, CLASSES, PHONES, TEACHER, PHONETIC, BOARD, WAVEFORMS):
        if (folder / name).is_dir():
            shutil.rmtree(folder / name)
        else:
            (folder / name).unlink(missing_ok=True)


def _differences(
    folder: Path, config: BaseModel, about: dict[str, Any], said_at_end: Sequence[str] = ()
) -> list[Problem]:
    """A problem for each value in which the run of a folder is another one.

    `said_at_end` are the dotted keys that the folder's configuration has only once its run has ended. A run that
    diverged may go on with other values of `STEERING`.
    """
    old_config, old_about = read_settings(folder, type(config))
    old_about.pop("svtok", None)
    may_differ = STEERING if old_about.pop(DIVERGED, None) else ()
    old = _flat({**old_config.model_dump(mode="json"), "run": old_about})
    new = _flat({**config.model_dump(mode="json"), "run": about})
    return [
        Problem(
            f"{key}: was {old.get(key)}, now {new.get(key)}; go on with the old value, use another --out, or give up "
            "what is there with --anew",
            folder,
        )
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key) and not key.endswith(PLACES) and key not in (*said_at_end, *may_differ)
    ]


def _flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """A tree's leaves by their dotted keys."""
    leaves: dict[str, Any] = {}
    for name, value in tree.items():
        leaves.update(_flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value})
    return leaves


def settled_precision(training: Steps, folder: Path, kind: type[BaseModel], device: torch.device) -> Steps:
    """The steps with `auto` settled: as the run that the folder holds has it, else by what the device is fast at."""
    if training.precision != "auto":
        return training
    precision = "bf16" if is_fast_in_bf16(device) else "fp32"
    if (folder / CONFIG).is_file():
        with suppress(SvtokError):  # of a folder that is no network; what is wrong with it is said later
            precision = read_settings(folder, kind)[0].training.precision  # type: ignore[attr-defined]
    return training.model_copy(update={"precision": precision})
