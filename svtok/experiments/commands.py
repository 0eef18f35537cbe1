"""The commands that a run takes, the files that they read and write, and the folders of the runs in a work folder."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from svtok.config import load_yaml
from svtok.errors import Problem, raise_problems
from svtok.experiments.plan import Plan, Run, System, network, network_key, network_owners
from svtok.features.store import ABOUT, INDEX
from svtok.files import sha256_of_files, write_text
from svtok.manifest.sets import MODELS_FILE, TRIALS_FILES, UTTERANCES_FILE, is_set
from svtok.manifest.tables import read_utterances
from svtok.places import DATA
from svtok.trained.folder import WEIGHTS

Command = list[str]
"""The arguments of one call of svtok."""


def scores(folder: Path, name: str) -> Path:
    """The scores of a set, within the folder of a run or of a member of a fusion."""
    return folder / f"scores-{name}.tsv"


def evaluation(plan: Plan, run: Run) -> Path:
    return run.folder / f"evaluation-{plan.test_set}.json"


def data(run: Run, name: str) -> Path:
    """A prepared set of the run's fold, within the work folder."""
    return DATA / f"fold{run.fold}" / name


def features(system: System, run: Run, name: str) -> Path:
    """The features of a set that a system takes, within the work folder."""
    return Path(system.features) / f"fold{run.fold}" / name


def commands(plan: Plan, run: Run, device: str) -> list[Command]:
    """The calls of svtok that the run takes, in their order."""
    system = plan.systems[run.system]
    if system.fuse:
        return [*_fuse(plan, run, device), _evaluate(plan, run)]
    training = [] if system.network else [_train(plan, run, device)]
    return [*training, *_score(plan, run, [plan.test_set], run.folder, device), _evaluate(plan, run)]


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
    return [*command, *_filled(system.train, plan, run, plan.test_set, run.folder)]


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
    system = plan.systems[run.system]
    extracting = [_extract(plan, run, name, folder, device) for name in system.extracted_sets(sets)]
    return [*extracting, *(_score_set(plan, run, name, folder, device) for name in sets)]


def _extract(plan: Plan, run: Run, name: str, folder: Path, device: str) -> Command:
    system = plan.systems[run.system]
    command = ["extract-embeddings", *_input(plan, run, name), "--out", str(_embeddings(folder, name))]
    return [*command, "--device", device, *_filled(system.extract, plan, run, name, folder)]


def _score_set(plan: Plan, run: Run, name: str, folder: Path, device: str) -> Command:
    system, out = plan.systems[run.system], ["--out", str(scores(folder, name))]
    options = _filled(system.score, plan, run, name, folder)
    if system.scorer == "score-phrases":
        return ["score-phrases", *_input(plan, run, name), *out, "--device", device, *options]
    given = ["--embeddings", str(_embeddings(folder, name)), "--data", str(data(run, name))]
    return ["score", *given, *out, *options]


def _input(plan: Plan, run: Run, name: str) -> Command:
    """The options that tell a network and the set that it reads."""
    (owner,) = network_owners(plan, run)
    feats = features(plan.systems[owner.system], run, name)
    return ["--network", str(network(owner)), "--data", str(data(run, name)), "--features", str(feats)]


def _evaluate(plan: Plan, run: Run) -> Command:
    command = ["evaluate", "--scores", str(scores(run.folder, plan.test_set)), "--data", str(data(run, plan.test_set))]
    return [*command, "--json", str(evaluation(plan, run)), "--resamples", "0"]


def _embeddings(folder: Path, name: str) -> Path:
    return folder / "embeddings" / name


def _filled(options: Iterable[str], plan: Plan, run: Run, scored: str, folder: Path) -> list[str]:
    """The options with their placeholders filled in, where the set `scored` is scored within `folder`."""
    of_sets = {f"{name}_data": data(run, name) for name in ("train", "dev")}
    of_sets |= {f"{name}_embeddings": _embeddings(folder, name) for name in ("train", "dev")}
    (owner,) = network_owners(plan, run)
    values = {
        "data": data(run, scored),
        "embeddings": _embeddings(folder, scored),
        "network": network(owner),
        "conf": plan.file("."),
        **of_sets,
    }
    return [option.format_map(values) for option in options]


