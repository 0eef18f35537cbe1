"""The rows of a run that ended, from the files that it left."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

import svtok
from svtok.errors import SvtokError
from svtok.experiments.commands import data, evaluation, scores
from svtok.experiments.plan import Plan, Run, network, network_owners, run_key
from svtok.experiments.results import CONDITIONS, RESAMPLED, Row
from svtok.manifest.sets import PreparedSet, read_set
from svtok.manifest.trial_types import TARGET_TYPES
from svtok.metrics import DCF08, resampled_rates
from svtok.report.evaluate import CONDITIONS as NONTARGETS
from svtok.report.evaluate import read_evaluation
from svtok.report.labelled import label_with_set, take_apart
from svtok.trained.folder import LOG, load_network, read_training_log

PACKAGE_ROOT = Path(svtok.__file__).resolve().parents[1]
"""Where svtok is imported from: here, and so in the processes begun in other folders."""
DRAWS = 200
"""Draws of the speakers that a row keeps."""
DIGITS = 6
"""Decimals of the error rates that a row keeps: more than any corpus resolves, and a smaller file."""


def rows_of(plan: Plan, run: Run, work: Path, *, hardware: str, commit: str) -> list[Row]:
    """A row for each condition in which a run was evaluated, in the order of `CONDITIONS`.

    Args:
        plan: of the run.
        run: one that has ended.
        work: the folder that it was run in.
        hardware: see `hardware_name`.
        commit: see `commit_of_checkout`.

    Raises:
        SvtokError: a file is missing or not as it should be.
    """
    owners = network_owners(plan, run)
    networks = [load_network(work / network(owner)) for owner in owners]
    parameters = sum(p.numel() for each in networks for p in each.network.parameters())
    precisions = sorted({each.config.training.precision for each in networks})
    seconds = training_seconds(work / network(run)) if owners == [run] else 0.0
    draws = resampled_eers(
        work / scores(run.folder, plan.test_set), read_set(work / data(run, plan.test_set)), run.fold
    )
    evaluated = read_evaluation(work / evaluation(plan, run))
    found = [condition for condition in map(evaluated.condition, CONDITIONS) if condition]
    return [
        Row(
            **about_run(plan, run),
            condition=condition.name,
            targets=condition.targets,
            nontargets=condition.nontargets,
            eer=round(condition.eer, DIGITS),
            dcf08=round(condition.dcf08, DIGITS),
            parameters=parameters,
            seconds=seconds,
            hardware=hardware,
            precision=" and ".join(precisions) or None,
            commit=commit,
            corpus=evaluated.corpus,
            eer_resampled=draws[condition.name].eers if condition.name in draws else None,
            speakers=draws[condition.name].speakers if condition.name in draws else None,
        )
        for condition in found
    ]


def about_run(plan: Plan, run: Run) -> dict[str, Any]:
    """What every row of a run holds, whether the run ended well or not."""
    about = {"system": run.system, "fold": run.fold, "seed": run.seed}
    return {**about, "settings": run_key(plan, run.system), "test_set": plan.test_set}


class Draws(NamedTuple):
    """The EER in each draw of some speakers, None for a draw without trials; and how many speakers there are."""

    eers: list[float | None]
    speakers: int


def resampled_eers(path: Path, prepared: PreparedSet, fold: int) -> dict[str, Draws]:
    """By condition, the EER of the scores in `path` in each draw of the set's speakers.

    The fold and its list of speakers are the seed: all scores of the set's trials see the same draws, and other folds
    see others.

    Args:
        path: a table of scores.
        prepared: the set of their trials.
        fold: the number of the fold, from which the draws are seeded.

    Returns:
        Of each condition in `RESAMPLED` that has targets and non-targets, `DRAWS` EERs between 0 and 1; None for a
            draw that leaves no target or no non-target trial.

    Raises:
        SvtokError: the set has no models or trials.
        ProblemsError: the scores are not those of its trials.
    """
    strata = take_apart(label_with_set(path, prepared, by=[]), None, with_counts=True)
    assert strata.counts is not None
    models, _ = prepared.protocol()
    names = "\n".join([str(fold), *sorted(set(models["spk"]))])
    seed = int.from_bytes(hashlib.sha256(names.encode()).digest()[:8], "big")
    eers = {}
    for condition in RESAMPLED:
        targets, nontargets = (strata.places(types, None) for types in (TARGET_TYPES, NONTARGETS[condition]))
        if targets and nontargets:
            counts = strata.counts.select([*targets, *nontargets])
            drawn = resampled_rates(counts, DCF08, resamples=DRAWS, seed=seed).eer
            eers[condition] = Draws([None if np.isnan(eer) else float(eer) for eer in drawn], counts.speakers)
    return eers


def training_seconds(folder: Path) -> float:
    """The time that all epochs of a training took together."""
    epochs = read_training_log(folder)
    if "seconds" not in epochs or epochs["seconds"].isna().any():
        raise SvtokError(f"{folder / LOG}: damaged (an epoch without 'seconds'); train the network again")
    return round(sum(epochs["seconds"].tolist()), 1)


def hardware_name(device: torch.device, threads: int) -> str:
    """The GPU, or the processor and how many threads a run has."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{_processor()}, {threads} thread{'' if threads == 1 else 's'}"


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def commit_of_checkout() -> str:
    """The commit of the checkout that svtok runs from, '-dirty' where the package differs from it; else 'unknown'."""
    if not (PACKAGE_ROOT / ".git").exists():
        return "unknown"
    described = _git(PACKAGE_ROOT, "describe", "--always", "--abbrev=10")
    changed = _git(PACKAGE_ROOT, "status", "--porcelain", "--", "svtok")
    return f"{described.stdout.strip()}{'-dirty' if changed.stdout else ''}" if described.returncode == 0 else "unknown"


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
