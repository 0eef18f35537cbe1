"""The plan of an ablation: which systems, how each is trained and scored, on which folds and seeds; its runs."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Formatter
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, JsonValue, PrivateAttr, model_validator

from svtok.config import Section, read_yaml
from svtok.errors import Problem, ProblemsError, SvtokError, raise_problems, unknown_name
from svtok.files import sha256_of_files
from svtok.places import EXPERIMENTS
from svtok.trained.config import Config, read_config

PLACEHOLDERS = (
    *("data", "embeddings", "network", "train_data", "train_embeddings", "dev_data", "dev_embeddings"),
    *("frames", "train_frames", "dev_frames", "conf", "fold", "seed"),
)
"""What the options of a system may name in braces; `svtok.experiments.commands` fills them in."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def _split(value: Any) -> Any:
    return tuple(shlex.split(value)) if isinstance(value, str) else value


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


Options = Annotated[tuple[str, ...], BeforeValidator(_split)]
"""Options of a command, in one line as a shell would take them, or a list."""


class System(Section):
    """One system: a network to train, or with `network` that of another system, and how its trials are scored; or with
    `warp` features that are warped onto each other; or stored `embeddings`; or the fusion of other systems' scores."""

    head: str | None = Field(None, description="head of the network; default: what the configuration says")
    config: str | None = Field(None, description="training configuration in place of the plan's")
    set: dict[str, JsonValue] = Field({}, description="changes of it, such as training.epochs: 5")
    teacher: Annotated[tuple[str, ...], BeforeValidator(_listed)] = Field(
        (),
        description="system or systems above that teach this one, which is then a student; those that read other "
        "features teach by their embeddings",
    )
    joint: bool = Field(False, description="a student whose teacher is trained in the same loop")
    teacher_embeddings: Annotated[tuple[str, ...], BeforeValidator(_listed)] = Field(
        (), description="folders of stored embeddings, within the work folder, that teach this system, a student"
    )
    init: str | None = Field(None, description="system above whose network's weights this one begins with")
    data: Annotated[tuple[str, ...], BeforeValidator(_listed)] = Field(
        (),
        description="further sets to train on, as CORPUS/SET of the work folder's data/ and FEATURES/, where {fold} is "
        "the number of the fold",
    )
    fold_data: bool = Field(True, description="whether the fold's own training set is trained on; false: data alone")
    train: Options = Field((), description="further options of svtok train or train-student")
    features: str = Field("feats", description="folder of the features within the work folder: FEATURES/fold1/train")
    network: str | None = Field(None, description="system above whose network is taken; nothing is trained")
    warp: str | None = Field(None, description="folder of features, FEATURES/fold1/train, that are warped; no network")
    embeddings: str | None = Field(
        None, description="folder of stored embeddings, EMBEDDINGS/fold1/train, that are scored; no network"
    )
    extract: Options = Field((), description="further options of svtok extract-embeddings")
    scorer: Literal["score", "score-phrases"] = Field(
        "score", description="the command that scores: by embeddings, or by the network's posteriors of the phrases"
    )
    score: Options = Field((), description="further options of that command")
    fuse: Annotated[tuple[str, ...], BeforeValidator(_listed)] = Field(
        (), description="systems above whose scores are fused, fitted on the dev set; nothing is trained"
    )
    fusion: Options = Field((), description="further options of svtok fuse fit")

    @property
    def is_student(self) -> bool:
        return bool(self.teacher) or self.joint or bool(self.teacher_embeddings)

    @property
    def without_network(self) -> bool:
        return bool(self.warp or self.embeddings)

    @property
    def used(self) -> tuple[str, ...]:
        """The systems that this one needs."""
        if self.fuse or self.network:
            return self.fuse or (self.network or "",)
        return tuple(dict.fromkeys([*self.teacher, *filter(None, [self.init])]))

    @property
    def settings(self) -> list[str]:
        """The `key=value` settings that change the configuration; JSON is YAML as well."""
        return [f"{key}={json.dumps(value)}" for key, value in self.set.items()]

    def extracted_sets(self, scored: Sequence[str]) -> list[str]:
        """The sets whose embeddings are needed: those that are scored, and those that the scoring names."""
        if self.scorer == "score-phrases" or self.without_network:
            return []
        named = [name for name in ("train", "dev") if f"{{{name}_embeddings}}" in " ".join(self.score)]
        return list(dict.fromkeys([*named, *scored]))

    @model_validator(mode="after")
    def _check(self) -> System:
        wrong = []
        of_student = ("teacher", "joint", "teacher_embeddings")
        training = ("head", "config", "set", *of_student, "init", "train", "features", "data", "fold_data")
        of_network = ("network", "extract", "scorer")
        exclusive = (
            ("network", training),
            ("warp", (*training, *of_network)),
            ("embeddings", (*training, *of_network, "warp")),
            ("fuse", (*training, *of_network, "warp", "embeddings", "score")),
        )
        for name, useless in exclusive:
            given = [other for other in useless if other in self.model_fields_set]
            if getattr(self, name) and given:
                wrong.append(f"with {name}, {', '.join(given)} would do nothing and must go")
        if len(self.fuse) == 1 or (self.fusion and not self.fuse):
            wrong.append("a fusion has two or more systems in fuse")
        if self.scorer == "score-phrases" and self.extract:
            wrong.append("score-phrases takes no embeddings, so extract must go")
        if not self.fold_data and not self.data:
            wrong.append("without fold_data, data must name what is trained on")
        options = [*self.train, *self.teacher_embeddings, *self.extract, *self.score]
        for name in _placeholders(options):
            if name not in PLACEHOLDERS:
                wrong.append(unknown_name("placeholder", name, PLACEHOLDERS))
        wrong += [unknown_name("placeholder", name, ["fold"]) for name in _placeholders(self.data) if name != "fold"]
        if wrong:
            raise ValueError("; ".join(wrong))
        return self


