"""One training run: what the command line asks for, checked, set up, trained and written."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from svtok.errors import raise_problems
from svtok.files import write_text
from svtok.nets.network import Network
from svtok.training.board import open_board
from svtok.training.checkpoint import CHECKPOINT, load_checkpoint, save_checkpoint
from svtok.training.checks import check_same_run, misfits
from svtok.training.classes import ClassList
from svtok.training.config import Config
from svtok.training.data import TrainingUtterances, make_loader
from svtok.training.dev import make_measure
from svtok.training.inputs import Run, Source
from svtok.training.loop import Row, Trainer
from svtok.training.network_folder import (
    LOG,
    WEIGHTS,
    TrainedNetwork,
    load_network,
    write_settings,
    write_weights,
)
from svtok.training.objectives import Networks, make_objective


def train_network(run: Run) -> bool:
    """Train and write the network of a run. Returns False if it had ended before and nothing was left to do.

    Raises SvtokError or ProblemsError, before anything is written, where the parts do not fit together.
    """
    config = run.config.model_copy(update={"features": run.train.store.config})
    teacher = load_network(run.teacher) if run.teacher else None
    classes = ClassList.of(run.train.prepared.utterances, config.training.classes)
    raise_problems(misfits(run, teacher, classes))
    about = {"seed": run.seed, "train": _about(run.train), "dev": _about(run.dev), "teacher": teacher and teacher.hash}
    if run.out.exists() and any(run.out.iterdir()):
        check_same_run(run, config, about)
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


def _about(source: Source | None) -> dict[str, str] | None:
    """What identifies the data of a run: the folder for people, the fingerprint for machines."""
    if source is None:
        return None
    return {"data": str(source.prepared.folder), "fingerprint": source.store.fingerprint}


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
