"""The runs of a plan, each a system on a fold with a seed; and hashes of what the plan asks of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from svtok.errors import Problem, raise_problems, unknown_name
from svtok.experiments.plan import Plan
from svtok.files import sha256_of_files


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
        return Path("exp") / str(self)

    def of(self, plan: Plan, system: str) -> Run:
        """The run of another system on the same fold with the same seed."""
        return Run(self.seed, self.fold, list(plan.systems).index(system), system)


def run_name(system: str, fold: int, seed: int) -> str:
    """What a run is called, which is also its folder under exp/."""
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
    """What tells whether the network of a system is the one that the plan asks for: a hash of all its settings."""
    system = plan.systems[name]
    if system.network:
        return network_key(plan, system.network)
    asked = {
        "config": plan.settings_of(name).model_dump(mode="json", exclude_unset=True),
        "teachers": [network_key(plan, teacher) for teacher in system.teacher],
        **_asked(plan, name, "joint", "train", "features"),
    }
    return _hash(asked)


def run_key(plan: Plan, name: str) -> str:
    """What tells whether the results of a system are of what the plan asks for: its network, and how it is scored."""
    system = plan.systems[name]
    if system.fuse:
        members = [run_key(plan, other) for other in system.fuse]
        return _hash({"members": members, "test_set": plan.test_set, **_asked(plan, name, "fusion")})
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
