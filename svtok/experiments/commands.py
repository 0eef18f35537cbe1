"""The commands that a run takes, and the files that they read and write, all within a work folder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from svtok.embeddings.store import ABOUT as EMBEDDINGS
from svtok.errors import Problem, raise_problems
from svtok.experiments.plan import Plan, Run, System, network, network_owners
from svtok.features.store import ABOUT
from svtok.manifest.sets import UTTERANCES_FILE
from svtok.places import DATA

Command = list[str]
"""The arguments of one call of svtok."""


def scores(folder: Path, name: str) -> Path:
    """The scores of a set, within the folder of a run or of a member of a fusion."""
    return folder / f"scores-{name}.tsv"


def evaluation(plan: Plan, run: Run) -> Path:
    """The error rates of a run, within the work folder."""
    return run.folder / f"evaluation-{plan.test_set}.json"


def data(run: Run, name: str) -> Path:
    """A prepared set of the run's fold, within the work folder."""
    return DATA / f"fold{run.fold}" / name


def features(system: System, run: Run, name: str) -> Path:
    """The features of a set that a system takes, within the work folder.

    Args:
        system: names the folder of its features.
        run: one of its runs, for the fold.
        name: of the set, such as `train`.
    """
    return Path(system.features) / f"fold{run.fold}" / name


def frames(system: System, run: Run, name: str) -> Path:
    """The features of a set that a system warps, within the work folder."""
    return Path(system.warp or "") / f"fold{run.fold}" / name


def commands(plan: Plan, run: Run, device: str) -> list[Command]:
    """The calls of svtok that the run takes, in their order.

    Args:
        plan: of the run.
        run: what is to be trained, or fused, and evaluated.
        device: where networks are trained and read, as `--device` takes it.

    Returns:
        Training, where the system has no network yet, then scoring and evaluation.
    """
    system = plan.systems[run.system]
    if system.fuse:
        return [*_fuse(plan, run, device), _evaluate(plan, run)]
    training: list[Command] = []
    if not (system.network or system.without_network):
        training = [*_hear_teachers(plan, run, device), training_command(plan, run, device)]
    return [*training, *_score(plan, run, [plan.test_set], run.folder, device), _evaluate(plan, run)]


def training_command(plan: Plan, run: Run, device: str) -> Command:
    """The call that trains the network of a run, in place of one that was trained otherwise.

    Args:
        plan: of the run.
        run: one of a system that is trained.
        device: where it is trained, as `--device` takes it.
    """
    system, config = plan.systems[run.system], plan.config_of(run.system)
    command = ["train-student" if system.is_student else "train"]
    for folder, feats in training_sets(system, run):
        command += ["--data", str(folder), "--features", str(feats)]
    command += ["--dev", str(data(run, "dev")), "--dev-features", str(features(system, run, "dev"))]
    command += ["--config", str(config)] if config else []
    command += ["--head", system.head] if system.head else []
    for setting in system.settings:
        command += ["--set", setting]
    for teacher in system.teacher:
        if not plan.teaches_by_embeddings(run.system, teacher):
            command += ["--teacher", str(network(run.of(plan, teacher)))]
    command += ["--joint"] if system.joint else []
    command += ["--init", str(network(run.of(plan, system.init)))] if system.init else []
    heard = [folder for folders in _heard_teachers(plan, run).values() for folder in folders]
    for folder in [*stored_teachers(plan, run), *heard]:
        command += ["--teacher-embeddings", str(folder)]
    command += ["--out", str(network(run)), "--seed", str(run.seed), "--device", device, "--anew"]
    return [*command, *_filled(system.train, plan, run, plan.test_set, run.folder)]


def training_sets(system: System, run: Run) -> list[tuple[Path, Path]]:
    """The sets that a run is trained on, and their features, within the work folder: the fold's own, further ones."""
    own = [(data(run, "train"), features(system, run, "train"))] if system.fold_data else []
    further = [name.format(fold=run.fold) for name in system.data]
    return [*own, *((DATA / name, Path(system.features) / name) for name in further)]


def _heard_teachers(plan: Plan, run: Run) -> dict[str, list[Path]]:
    """Of each teacher that reads other features, the folders of its embeddings of the training sets, in their order."""
    system = plan.systems[run.system]
    count = len(training_sets(system, run))
    return {
        teacher: [run.folder / "teachers" / teacher / str(place) for place in range(1, count + 1)]
        for teacher in system.teacher
        if plan.teaches_by_embeddings(run.system, teacher)
    }


def _hear_teachers(plan: Plan, run: Run, device: str) -> list[Command]:
    """The calls that make these embeddings."""
    calls: list[Command] = []
    for teacher, folders in _heard_teachers(plan, run).items():
        (owner,) = network_owners(plan, run.of(plan, teacher))
        for (folder, _), out in zip(training_sets(plan.systems[run.system], run), folders, strict=True):
            feats = Path(plan.systems[owner.system].features) / folder.relative_to(DATA)
            given = ["--network", str(network(owner)), "--data", str(folder), "--features", str(feats)]
            calls.append(["extract-embeddings", *given, "--out", str(out), "--device", device])
    return calls


def stored_teachers(plan: Plan, run: Run) -> list[Path]:
    """The folders of embeddings that teach a run, within the work folder."""
    options = plan.systems[run.system].teacher_embeddings
    return [Path(folder) for folder in _filled(options, plan, run, plan.test_set, run.folder)]


