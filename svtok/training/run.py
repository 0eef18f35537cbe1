"""One training run: what the command line asks for, checked, set up, trained and written."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from svtok.errors import raise_problems
from svtok.features.store import PHONETIC
from svtok.nets.network import Network
from svtok.phonetic.embedder import stored_embedder
from svtok.training.checkpoint import CHECKPOINT, load_checkpoint, save_checkpoint
from svtok.training.checks import check_same_run, misfits
from svtok.training.classes import ClassList
from svtok.training.classification import Classification
from svtok.training.config import Config
from svtok.training.data import TrainingUtterances, make_loader
from svtok.training.dev import make_measure, nontargets_of
from svtok.training.distillation import Distillation, JointDistillation
from svtok.training.inputs import Run, about_source
from svtok.training.log import make_tell, write_log
from svtok.training.loop import Row, Trainer
from svtok.training.network_folder import (
    CONFIG,
    TEACHER,
    WEIGHTS,
    TrainedNetwork,
    load_network,
    weights_hash,
    write_settings,
    write_weights,
)
from svtok.training.objectives import Networks, Objective


def train_network(run: Run) -> bool:
    """Train and write the network of a run. Returns False if it had ended before and nothing was left to do.

    A teacher that is trained beside it is written to the folder `teacher` within the run's. The network that computed
    phonetic columns, where the features have some, is copied to the folder `phonetic`. Raises SvtokError or
    ProblemsError, before anything is written, where the parts do not fit together.
    """
    teachers = [load_network(folder) for folder in run.teachers]
    classes = ClassList.of(run.train.prepared.utterances, run.config.training.classes)
    raise_problems(misfits(run, teachers, classes))
    config, joint = _settled(run, run.config), run.joint and _settled(run, run.joint)
    phonetic = stored_embedder(run.train.store.folder, run.train.store.config)
    about = {"seed": run.seed, "train": about_source(run.train), "dev": about_source(run.dev)}
    hashes = " ".join(teacher.hash for teacher in teachers)
    about_student = {**about, "teacher": hashes or None, **({"joint": True} if joint else {})}
    if run.out.exists() and any(run.out.iterdir()):
        told_at_end = ["run.teacher"] if joint else []
        check_same_run(run.out, config, about_student, resume=run.resume, told_at_end=told_at_end)
        if joint and (run.out / TEACHER / CONFIG).is_file():
            check_same_run(run.out / TEACHER, joint, about, resume=run.resume)
        if (run.out / WEIGHTS).is_file():
            return False
    write_settings(run.out, config, classes, about_student)
    if joint:
        write_settings(run.out / TEACHER, joint, classes, about)
    if phonetic:
        for folder in (run.out, run.out / TEACHER) if joint else (run.out,):
            phonetic.copy_to(folder / PHONETIC)
    torch.manual_seed(run.seed)
    trainer = _make_trainer(run, config, joint, classes, teachers)
    if state := load_checkpoint(run.out):
        trainer.restore(state)
    write_log(run.out, trainer.rows)
    weights = trainer.run()
    if joint:
        write_weights(run.out / TEACHER, weights["teacher"])
        write_settings(run.out, config, classes, {**about_student, "teacher": weights_hash(run.out / TEACHER)})
    write_weights(run.out, weights["network"])
    (run.out / CHECKPOINT).unlink(missing_ok=True)
    return True


def _settled(run: Run, config: Config) -> Config:
    """The configuration with what the run settles: the features of its data, and one `training` for all networks."""
    return config.model_copy(update={"features": run.train.store.config, "training": run.config.training})


def _make_trainer(
    run: Run, config: Config, joint: Config | None, classes: ClassList, teachers: Sequence[TrainedNetwork]
) -> Trainer:
    utterances, kind = run.train.prepared.utterances, config.training.classes
    labels = classes.labels(utterances, kind)
    data = TrainingUtterances(run.train.store, utterances["utt"].tolist(), labels, config.training, run.seed)
    loader, sampler = make_loader(data)
    # the teacher first: it starts as it would if it were trained alone
    sizes = run.train.store.dim, len(classes), run.train.store.config.phonetic_dim
    joint_teacher = Network(joint.network, *sizes).to(run.device) if joint else None
    network = Network(config.network, *sizes).to(run.device)
    frozen = [teacher.network.to(run.device).requires_grad_(False) for teacher in teachers]
    nontarget = nontargets_of(kind)
    measure = make_measure(run.dev.prepared, run.dev.store, run.device, nontarget) if run.dev else None
    return Trainer(
        networks=Networks(network, frozen, joint_teacher),
        objective=_make_objective(config, joint, classes, teachers),
        loader=loader,
        sampler=sampler,
        config=config.training,
        device=run.device,
        measure=lambda: measure(network) if measure else None,
        save=lambda state: save_checkpoint(run.out, state),
        tell=make_tell(run.out, lambda row: _line(row, config.training.epochs, nontarget)),
    )


def _make_objective(
    config: Config, joint: Config | None, classes: ClassList, teachers: Sequence[TrainedNetwork]
) -> Objective:
    if joint:
        return JointDistillation(config, joint, classes.sizes)
    if teachers:
        return Distillation(config, classes.sizes, [teacher.config.network for teacher in teachers])
    return Classification(config, classes.sizes)


def _line(row: Row, epochs: int, nontarget: str) -> str:
    """An epoch's row for people."""
    dev = "" if row["dev_eer"] is None else f", dev TC-vs-{nontarget} EER {100 * row['dev_eer']:.2f} %"
    return (
        f"epoch {row['epoch']}/{epochs}: loss {row['loss']:.4f}, accuracy {100 * row['accuracy']:.1f} %{dev}, "
        f"{row['seconds']:.1f} s"
    )
