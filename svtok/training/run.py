"""One training run: what the command line asks for, checked, set up, trained and written."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from svtok.errors import Problem, SvtokError, raise_problems
from svtok.features.config import FeaturesConfig
from svtok.files import write_text
from svtok.nets.network import Network
from svtok.training.board import open_board
from svtok.training.checkpoint import CHECKPOINT, load_checkpoint, save_checkpoint
from svtok.training.classes import ClassList
from svtok.training.config import Config
from svtok.training.data import TrainingUtterances, make_loader
from svtok.training.dev import make_measure
from svtok.training.inputs import Source
from svtok.training.loop import Row, Trainer
from svtok.training.network_folder import (
    CONFIG,
    LOG,
    WEIGHTS,
    TrainedNetwork,
    load_network,
    read_settings,
    write_settings,
    write_weights,
)
from svtok.training.objectives import Networks, make_objective


@dataclass(frozen=True)
class Run:
    """What is asked for. `teacher` is the folder of a student's teacher."""

    out: Path
    config: Config
    train: Source
    dev: Source | None
    teacher: Path | None
    seed: int
    device: torch.device
    resume: bool


def train_network(run: Run) -> bool:
    """Train and write the network of a run. Returns False if it had ended before and nothing was left to do.

    Raises SvtokError or ProblemsError, before anything is written, where the parts do not fit together.
    """
    config = run.config.model_copy(update={"features": run.train.store.config})
    teacher = load_network(run.teacher) if run.teacher else None
    classes = ClassList.of(run.train.prepared.utterances, config.training.classes)
    raise_problems(_misfits(run, teacher, classes))
    about = {"seed": run.seed, "train": _about(run.train), "dev": _about(run.dev), "teacher": teacher and teacher.hash}
    if run.out.exists() and any(run.out.iterdir()):
        _check_same_run(run, config, about)
        if (run.out / WEIGHTS).is_file():
            return False
    write_settings(run.out, config, classes, about)
    torch.manual_seed(run.seed)
    trainer = _make_trainer(run, config, classes, teacher)
    if state := load_checkpoint(run.out):
        trainer.restore(state)
    _write_log(run.out, trainer.rows)
    write_weights(run.out, trainer.run())
    (run.out / CHECKPOINT).unlink(missing_ok=True)
    return True


def _make_trainer(run: Run, config: Config, classes: ClassList, teacher: TrainedNetwork | None) -> Trainer:
    utterances = run.train.prepared.utterances
    labels = classes.labels(utterances, config.training.classes)
    data = TrainingUtterances(run.train.store, utterances["utt"].tolist(), labels, config.training, run.seed)
    loader, sampler = make_loader(data)
    network = Network(config.network, run.train.store.dim, len(classes)).to(run.device)
    frozen = teacher.network.to(run.device).requires_grad_(False) if teacher else None
    measure = make_measure(run.dev.prepared, run.dev.store, run.device) if run.dev else None
    board = open_board(run.out)

    def tell(row: Row) -> None:
        with open(run.out / LOG, "a", encoding="utf-8") as stream:
            stream.write(json.dumps(row) + "\n")
        board(row)
        print(_line(row, config.training.epochs), flush=True)

    return Trainer(
        networks=Networks(network, frozen),
        objective=make_objective(config.objective, distillation=teacher is not None),
        loader=loader,
        sampler=sampler,
        config=config.training,
        device=run.device,
        measure=lambda network: measure(network) if measure else None,
        save=lambda state: save_checkpoint(run.out, state),
        tell=tell,
    )


def _misfits(run: Run, teacher: TrainedNetwork | None, classes: ClassList) -> list[Problem]:
    """All that does not fit: features, dev set, head and teacher."""
    config, features = run.config, run.train.store.config
    problems = []
    if config.features is not None:
        problems += _differences(config.features, features, "the configuration's", f"those of {run.train.store.folder}")
    if run.dev is not None:
        problems += _differences(run.dev.store.config, features, "the dev set's", "the training set's")
    elif config.training.keep == "best":
        problems.append(Problem("training.keep is 'best', which needs a dev set (--dev)"))
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


def _about(source: Source | None) -> dict[str, str] | None:
    """What identifies the data of a run: the folder for people, the fingerprint for machines."""
    if source is None:
        return None
    return {"data": str(source.prepared.folder), "fingerprint": source.store.fingerprint}


def _check_same_run(run: Run, config: Config, about: dict[str, Any]) -> None:
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


def _write_log(folder: Path, rows: list[Row]) -> None:
    """The log of the epochs that count: rows of an epoch that was cut off and is done again are left out."""
    write_text(folder / LOG, "".join(json.dumps(row) + "\n" for row in rows))


def _line(row: Row, epochs: int) -> str:
    """An epoch's row for people."""
    dev = "" if row["dev_eer"] is None else f", dev TC-vs-IC EER {100 * row['dev_eer']:.2f} %"
    return (
        f"epoch {row['epoch']}/{epochs}: loss {row['loss']:.4f}, accuracy {100 * row['accuracy']:.1f} %{dev}, "
        f"{row['seconds']:.1f} s"
    )