def _fuse(plan: Plan, run: Run, device: str) -> list[Command]:
    """Score dev and test set by each member, fit the fusion on the one, apply it to the other."""
    system, fusion = plan.systems[run.system], str(run.folder / "fusion.yaml")
    members = {name: run.folder / "members" / name for name in system.fuse}
    of_sets: dict[str, list[str]] = {
        name: [word for folder in members.values() for word in ("--scores", str(scores(folder, name)))]
        for name in ("dev", plan.test_set)
    }
    scoring = [
        command
        for name, folder in members.items()
        for command in _score(plan, run.of(plan, name), list(of_sets), folder, device)
    ]
    fit = ["fuse", "fit", *of_sets["dev"], "--data", str(data(run, "dev")), "--out", fusion, *system.fusion]
    out = str(scores(run.folder, plan.test_set))
    return [*scoring, fit, ["fuse", "apply", fusion, *of_sets[plan.test_set], "--out", out]]


def _score(plan: Plan, run: Run, sets: Sequence[str], folder: Path, device: str) -> list[Command]:
    """Score the trials of some sets by the system of a run; what this needs and makes is written to `folder`."""
    extracted = plan.systems[run.system].extracted_sets(sets)
    extracting = [_extract(plan, run, name, folder, device) for name in extracted]
    return [*extracting, *(_score_set(plan, run, name, folder, device) for name in sets)]


def _extract(plan: Plan, run: Run, name: str, folder: Path, device: str) -> Command:
    system = plan.systems[run.system]
    command = ["extract-embeddings", *_input(plan, run, name), "--out", str(_embeddings(system, run, folder, name))]
    return [*command, "--device", device, *_filled(system.extract, plan, run, name, folder)]


def _score_set(plan: Plan, run: Run, name: str, folder: Path, device: str) -> Command:
    system, out = plan.systems[run.system], ["--out", str(scores(folder, name))]
    options = _filled(system.score, plan, run, name, folder)
    if system.warp:
        given = ["--backend", "dtw", "--frames", str(frames(system, run, name)), "--data", str(data(run, name))]
        return ["score", *given, *out, *options]
    if system.scorer == "score-phrases":
        return ["score-phrases", *_input(plan, run, name), *out, "--device", device, *options]
    given = ["--embeddings", str(_embeddings(system, run, folder, name)), "--data", str(data(run, name))]
    return ["score", *given, *out, *options]


def _input(plan: Plan, run: Run, name: str) -> Command:
    """The options that name a network and the set that it reads."""
    (owner,) = network_owners(plan, run)
    feats = features(plan.systems[owner.system], run, name)
    return ["--network", str(network(owner)), "--data", str(data(run, name)), "--features", str(feats)]


def _evaluate(plan: Plan, run: Run) -> Command:
    command = ["evaluate", "--scores", str(scores(run.folder, plan.test_set)), "--data", str(data(run, plan.test_set))]
    return [*command, "--json", str(evaluation(plan, run)), "--resamples", "0"]


def _embeddings(system: System, run: Run, folder: Path, name: str) -> Path:
    """The embeddings of a set: those that are stored, or what the scoring in `folder` makes."""
    return Path(system.embeddings) / f"fold{run.fold}" / name if system.embeddings else folder / "embeddings" / name


def _filled(options: Iterable[str], plan: Plan, run: Run, scored: str, folder: Path) -> list[str]:
    """The options with their placeholders filled in, where the set `scored` is scored within `folder`."""
    system = plan.systems[run.system]
    of_sets = {f"{name}_data": data(run, name) for name in ("train", "dev")}
    of_sets |= {f"{name}_embeddings": _embeddings(system, run, folder, name) for name in ("train", "dev")}
    of_sets |= {f"{name}_frames": frames(system, run, name) for name in ("train", "dev")}
    owners = network_owners(plan, run)
    values = {
        "data": data(run, scored),
        "embeddings": _embeddings(system, run, folder, scored),
        "frames": frames(system, run, scored),
        "network": network(owners[0]) if owners else "",
        "conf": plan.file("."),
        "fold": run.fold,
        "seed": run.seed,
        **of_sets,
    }
    return [option.format_map(values) for option in options]


def check_inputs(plan: Plan, runs: Iterable[Run], work: Path) -> None:
    """Raise ProblemsError with every set, features and stored embeddings that the runs need and that are missing.

    Args:
        plan: of the runs.
        runs: those to be made.
        work: the folder that they are run in.

    Raises:
        ProblemsError: each missing folder is a problem of its own.
    """
    needed: dict[Path, str] = {}
    embeddings: list[Path] = []
    for run in runs:
        for owner in network_owners(plan, run):
            system = plan.systems[owner.system]
            for name in dict.fromkeys(["train", "dev", plan.test_set]):
                needed |= {data(run, name): UTTERANCES_FILE, features(system, run, name): ABOUT}
            for folder, feats in training_sets(system, owner):
                needed |= {folder: UTTERANCES_FILE, feats: ABOUT}
            embeddings += stored_teachers(plan, owner)
        for name in plan.systems[run.system].fuse or (run.system,):
            system = plan.systems[name]
            for of_set in ("train", "dev", plan.test_set) if system.without_network else ():
                needed[data(run, of_set)] = UTTERANCES_FILE
                if system.warp:
                    needed[frames(system, run, of_set)] = ABOUT
                else:
                    embeddings.append(_embeddings(system, run, run.folder, of_set))
    missing = [path for path, file in needed.items() if not (work / path / file).is_file()]
    problems = [Problem("is missing: make it with svtok prepare or svtok extract-features", path) for path in missing]
    missing = [path for path in dict.fromkeys(embeddings) if not (work / path / EMBEDDINGS).is_file()]
    remedy = "svtok extract-embeddings or svtok kaldi import embeddings"
    raise_problems([*problems, *(Problem(f"is missing: make it with {remedy}", path) for path in missing)])
