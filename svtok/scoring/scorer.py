"""The scores of trials: a back-end, a way to enroll and, if wanted, a normalisation, composed.

Inner products of many trials are computed in memory that does not grow with trials times dimension.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from svtok.embeddings.store import Embeddings
from svtok.errors import SvtokError, first_few
from svtok.scoring.backend import Backend, Cosine, Enrollment, each_part, model_rows, utterance_rows
from svtok.scoring.normalise import Norm, cohort_statistics, symmetric_norm
from svtok.scoring.trials import TrialSides, trial_sides

if TYPE_CHECKING:
    from svtok.manifest.sets import PreparedSet

GATHER_ROWS = 2048
"""Trials a step when rows are gathered: both operands stay in the cache."""
DENSE_CELLS = 1 << 23
"""Cells of a block of the score matrix: 32 MB."""
DENSE_FROM = 1 / 30
"""From this share of the matrix's cells on, computing all cells is faster than gathering the rows of each trial."""


def inner_products(
    models: NDArray[np.float32],
    tests: NDArray[np.float32],
    model_index: NDArray[np.integer],
    test_index: NDArray[np.integer],
) -> NDArray[np.float32]:
    """Inner products of some pairs of rows.

    Args:
        models: (M, K).
        tests: (T, K).
        model_index: (N,), the row of `models` of each pair.
        test_index: (N,), the row of `tests` of each pair.

    Returns:
        (N,). Whether all products are computed or those asked for alone depends on how many these are.

    >>> rows = np.eye(3, dtype=np.float32)
    >>> inner_products(rows, 2 * rows, np.array([0, 0, 2]), np.array([0, 1, 2]))
    array([2., 0., 2.], dtype=float32)

    Memory beyond the arguments and the result: a block of fixed size (32 MB, or one row of T products where that is
    more), and 8 bytes a trial where the trials are many and not sorted by model.
    """
    if len(model_index) != len(test_index):
        raise ValueError(f"{len(model_index)} models for {len(test_index)} tests")
    scores = np.empty(len(model_index), dtype=np.float32)
    if len(scores) < DENSE_FROM * len(models) * len(tests):  # few: the two rows of each trial, a cacheful at a time
        for start in range(0, len(scores), GATHER_ROWS):
            few = slice(start, start + GATHER_ROWS)
            np.sum(models[model_index[few]] * tests[test_index[few]], axis=1, out=scores[few])
        return scores
    # many: all scores of a block of models, of which each trial picks its own
    order = None if np.all(model_index[1:] >= model_index[:-1]) else np.argsort(model_index, kind="stable")
    height = max(1, DENSE_CELLS // max(1, len(tests)))
    for top in range(0, len(models), height):
        block = models[top : top + height] @ tests.T  # (height, T)
        first, last = np.searchsorted(model_index, [top, top + height], sorter=order)
        of_block = slice(first, last) if order is None else order[first:last]
        scores[of_block] = block[model_index[of_block] - top, test_index[of_block]]
    return scores


@dataclass(frozen=True)
class Scorer:
    """How trials are scored. `backend` is one for all trials, or one for each phrase of a model."""

    backend: Backend | Mapping[str, Backend]
    enrollment: Enrollment = "mean-embedding"
    norm: Norm | None = None
    _cohorts: dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """What `_cohort_rows` gave, by phrase; made twice, and the same, where two threads ask at once."""

    @property
    def phrases(self) -> list[str] | None:
        """The phrases that back-end and cohort know, where they are by phrase; None: any."""
        known: list[set[str]] = []
        if isinstance(self.backend, Mapping):
            known.append(set(self.backend))
        if self.norm is not None and self.norm.by_phrase and self.norm.cohort.phrases is not None:
            known.append(set(self.norm.cohort.phrases))
        return sorted(set.intersection(*known)) if known else None

    def scores(self, sides: TrialSides) -> NDArray[np.float32]:
        """The score of each trial (N,).

        With a normalisation, the cohort is scored by the same back-end and enrollment as the trials. Raises SvtokError
        where the cohort, or that of a phrase, is too small, or a phrase has no back-end.
        """
        if self.norm is not None:
            self.norm.refuse_small(sides.phrases)
        if not isinstance(self.backend, Mapping) and not (self.norm and self.norm.by_phrase):
            return self._scores(sides, self.backend, "")
        self._refuse_unknown(sides)
        scores = np.empty(len(sides.model_index), dtype=np.float32)
        for phrase, trials, some in sides.by_phrase():
            backend = self.backend[phrase] if isinstance(self.backend, Mapping) else self.backend
            scores[trials] = self._scores(some, backend, phrase)
        return scores

    def _refuse_unknown(self, sides: TrialSides) -> None:
        """Raise SvtokError where models are of phrases that have no back-end."""
        unknown = sorted(set(sides.phrases) - set(self.backend)) if isinstance(self.backend, Mapping) else []
        if unknown:
            raise SvtokError(
                f"{len(unknown)} phrases of the models have no back-end: {first_few(unknown)}; it was fitted by "
                "phrase, on recordings that do not say them"
            )

    def _scores(self, sides: TrialSides, backend: Backend, phrase: str) -> NDArray[np.float32]:
        """Those of one back-end, the mean of those of its parts where it has several."""
        rows = [model_rows(backend, sides.enrolled, self.enrollment), utterance_rows(backend, sides.test_vectors)]
        if self.norm is not None:
            rows += self._cohort_rows(self.norm, backend, phrase)
        first, *others = zip(*(each_part(backend, some) for some in rows), strict=True)
        scores = self._scores_of_part(sides, *first)
        for part in others:
            scores += self._scores_of_part(sides, *part)
        if others:
            scores /= 1 + len(others)
        return scores

    def _scores_of_part(
        self, sides: TrialSides, models: NDArray[np.float32], tests: NDArray[np.float32], *cohort: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Scores of trials (N,), of rows (M, K) and (T, K); those of a cohort are (C, K) as models, and as tests."""
        scores = inner_products(models, tests, sides.model_index, sides.test_index)
        if self.norm is None:
            return scores
        as_models, as_tests = cohort
        of_models = cohort_statistics(models, as_tests, top=self.norm.top)
        of_tests = cohort_statistics(tests, as_models, top=self.norm.top)
        return symmetric_norm(scores, of_models, of_tests, sides.model_index, sides.test_index)

    def _cohort_rows(
        self, norm: Norm, backend: Backend, phrase: str
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The cohort for a phrase as models and as tests: (C, K) each. Made once."""
        if phrase not in self._cohorts:
            members = norm.cohort_of(phrase).members
            as_tests = backend.mean_tests(members.means(backend.project(members.vectors)))
            self._cohorts[phrase] = model_rows(backend, members, self.enrollment), as_tests
        return self._cohorts[phrase]


def score_trials(prepared: PreparedSet, embeddings: Embeddings) -> NDArray[np.float32]:
    """Cosine score of each trial of the set with mean embeddings, in the order of its trials: (N,).

    Raises SvtokError as `trial_sides`.
    """
    return Scorer(Cosine()).scores(trial_sides(prepared, embeddings))