def _placeholders(options: Iterable[str]) -> list[str]:
    """What stands in braces. Raises ValueError for a brace that is not closed."""
    return [name for option in options for _, name, _, _ in Formatter().parse(option) if name is not None]


class Plan(Section):
    """The plan of an ablation. Runs begin by rising seed, then fold, then in the order of the systems."""

    config: str | None = Field(None, description="training configuration of all systems that name none")
    folds: tuple[Annotated[int, Field(ge=1)], ...] = Field((1,), min_length=1, description="folds of the corpus")
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field((0,), min_length=1, description="seeds of the trainings")
    test_set: Literal["eval", "dev"] = Field("eval", description="the set whose trials are evaluated")
    gpu_jobs: int = Field(4, ge=1, description="runs at once on a GPU")
    systems: dict[str, System] = Field(min_length=1, description="by their names, teachers above their students")
    _folder: Path = PrivateAttr(Path())

    def networks_of(self, name: str) -> tuple[str, ...]:
        """The systems whose networks give the scores of a system: itself, another one, several in a fusion, or none."""
        system = self.systems[name]
        if system.without_network:
            return ()
        if system.fuse:
            return tuple(dict.fromkeys(owner for other in system.fuse for owner in self.networks_of(other)))
        return (system.network or name,)

    def file(self, name: str) -> Path:
        """A file that the plan names."""
        return (self._folder / name).absolute()

    def config_of(self, name: str) -> Path | None:
        """The configuration file of a system."""
        chosen = self.systems[name].config or self.config
        return self.file(chosen) if chosen else None

    def files_of(self, name: str) -> list[Path]:
        """The files of the plan's folder that the options of a system name, as {conf}/FILE."""
        system = self.systems[name]
        options = [*system.train, *system.extract, *system.score]
        return [self.file(option.removeprefix("{conf}/")) for option in options if option.startswith("{conf}/")]

    def settings_of(self, name: str) -> Config:
        """The whole training configuration of a system. Raises as `read_config`."""
        system = self.systems[name]
        default = "cls-sampled-dist" if system.is_student else None
        given = self.config_of(name), system.settings, system.head
        stored = bool(system.teacher_embeddings) or any(self.teaches_by_embeddings(name, one) for one in system.teacher)
        return read_config(*given, default_head=default, learns_stored=stored)

    def teaches_by_embeddings(self, name: str, teacher: str) -> bool:
        """Whether a teacher of a system reads other features than it does, so that it has to be heard beforehand."""
        (owner,) = self.networks_of(teacher)
        return self.systems[owner].features != self.systems[name].features


def read_plan(path: Path) -> Plan:
    """The plan in a YAML file. Raises ProblemsError with all that is wrong, the systems' configurations included."""
    plan = read_yaml(Plan, path)
    plan._folder = path.parent
    raise_problems([Problem(text, path) for text in _wrong(plan)])
    return plan


def _wrong(plan: Plan) -> list[str]:
    lists = {"folds": plan.folds, "seeds": plan.seeds}
    wrong = [f"{what} {list(each)}: one stands twice" for what, each in lists.items() if len(set(each)) < len(each)]
    above: list[str] = []
    for name, system in plan.systems.items():
        if not NAME.fullmatch(name):
            wrong.append(f"systems.{name}: a name may have letters, digits, '.', '_' and '-', and names a folder")
        if system.fuse and plan.test_set == "dev":
            wrong.append(f"systems.{name}: a fusion is fitted on the dev set, so test_set must not be dev")
        for other in system.used:
            if other not in above:
                known = unknown_name("system", other, above) if above else f"unknown system '{other}'"
                wrong.append(f"systems.{name}: {known}; a system stands below those that it uses")
            elif system.fuse and plan.systems[other].fuse:
                wrong.append(f"systems.{name}: {other} is a fusion itself; name the systems that it fuses")
            elif not system.fuse and plan.networks_of(other) != (other,):
                owners = ", ".join(plan.networks_of(other)) or "another"
                wrong.append(f"systems.{name}: {other} trains no network; name {owners}")
        wrong += [f"systems.{name}: {text}" for text in _wrong_settings(plan, name)]
        wrong += [
            f"systems.{name}: {file}: there is no such file" for file in plan.files_of(name) if not file.is_file()
        ]
        above.append(name)
    return wrong


