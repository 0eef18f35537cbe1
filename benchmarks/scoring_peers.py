"""How scoring is usually done: the algorithms of other toolkits, written again from their description."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def read_trials(path: Path) -> tuple[Array, Array, Array]:
    """A loop over the lines, names looked up in dictionaries: the numbers of model, utterance and type of each.

    As in svtok, a trial that is there twice is refused.
    """
    models: dict[str, int] = {}
    utts: dict[str, int] = {}
    types: dict[str, int] = {}
    columns: tuple[list[int], list[int], list[int]] = ([], [], [])
    seen = set()
    with open(path, encoding="utf-8") as lines:
        next(lines)
        for line in lines:
            model, utt, type_ = line.split()
            trial = models.setdefault(model, len(models)), utts.setdefault(utt, len(utts))
            if trial in seen:
                raise ValueError(f"{model} {utt} is there twice")
            seen.add(trial)
            columns[0].append(trial[0])
            columns[1].append(trial[1])
            columns[2].append(types.setdefault(type_, len(types)))
    first, second, third = (np.array(column) for column in columns)
    return first, second, third


def write_scores(path: Path, models: Any, utts: Any, scores: Array) -> None:
    """A loop over the trials that writes a line each."""
    with open(path, "w", encoding="utf-8") as lines:
        lines.write("model\tutt\tscore\n")
        for model, utt, score in zip(models, utts, scores, strict=True):
            lines.write(f"{model}\t{utt}\t{score}\n")


def cosines(models: Array, tests: Array, model_index: Array, test_index: Array) -> list[float]:
    """One call of scikit-learn a trial, as in WeSpeaker and 3D-Speaker."""
    from sklearn.metrics.pairwise import cosine_similarity

    return [
        cosine_similarity(models[model].reshape(1, -1), tests[test].reshape(1, -1))[0][0]
        for model, test in zip(model_index, test_index, strict=True)
    ]


def eer_and_min_dcf(scores: Array, is_target: Array) -> tuple[float, float]:
    """All scores and labels sorted by argsort, and the rates after each of them, as in WeSpeaker and 3D-Speaker."""
    labels = is_target[np.argsort(scores)].astype(np.float64)
    p_miss = np.cumsum(labels) / labels.sum()
    p_fa = 1 - np.cumsum(1 - labels) / (len(labels) - labels.sum())
    excess = p_miss - p_fa
    after, before = np.flatnonzero(excess >= 0)[0], np.flatnonzero(excess < 0)[-1]
    share = excess[after] / (excess[after] - excess[before])
    eer = p_miss[after] + share * (p_miss[before] - p_miss[after])
    return float(eer), float(np.min(10 * 0.01 * p_miss + 0.99 * p_fa) / 0.1)


def as_norm_statistics(vectors: Array, cohort: Array, top: int) -> tuple[Array, Array]:
    """All scores against the cohort in one matrix, each row sorted as a whole, as in WeSpeaker."""
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cohort = cohort / np.linalg.norm(cohort, axis=1, keepdims=True)
    highest = np.sort(np.matmul(vectors, cohort.T), axis=1)[:, ::-1][:, :top]
    return np.mean(highest, axis=1), np.std(highest, axis=1)