def check_inputs(plan: Plan, runs: Iterable[Run], work: Path) -> None:
    """Raise ProblemsError with every prepared set and every set of features that the runs need and that is missing."""
    needed = {}
    for run in runs:
        for owner in network_owners(plan, run):
            for name in dict.fromkeys(["train", "dev", plan.test_set]):
                needed[data(run, name)] = is_set
                needed[features(plan.systems[owner.system], run, name)] = has_features
    missing = [path for path, is_there in needed.items() if not is_there(work / path)]
    raise_problems([Problem("is missing: make it with svtok prepare or svtok extract-features", p) for p in missing])


def has_features(folder: Path) -> bool:
    return (folder / ABOUT).is_file()


KEY = "run.key"


class RunKey(NamedTuple):
    """What a run was begun with, as its folder notes it."""

    network: str
    """What the plan asks of its network."""
    inputs: str
    """The tables of its sets and the settings of its features, wherever the recordings lie."""
    fingerprints: str
    """Those of its features, which change with each recording's file too: half a network is of no use without them."""


class RunFolders:
    """The folders of the runs of `plan` in the folder `work`, whose sets and features stay as they are meanwhile."""

    def __init__(self, plan: Plan, work: Path) -> None:
        self.plan, self.work = plan, work
        self._inputs: dict[tuple[Path, Path], tuple[str, str]] = {}

    def has_network(self, run: Run) -> bool:
        """Whether the network that the plan asks for is there, trained on the present features."""
        found, asked = self._found(run), self._asked(run)
        if found is None or asked is None or found[:2] != asked[:2]:
            return False
        return (self.work / network(run) / WEIGHTS).is_file()

    def has_other_inputs(self, run: Run) -> bool:
        """Whether the run has begun with sets or features of other content than the present ones."""
        found, asked = self._found(run), self._asked(run)
        return found is not None and asked is not None and found.inputs != asked.inputs

    def begin(self, run: Run) -> None:
        """Make the run's folder; what stands there is kept if it is half of what is asked for, else removed.

        The sets and features that it needs are there, see `svtok.experiments.commands.check_inputs`.
        """
        folder, asked = self.work / run.folder, self._asked(run)
        assert asked is not None
        if folder.exists() and self._found(run) != asked:
            shutil.rmtree(folder)
        write_text(folder / KEY, "\n".join(asked) + "\n")

    def _found(self, run: Run) -> RunKey | None:
        path = self.work / run.folder / KEY
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        return RunKey(*lines) if len(lines) == len(RunKey._fields) else None

    def _asked(self, run: Run) -> RunKey | None:
        """None where a set or features are missing."""
        owners = network_owners(self.plan, run)
        places = [
            (data(run, name), features(self.plan.systems[owner.system], run, name))
            for owner in owners
            for name in dict.fromkeys(["train", "dev", self.plan.test_set])
        ]
        if not all(is_set(self.work / tables) and has_features(self.work / store) for tables, store in places):
            return None
        inputs, fingerprints = zip(*map(self._read, dict.fromkeys(places)), strict=True)
        networks = [network_key(self.plan, owner.system) for owner in owners]
        return RunKey("-".join(networks), _hash(*inputs), _hash(*fingerprints))

    def _read(self, place: tuple[Path, Path]) -> tuple[str, str]:
        """What the tables of a set and the settings of its features hash to; the fingerprint of the features."""
        if place not in self._inputs:
            tables, store = (self.work / folder for folder in place)
            files = [store / INDEX, *(tables / name for name in (MODELS_FILE, *TRIALS_FILES))]
            about = load_yaml(store / ABOUT)
            utterances = read_utterances(tables / UTTERANCES_FILE).drop(columns="path")
            content = sha256_of_files(file for file in files if file.is_file())
            inputs = _hash(content, utterances.to_csv(index=False), str(about["features"]))
            self._inputs[place] = inputs, about["fingerprint"]
        return self._inputs[place]


def _hash(*texts: str) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:12]