def _wrong_settings(plan: Plan, name: str) -> list[str]:
    if plan.systems[name].network or plan.systems[name].without_network or plan.systems[name].fuse:
        return []
    try:
        plan.settings_of(name)
    except ProblemsError as error:
        return [str(problem) for problem in error.problems]
    except SvtokError as error:
        return [str(error)]
    return []


@dataclass(frozen=True, order=True)
class Run:
    """A system on a fold with a seed, in the order in which runs are begun."""

    seed: int
    fold: int
    place: int
    """Of the system in the plan."""
    system: str

    def __str__(self) -> str:
        return run_name(self.system, self.fold, self.seed)

    @property
    def folder(self) -> Path:
        """Within the work folder."""
        return EXPERIMENTS / str(self)

    def of(self, plan: Plan, system: str) -> Run:
        """The run of another system on the same fold with the same seed."""
        return Run(self.seed, self.fold, list(plan.systems).index(system), system)


def run_name(system: str, fold: int, seed: int) -> str:
    """What a run is called, which is also its folder under exp/.

    Args:
        system: its name in the plan.
        fold: the number of the fold.
        seed: of the training.
    """
    return f"fold{fold}/seed{seed}/{system}"


@dataclass(frozen=True)
class Choice:
    """Some folds, seeds and systems; what is empty is all."""

    folds: Sequence[int] = ()
    seeds: Sequence[int] = ()
    systems: Sequence[str] = ()

    def among(self, known: Choice) -> Choice:
        """The folds, seeds and systems chosen among the known ones. Raises ProblemsError with all that are unknown."""
        unknown = []
        for what in ("folds", "seeds", "systems"):
            names = [str(name) for name in getattr(known, what)]
            wrong = [str(name) for name in getattr(self, what) if str(name) not in names]
            unknown += [Problem(unknown_name(what.removesuffix("s"), name, names)) for name in wrong]
        raise_problems(unknown)
        return Choice(self.folds or known.folds, self.seeds or known.seeds, self.systems or known.systems)


def runs_of_plan(plan: Plan, choice: Choice) -> list[Run]:
    """The runs of a plan in their order, those chosen. Raises ProblemsError as `Choice.among`."""
    chosen = choice.among(all_of(plan))
    systems = [(place, name) for place, name in enumerate(plan.systems) if name in chosen.systems]
    return [Run(seed, fold, *system) for seed in chosen.seeds for fold in chosen.folds for system in systems]


def all_of(plan: Plan) -> Choice:
    """All folds, seeds and systems of a plan."""
    return Choice(plan.folds, plan.seeds, list(plan.systems))


def network_owners(plan: Plan, run: Run) -> list[Run]:
    """The runs that train the networks of a run: itself, the one whose network it takes, or several in a fusion."""
    return [run.of(plan, name) for name in plan.networks_of(run.system)]


def network_key(plan: Plan, name: str) -> str:
    """Hash of all settings of a system's network: another one is of a network that the plan does not ask for."""
    system = plan.systems[name]
    if system.network:
        return network_key(plan, system.network)
    asked = {
        "config": plan.settings_of(name).model_dump(mode="json", exclude_unset=True),
        "teachers": [network_key(plan, teacher) for teacher in system.teacher],
        **({"init": network_key(plan, system.init)} if system.init else {}),
        **_asked(plan, name, "joint", "teacher_embeddings", "train", "features", "data", "fold_data"),
    }
    return _hash(asked)


def run_key(plan: Plan, name: str) -> str:
    """Hash of what the plan asks of a system: its network, and how it is scored. Other results have another one."""
    system = plan.systems[name]
    if system.fuse:
        members = [run_key(plan, other) for other in system.fuse]
        return _hash({"members": members, "test_set": plan.test_set, **_asked(plan, name, "fusion")})
    if system.without_network:
        return _hash({"test_set": plan.test_set, **_asked(plan, name, "warp", "embeddings", "score")})
    options = _asked(plan, name, "extract", "scorer", "score")
    return _hash({"network": network_key(plan, name), "test_set": plan.test_set, **options})


def _asked(plan: Plan, name: str, *fields: str) -> dict[str, object]:
    """Those of the fields of a system that the plan sets, and a hash of the files that its options name."""
    tree = plan.systems[name].model_dump(mode="json", include=set(fields), exclude_defaults=True)
    files = plan.files_of(name)
    return {**tree, "files": sha256_of_files(files)} if files else tree


def _hash(tree: object) -> str:
    return hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()[:12]


def network(run: Run) -> Path:
    """The folder of the network that a run trains, within the work folder."""
    return run.folder / "network"
