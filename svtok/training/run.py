"""One training run: what the command line asks for, checked, set up, trained and written."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from svtok.errors import Problem, first_few, raise_problems, warn
from svtok.features.config import differences
from svtok.features.store import PHONETIC, FeatureStore, Source, about_source
from svtok.nets.cepstra import CEPSTRA
from svtok.nets.network import Network
from svtok.ranks import ALONE, Ranks
from svtok.trained.classes import ClassList, with_speeds
from svtok.trained.config import Config, TrainingConfig
from svtok.trained.folder import (
    TEACHER,
    TrainedNetwork,
    load_network,
    weights_hash,
    write_settings,
    write_weights,
)
from svtok.trained.phones import stored_embedder
from svtok.training.checkpoint import CHECKPOINT, restore_checkpoint, save_checkpoint
from svtok.training.data import StoredTeacher, TrainingUtterances, make_loader
from svtok.training.initial import begin_with, unfit_initial
from svtok.training.log import make_log, write_log
from svtok.training.loop import DivergedError, Row, Trainer
from svtok.training.objectives import Classification, Distillation, JointDistillation, Networks, Objective
from svtok.training.partial_softmax import PartialSoftmax
from svtok.training.resuming import DIVERGED, describe_divergence, divergences, has_ended, settled_precision
from svtok.training.waveforms import Waveforms, decoded, identity_of_noises, waveform_problems


@dataclass(frozen=True)
class Run:
    """What is asked for.

    `teachers` are the folders of a student's teachers, `stored` the embeddings that it learns; `joint` is the
    configuration of the teacher trained beside it; `init` is the folder of a network whose weights it begins with;
    `anew` gives up another run that `out` holds; `ranks` are the processes that train it together, each of which is
    asked for the same.
    """

    out: Path
    config: Config
    train: Source
    dev: Source | None
    seed: int
    device: torch.device
    teachers: tuple[Path, ...] = ()
    stored: tuple[StoredTeacher, ...] = ()
    joint: Config | None = None
    init: Path | None = None
    anew: bool = False
    ranks: Ranks = ALONE


Measure = Callable[[Network], float]
"""The error of a network on a dev set, a fraction."""


def misfits(run: Run, measure: Measure | None, teachers: Sequence[TrainedNetwork], classes: ClassList) -> list[Problem]:
    """All that does not fit: features, dev set, head and teachers."""
    config, store = run.config, run.train.store
    problems = []
    if config.features is not None:
        problems += differences(config.features, store.config, "the configuration's", f"those of {store.folder}")
    if run.dev is not None:
        problems += differences(run.dev.store.config, store.config, "the dev set's", "the training set's")
    if measure is None and config.training.keep == "best":
        problems.append(Problem("training.keep is 'best', which needs a dev set (--dev)"))
    for trained in (config, run.joint):
        if trained is not None:
            problems += _too_long(trained, store, augmented=True)
            problems += _too_long(trained, run.dev.store, augmented=False) if run.dev else []
            problems += _no_cepstra(trained, store)
    if config.training.waveform:
        problems += waveform_problems(run.train, config.training.waveform)
    return problems + _teaching(run) + _unfit_teachers(run, teachers, classes) + _unfit_embeddings(run)


def _teaching(run: Run) -> list[Problem]:
    """A problem where the heads do not go with having teachers."""
    head, problems = run.config.network.head, []
    learns = bool(run.teachers or run.stored) or run.joint is not None
    if head.endswith("-dist") and not learns:
        problems.append(Problem(f"head '{head}' learns from a teacher: use svtok train-student"))
    if not head.endswith("-dist") and learns:
        problems.append(Problem(f"head '{head}' has no distillation token; a student's head ends in -dist"))
    if run.joint is not None and run.joint.network.head.endswith("-dist"):
        problems.append(
            Problem(f"head '{run.joint.network.head}' learns from a teacher itself: a joint teacher needs another head")
        )
    if run.joint is not None and run.config.training.sampled_classes:
        problems.append(
            Problem(
                "training.sampled_classes does not go with --joint: train the teacher first, then the student with "
                "--teacher"
            )
        )
    if learns and not run.config.objective.class_weight and run.config.network.embedding != "dist":
        problems.append(
            Problem(
                f"network.embedding is '{run.config.network.embedding}', but nothing trains the class token where "
                "objective.class_weight is 0; set network.embedding=dist"
            )
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
                    f"the teacher has {len(teacher.classes)} classes, the student {len(classes)}, and the "
                    "lists differ: both must be trained on the same set with the same training.classes and "
                    "training.waveform.speeds",
                    folder,
                )
            )
    return problems


def _unfit_embeddings(run: Run) -> list[Problem]:
    """A problem for each way in which stored embeddings cannot be learned from."""
    problems = []
    kind, utts = run.config.objective.distillation, run.train.prepared.utterances["utt"].tolist()
    waveform = run.config.training.waveform
    if run.stored and waveform and waveform.speeds:
        problems.append(
            Problem("training.waveform.speeds makes new voices, of which there are no stored embeddings: leave it out")
        )
    for teacher in run.stored:
        if kind != "cosine":
            what = f"objective.distillation '{kind}' needs a teacher's posteriors, and these are embeddings; set it to"
            problems.append(Problem(f"{what} cosine", teacher.folder))
        if missing := teacher.missing(utts):
            what = f"{len(missing)} of the {len(utts)} utterances to train on have no embedding"
            problems.append(Problem(f"{what}: {first_few(missing)}", teacher.folder))
    return problems


def _too_long(config: Config, store: FeatureStore, *, augmented: bool) -> list[Problem]:
    """A problem where learned positions do not reach to the end of the longest utterance."""
    longest = max(store.frames(utt) for utt in store.utts)
    if augmented:
        speeds = config.training.waveform.speeds if config.training.waveform else ()
        if speeds:
            window = store.config.frame_length_ms / store.config.frame_shift_ms
            longest = math.ceil((longest + window) / min(1, *speeds))
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


def _no_cepstra(config: Config, store: FeatureStore) -> list[Problem]:
    """A problem where a stream reads cepstra, and the features are not what these are computed of."""
    features = store.config
    plain = features.kind == "fbank" and not features.log_energy and not features.deltas
    fit = plain and len(features.bands) == 1 and features.normalise in ("none", "mean")
    if "cepstra" not in config.network.streams or (fit and features.bands[0] >= CEPSTRA):
        return []
    return [
        Problem(
            f"{store.folder}: network.streams has cepstra, which are computed of one bank of {CEPSTRA} log-mel filters "
            "or more: extract features of kind fbank without log_energy and deltas, of normalise mean or none"
        )
    ]


def train_network(run: Run, measure: Measure | None = None) -> bool:
    """Train and write the network of a run.

    All processes of the run call this, and its first one writes. A teacher that is trained beside it is written to the
    folder `teacher` within the run's. The network that computed phonetic columns, where the features have some, is
    copied to the folder `phonetic`.

    Args:
        run: what is asked for.
        measure: gives the error on the dev set after an epoch; without it there is none in the log.

    Returns:
        False if the training had ended before and nothing was left to do.

    Raises:
        ProblemsError, SvtokError: before anything is written, where the parts do not fit together.
    """
    teachers = [load_network(folder) for folder in run.teachers]
    initial = load_network(run.init) if run.init else None
    waveform = run.config.training.waveform
    unlabelled = bool(run.teachers or run.stored) and run.joint is None and not run.config.objective.class_weight
    training, fewest = run.config.training, 1 if unlabelled else 2
    classes = ClassList.of(_utterances(run), training.classes, fewest, free=training.free_phrases)
    problems = misfits(run, measure, teachers, classes)
    if run.init and initial:
        if run.init.resolve() == run.out.resolve():
            problems.append(Problem("is the network to begin with, and to be written: name another --out", run.out))
        problems += unfit_initial(run.init, initial, run.config, run.train.store.config)
    if training.batch_size < run.ranks.world:
        problems.append(
            Problem(f"training.batch_size {training.batch_size} has no part for each of {run.ranks.world} processes")
        )
    raise_problems(problems)
    if unsaid := sorted(set(training.free_phrases) - set(run.train.prepared.utterances["phrase"])):
        warn(f"training.free_phrases: no training utterance says {first_few(unsaid)}")
    config, joint = run.ranks.first(lambda: (_settled(run, run.config), run.joint and _settled(run, run.joint)))
    phonetic = stored_embedder(run.train.store.folder, run.train.store.config)
    about: dict[str, Any] = {"seed": run.seed, "train": about_source(run.train), "dev": about_source(run.dev)}
    if waveform and (noise := identity_of_noises(waveform)):
        about["noise"] = noise
    hashes = " ".join(teacher.hash for teacher in teachers)
    about_student = {**about, "teacher": hashes or None}
    if joint:  # whose hash stands in the place of the teacher's at the end
        about_student |= {"teacher": None, "joint": True, **({"frozen_teachers": hashes} if hashes else {})}
    if initial:
        about_student["init"] = initial.hash
    if run.stored:
        about_student["teacher_embeddings"] = " ".join(teacher.hash for teacher in run.stored)
    beside = (joint, about) if joint else None
    if run.ranks.first(lambda: has_ended(run.out, config, about_student, anew=run.anew, joint=beside)):
        return False
    diverged = run.ranks.first(lambda: divergences(run.out, Config))

    def write_all_settings() -> None:
        if not run.ranks.is_first:
            return
        history = {DIVERGED: diverged} if diverged else {}
        write_settings(run.out, config, classes, {**about_student, **history})
        if joint:
            write_settings(run.out / TEACHER, joint, classes, {**about, **history})

    jobs, train = max(1, config.training.workers), run.train
    recordings = partial(decoded, train.prepared, train.store.config, folder=run.out, jobs=jobs, ranks=run.ranks)
    with recordings(config=waveform) if waveform else nullcontext() as waveforms:
        write_all_settings()
        if phonetic and run.ranks.is_first:
            for folder in (run.out, run.out / TEACHER) if joint else (run.out,):
                phonetic.copy_to(folder / PHONETIC)
        torch.manual_seed(run.seed)
        trainer, begun = _make_trainer(run, measure, config, joint, classes, teachers, initial, waveforms)
        if not restore_checkpoint(run.out, trainer.restore, run.ranks) and begun:
            print(f"{run.out}: {begun}", flush=True)
        run.ranks.first(lambda: write_log(run.out, trainer.rows))
        try:
            weights = trainer.run()
        except DivergedError as error:
            diverged.append(describe_divergence(error, config.training))
            write_all_settings()
            raise
        if joint and run.ranks.is_first:
            write_weights(run.out / TEACHER, weights["teacher"])
            about_student["teacher"] = weights_hash(run.out / TEACHER)
            write_all_settings()
        if run.ranks.is_first:
            write_weights(run.out, weights["network"])
            (run.out / CHECKPOINT).unlink(missing_ok=True)
    return True


def _utterances(run: Run) -> pd.DataFrame:
    """What is trained on: the training set and, where the configuration has speeds, all of it at each of them."""
    waveform = run.config.training.waveform
    return with_speeds(run.train.prepared.utterances, waveform.speeds if waveform else ())


def _settled(run: Run, config: Config) -> Config:
    """The configuration with what the run settles: the features of its data, and one `training` for all networks."""
    training = settled_precision(run.config.training, run.out, Config, run.device)
    return config.model_copy(update={"features": run.train.store.config, "training": training})


def _make_trainer(
    run: Run,
    measure: Measure | None,
    config: Config,
    joint: Config | None,
    classes: ClassList,
    teachers: Sequence[TrainedNetwork],
    initial: TrainedNetwork | None,
    waveforms: Waveforms | None,
) -> tuple[Trainer, str]:
    """The trainer of a run, and what its network takes over of an initial one."""
    utterances = _utterances(run)
    labels = classes.labels(utterances, config.training.classes, config.training.free_phrases)
    # the teacher first: it starts as it would if it were trained alone
    sizes = run.train.store.dim, len(classes), run.train.store.config.phonetic_dim, classes.factors
    joint_teacher = Network(joint.network, *sizes) if joint else None
    network = Network(config.network, *sizes)
    begun = begin_with(network, classes, run.init, initial) if run.init and initial else ""
    frozen = [teacher.network.to(run.device).requires_grad_(False) for teacher in teachers]
    networks = Networks(network, frozen, joint_teacher)
    partial_softmax = None
    if config.training.sampled_classes:
        kept = config.training, run.seed, run.device, run.ranks
        partial_softmax = PartialSoftmax(network, len(classes), labels[:, 0], *kept)
    objective = _make_objective(config, joint, classes, teachers, run.stored, partial_softmax)
    utts, views = utterances["utt"].tolist(), objective.views
    data = TrainingUtterances(run.train.store, utts, labels, config.training, run.seed, views, waveforms, run.stored)
    loader, sampler = make_loader(data, run.device, run.ranks)
    trainer = Trainer(
        trained=objective.trained(networks),
        loss=partial(objective, networks),
        loader=loader,
        sampler=sampler,
        config=config.training,
        device=run.device,
        measure=lambda: measure(network) if measure else None,
        save=lambda state: save_checkpoint(run.out, state),
        log=make_log(run.out, lambda row: _line(row, config.training)) if run.ranks.is_first else lambda row: None,
        ranks=run.ranks,
        partial=partial_softmax,
    )
    return trainer, begun


def _make_objective(
    config: Config,
    joint: Config | None,
    classes: ClassList,
    teachers: Sequence[TrainedNetwork],
    stored: Sequence[StoredTeacher],
    partial_softmax: PartialSoftmax | None,
) -> Objective:
    made_of, dims = [teacher.config.network for teacher in teachers], [teacher.dim for teacher in stored]
    if joint:
        return JointDistillation(config, joint, classes.sizes, made_of, dims)
    if teachers or stored:
        return Distillation(config, classes.sizes, made_of, dims, partial_softmax)
    return Classification(config, classes.sizes, partial_softmax)


def _line(row: Row, config: TrainingConfig) -> str:
    """An epoch's row for people."""
    dev = "" if row["dev_eer"] is None else f", dev TC-vs-{config.nontarget} EER {100 * row['dev_eer']:.2f} %"
    accuracy = f", accuracy {100 * row['accuracy']:.1f} %" if "accuracy" in row else ""
    epoch = f"epoch {row['epoch']}/{config.epochs}"
    return f"{epoch}: loss {row['loss']:.4f}{accuracy}{dev}, {row['seconds']:.1f} s"
