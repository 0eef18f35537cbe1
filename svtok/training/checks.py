"""What must fit together before a training run may start or go on."""

from __future__ import annotations

from typing import Any

from svtok.errors import Problem, SvtokError, raise_problems
from svtok.features.config import FeaturesConfig
from svtok.features.store import FeatureStore
from svtok.training.classes import ClassList
from svtok.training.config import Config
from svtok.training.inputs import Run
from svtok.training.network_folder import CONFIG, WEIGHTS, TrainedNetwork, read_settings


def misfits(run: Run, teacher: TrainedNetwork | None, classes: ClassList) -> list[Problem]:
    """All that does not fit: features, dev set, head and teacher."""
    config, features = run.config, run.train.store.config
    problems = []
    if config.features is not None:
        problems += _differences(config.features, features, "the configuration's", f"those of {run.train.store.folder}")
    if run.dev is not None:
        problems += _differences(run.dev.store.config, features, "the dev set's", "the training set's")
    elif config.training.keep == "best":
        problems.append(Problem("training.keep is 'best', which needs a dev set (--dev)"))
    problems += _too_long(config, run.train.store, augmented=True)
    problems += _too_long(config, run.dev.store, augmented=False) if run.dev else []
    wants_teacher = config.network.head.endswith("-dist")
    if wants_teacher and run.teacher is None:
        problems.append(Problem(f"head '{config.network.head}' learns from a teacher: use svtok train-student"))
    if not wants_teacher and run.teacher is not None:
        problems.append(
            Problem(f"head '{config.network.head}' has no distillation token; a student's head ends in -dist")
        )
    if teacher is not None:
        problems += _differences(teacher.features, features, "the teacher's", "the training set's")
        if teacher.classes != classes:
            problems.append(
                Problem(
                    f"the teacher tells {len(teacher.classes)} classes apart, the student {len(classes)}, and the "
                    "lists differ: both must be trained on the same set with the same training.classes",
                    run.teacher,
                )
            )
    return problems


def _differences(one: FeaturesConfig, other: FeaturesConfig, whose: str, whose_other: str) -> list[Problem]:
    """A problem for each field in which two kinds of features differ."""
    mine, theirs = one.model_dump(), other.model_dump()
    return [
        Problem(f"features.{name}: {whose} is {mine[name]}, {whose_other} is {theirs[name]}")
        for name in mine
        if mine[name] != theirs[name]
    ]


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


def check_same_run(run: Run, config: Config, about: dict[str, Any]) -> None:
    """The folder is in use: only the very run that it holds may go on, and only when asked to."""
    if not (run.out / CONFIG).is_file():
        raise SvtokError(f"{run.out}: is not empty and holds no network; name another folder")
    if not run.resume:
        state = "holds a trained network" if (run.out / WEIGHTS).is_file() else "holds an unfinished training"
        raise SvtokError(f"{run.out}: {state}; use --resume to go on with it, another --out, or remove it")
    old_config, old_about = read_settings(run.out)
    old_about.pop("svtok", None)
    old, new = (_flat({**c.model_dump(mode="json"), "run": a}) for c, a in ((old_config, old_about), (config, about)))
    raise_problems(
        [
            Problem(
                f"{key}: was {old.get(key)}, now {new.get(key)}; go on with the old value or use another --out", run.out
            )
            for key in sorted(old.keys() | new.keys())
            if old.get(key) != new.get(key) and not key.endswith(".data")
        ]
    )


def _flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """A tree's leaves by their dotted keys."""
    leaves: dict[str, Any] = {}
    for name, value in tree.items():
        leaves.update(_flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value})
    return leaves
