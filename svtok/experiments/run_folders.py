"""The folders of the runs in a work folder, and whether what stands there is of the present plan, sets and features."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from svtok.config_errors import load_yaml
from svtok.experiments.commands import data, features, has_features
from svtok.experiments.plan import Plan
from svtok.experiments.runs import Run, network, network_key, network_owners
from svtok.features.store import ABOUT, INDEX
from svtok.files import sha256_of_files, write_text
from svtok.manifest.sets import MODELS_FILE, TRIALS_FILES, UTTERANCES_FILE, is_set
from svtok.training.network_folder import WEIGHTS

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
            utterances = pd.read_csv(tables / UTTERANCES_FILE, sep="\t", dtype=str, usecols=lambda name: name != "path")
            content = sha256_of_files(file for file in files if file.is_file())
            inputs = _hash(content, utterances.to_csv(index=False), str(about["features"]))
            self._inputs[place] = inputs, about["fingerprint"]
        return self._inputs[place]


def _hash(*texts: str) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:12]
