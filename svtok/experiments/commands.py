"""The commands that a run takes, and the files that they read and write.

The work folder holds data/foldK, feats/foldK (both made before) and exp/foldK/seedS/SYSTEM; commands run in it, so that
no file tells where it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from svtok.errors import Problem, raise_problems
from svtok.experiments.plan import Plan, System
from svtok.experiments.runs import Run, network, network_owner
from svtok.features.store import INDEX
from svtok.manifest.sets import is_set

Command = list[str]
"""The arguments of one call of svtok."""


def scores(plan: Plan, run: Run) -> Path:
    return run.folder / f"scores-{plan.test_set}.tsv"


def evaluation(plan: Plan, run: Run) -> Path:
    return run.folder / f"evaluation-{plan.test_set}.json"


def data(run: Run, name: str) -> Path:
    """A prepared set of the run's fold, within the work folder."""
    return Path("data") / f"fold{run.fold}" / name


def features(system: System, run: Run, name: str) -> Path:
    """The features of a set that a system takes, within the work folder."""
    return Path(system.features) / f"fold{run.fold}" / name


def commands(plan: Plan, run: Run, device: str) -> list[Command]:
    """The calls of svtok that the run takes, in their order."""
    system = plan.systems[run.system]
    training = [] if system.network else [_train(plan, run, device)]
    extracting = [_extract(plan, run, name, device) for name in system.extracted_sets(plan.test_set)]
    return [*training, *extracting, _score(plan, run), _evaluate(plan, run)]


def _train(plan: Plan, run: Run, device: str) -> Command:
    system, config = plan.systems[run.system], plan.config_of(run.system)
    command = ["train-student" if system.is_student else "train"]
    for name, prefix in (("train", "--"), ("dev", "--dev-")):
        command += ["--data" if name == "train" else "--dev", str(data(run, name))]
        command += [f"{prefix}features", str(features(system, run, name))]
    command += ["--config", str(config)] if config else []
    command += ["--head", system.head] if system.head else []
    for setting in system.settings:
        command += ["--set", setting]
    for teacher in system.teacher:
        command += ["--teacher", str(network(run.of(plan, teacher)))]
    command += ["--joint"] if system.joint else []
    command += ["--out", str(network(run)), "--seed", str(run.seed), "--device", device, "--resume"]
    return [*command, *_filled(system.train, plan, run)]


def _extract(plan: Plan, run: Run, name: str, device: str) -> Command:
    owner = network_owner(plan, run)
    feats = features(plan.systems[owner.system], run, name)
    command = ["extract-embeddings", "--network", str(network(owner)), "--data", str(data(run, name))]
    command += ["--features", str(feats), "--out", str(_embeddings(run, name)), "--device", device]
    return [*command, *_filled(plan.systems[run.system].extract, plan, run)]


def _score(plan: Plan, run: Run) -> Command:
    command = ["score", "--embeddings", str(_embeddings(run, plan.test_set)), "--data", str(data(run, plan.test_set))]
    return [*command, "--out", str(scores(plan, run)), *_filled(plan.systems[run.system].score, plan, run)]


def _evaluate(plan: Plan, run: Run) -> Command:
    command = ["evaluate", "--scores", str(scores(plan, run)), "--data", str(data(run, plan.test_set))]
    return [*command, "--json", str(evaluation(plan, run)), "--resamples", "0"]


def _embeddings(run: Run, name: str) -> Path:
    return run.folder / "embeddings" / name


def _filled(options: Iterable[str], plan: Plan, run: Run) -> list[str]:
    """The options with their placeholders filled in."""
    of_sets = {f"{name}_data": data(run, name) for name in ("train", "dev")}
    of_sets |= {f"{name}_embeddings": _embeddings(run, name) for name in ("train", "dev")}
    values = {
        "data": data(run, plan.test_set),
        "embeddings": _embeddings(run, plan.test_set),
        "network": network(network_owner(plan, run)),
        "conf": plan.file("."),
        **of_sets,
    }
    return [option.format_map(values) for option in options]


def check_inputs(plan: Plan, runs: Iterable[Run], work: Path) -> None:
    """Raise ProblemsError with every prepared set and every set of features that the runs need and that is missing."""
    needed = {}
    for run in runs:
        owner = plan.systems[network_owner(plan, run).system]
        for name in dict.fromkeys(["train", "dev", plan.test_set]):
            needed[data(run, name)] = is_set
            needed[features(owner, run, name)] = _has_features
    missing = [path for path, is_there in needed.items() if not is_there(work / path)]
    raise_problems([Problem("is missing: make it with svtok prepare or svtok extract-features", p) for p in missing])


def _has_features(folder: Path) -> bool:
    return (folder / INDEX).is_file()
