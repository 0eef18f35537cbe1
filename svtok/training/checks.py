"""What must fit together before a training run may start or go on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from svtok.errors import Problem, SvtokError, raise_problems
from svtok.features.config import differences
from svtok.features.store import FeatureStore
from svtok.training.classes import ClassList
from svtok.training.config import Config
from svtok.training.inputs import Run
from svtok.training.network_folder import CONFIG, WEIGHTS, TrainedNetwork, read_settings


def misfits(run: Run, teachers: Sequence[TrainedNetwork], classes: ClassList) -> list[Problem]:
    """All that does not fit: features, dev set, head and teachers."""
    config, store = run.config, run.train.store
    problems = []
    if config.features is not None:
        problems += differences(config.features, store.config, "the configuration's", f"those of {store.folder}")
    if run.dev is not None:
        problems += differences(run.dev.store.config, store.config, "the dev set's", "the training set's")
    elif config.training.keep == "best":
        problems.append(Problem("training.keep is 'best', which needs a dev set (--dev)"))
    for trained in (config, run.joint):
        if trained is not None:
            problems += _too_long(trained, store, augmented=True)
            problems += _too_long(trained, run.dev.store, augmented=False) if run.dev else []
    return problems + _teaching(run) + _unfit_teachers(run, teachers, classes)


def _teaching(run: Run) -> list[Problem]:
    """A problem where the heads do not go with having teachers."""
    head, problems = run.config.network.head, []
    learns = bool(run.teachers) or run.joint is not None
    if run.teachers and run.joint is not None:
        problems.append(
            Problem(f"{len(run.teachers)} trained teachers and --joint: a student has the ones or the other")
        )
    if head.endswith("-dist") and not learns:
        problems.append(Problem(f"head '{head}' learns from a teacher: use svtok train-student"))
    if not head.endswith("-dist") and learns:
        problems.append(Problem(f"head '{head}' has no distillation token; a student's head ends in -dist"))
    if run.joint is not None and run.joint.network.head.endswith("-dist"):
        problems.append(
            Problem(f"head '{run.joint.network.head}' learns from a teacher itself: a joint teacher needs another head")
        )
    return problems


def _unfit_teachers(run: Run, teachers: Sequence[TrainedNetwork], classes: ClassList) -> list[Problem]:
    """A problem for each way in which a trained teacher differs from the training set."""
    problems = []
    for folder, teacher in zip(run.teachers, teachers, strict=True):
        whose = f"that of the teacher {folder}"
        problems += differences(teacher.features, run.train.store.config, whose, "the training set's")
        if teacher.classes != classes:
            problems.append(
                Problem(
                    f"the teacher tells {len(teacher.classes)} classes apart, the student {len(classes)}, and the "
                    "lists differ: both must be trained on the same set with the same training.classes",
                    folder,
                )
            )
    return problems


def _too_long(config: Config, store: FeatureStore, *, augmented: bool) -> list[Problem]:
    """A problem where learned positions do not reach to the end of the longest utterance."""
    longest = max(store.frames(utt) for utt in store.utts)
    if augmented:
        longest = min(longest, config.training.crop_frames or longest)
        longest = round(longest * (1 + config.training.augment.tempo))
    limit = config.network.longest_utterance
    if limit is None or longest <= limit:
        return []
    return [
        Problem(
            f"{store.folder}: the longest utterance has {longest} frames (tempo changes included), the learned "
            f"positions end after {limit}: raise network.max_frames, or set training.crop_frames"
        )
    ]


def check_same_run(
    folder: Path, config: BaseModel, about: dict[str, Any], *, resume: bool, told_at_end: Sequence[str] = ()
) -> None:
    """The folder is in use: only the very run that it holds may go on, and only when asked to.

    `told_at_end` are the dotted keys that the folder has only when the run has ended.
    """
    if not (folder / CONFIG).is_file():
        raise SvtokError(f"{folder}: is not empty and holds no network; name another folder")
    if not resume:
        state = "holds a trained network" if (folder / WEIGHTS).is_file() else "holds an unfinished training"
        raise SvtokError(f"{folder}: {state}; use --resume to go on with it, another --out, or remove it")
    old_config, old_about = read_settings(folder, type(config))
    old_about.pop("svtok", None)
    old = _flat({**old_config.model_dump(mode="json"), "run": old_about})
    new = _flat({**config.model_dump(mode="json"), "run": about})
    raise_problems(
        [
            Problem(
                f"{key}: was {old.get(key)}, now {new.get(key)}; go on with the old value or use another --out", folder
            )
            for key in sorted(old.keys() | new.keys())
            if old.get(key) != new.get(key) and not key.endswith(".data") and key not in told_at_end
        ]
    )


def _flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """A tree's leaves by their dotted keys."""
    leaves: dict[str, Any] = {}
    for name, value in tree.items():
        leaves.update(_flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value})
    return leaves
