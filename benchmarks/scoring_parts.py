"""The single comparisons of `python -m benchmarks scoring`."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from benchmarks import scoring_peers
from benchmarks.sidebyside import Comparison, compare
from svtok.embeddings.enroll import normalise_length
from svtok.manifest import tables
from svtok.metrics import DCF08, roc
from svtok.scoring import scores as score_files
from svtok.scoring.normalise import cohort_statistics
from svtok.scoring.scorer import inner_products

DIM = 256
TOP = 300
SECONDS = {"ns": 1e9, "us": 1e6}


class Row(NamedTuple):
    """A line of the table; `ours` and `peer` are in `unit`, less is better, and `ratio` says how many times less."""

    name: str
    ours: float
    peer: float
    ratio: float
    unit: str
    against: str


def _row(found: Comparison, unit: str) -> Row:
    factor = SECONDS[unit.partition("/")[0]]
    return Row(found.what, found.our_seconds * factor, found.peer_seconds * factor, found.ratio, unit, found.peer)


def some_trials(count: int) -> pd.DataFrame:
    """So many trials of 1,710 models and 10,260 tests with names as in RSR2015, sorted, with a type each."""
    generator = np.random.default_rng(0)
    models = [f"m{speaker}_{phrase:03d}" for speaker in range(101, 158) for phrase in range(31, 61)]
    utts = sorted(f"{model[:4]}_{session:02d}_{model[5:]}" for model in models for session in (2, 3, 5, 6, 8, 9))
    cells = np.sort(generator.choice(len(models) * len(utts), count, replace=False))
    codes = {"model": (cells // len(utts), models), "utt": (cells % len(utts), utts)}
    codes["type"] = (generator.integers(4, size=count), ["TC", "TW", "IC", "IW"])
    return pd.DataFrame({name: pd.Categorical.from_codes(one, pd.Index(names)) for name, (one, names) in codes.items()})


def read_trials(folder: Path, trials: pd.DataFrame, rounds: int) -> Row:
    path = folder / "trials.tsv"
    tables.write_trials(trials, path)
    found = compare(
        "read-trials",
        "a loop over lines, dictionaries",
        theirs=lambda: scoring_peers.read_trials(path),
        ours=lambda: tables.read_trials(path),
        rounds=rounds,
        items=(len(trials), len(trials)),
    )
    return _row(found, "ns/line")


def write_scores(folder: Path, trials: pd.DataFrame, rounds: int) -> Row:
    scores = np.random.default_rng(0).uniform(-1, 1, len(trials)).astype(np.float32)
    found = compare(
        "write-scores",
        "a loop over trials",
        theirs=lambda: scoring_peers.write_scores(folder / "theirs.tsv", trials["model"], trials["utt"], scores),
        ours=lambda: score_files.write_scores(folder / "ours.tsv", trials, scores),
        rounds=rounds,
        items=(len(trials), len(trials)),
    )
    return _row(found, "ns/line")


def cosine_trials(count: int, their_count: int, rounds: int) -> Row:
    """The peer, of which each trial takes as long as the next, is given fewer of them."""
    generator = np.random.default_rng(0)
    models, tests = (generator.normal(size=(size, DIM)).astype(np.float32) for size in (3_000, 10_000))
    model, test = np.divmod(np.sort(generator.choice(len(models) * len(tests), count, replace=False)), len(tests))
    some = generator.choice(count, their_count, replace=False)
    found = compare(
        "cosine-trials",
        "a call of scikit-learn each",
        theirs=lambda: scoring_peers.cosines(models, tests, model[some], test[some]),
        ours=lambda: inner_products(normalise_length(models), normalise_length(tests), model, test),
        rounds=rounds,
        items=(their_count, count),
    )
    return _row(found, "us/trial")


def eer_and_min_dcf(count: int, rounds: int) -> Row:
    """One score in twenty is a target's."""
    generator = np.random.default_rng(0)
    is_target = generator.random(count) < 0.05
    scores = (generator.normal(size=count) + 2.9 * is_target).astype(np.float32)

    def ours() -> tuple[float, float]:
        curve = roc(scores[is_target], scores[~is_target], costs=[DCF08])
        return curve.eer().item(), curve.min_dcf(DCF08).item()

    found = compare(
        "eer-mindcf",
        "a full argsort",
        theirs=lambda: scoring_peers.eer_and_min_dcf(scores, is_target),
        ours=ours,
        rounds=rounds,
        items=(count, count),
    )
    return _row(found, "ns/score")


def as_norm(name: str, cohort_size: int, count: int, rounds: int) -> Row:
    generator = np.random.default_rng(0)
    vectors, cohort = (generator.normal(size=(size, DIM)).astype(np.float32) for size in (count, cohort_size))
    top = min(TOP, cohort_size // 2)
    found = compare(
        name,
        "one matrix, full sort",
        theirs=lambda: scoring_peers.as_norm_statistics(vectors, cohort, top),
        ours=lambda: cohort_statistics(normalise_length(vectors), normalise_length(cohort), top=top),
        rounds=rounds,
        items=(count, count),
    )
    return _row(found, "us/embedding")
