"""The scores of trials: a back-end, a way to enroll and, if wanted, a normalisation, composed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from svtok.embeddings.store import Embeddings
from svtok.scoring.backend import Backend, Enrollment, model_rows, utterance_rows
from svtok.scoring.cohort import Cohort, Norm
from svtok.scoring.cosine import Cosine
from svtok.scoring.normalise import cohort_statistics, symmetric_norm
from svtok.scoring.products import inner_products
from svtok.scoring.trials import TrialSides, trial_sides

if TYPE_CHECKING:
    from svtok.manifest.sets import PreparedSet


@dataclass(frozen=True)
class Scorer:
    """How trials are scored. `backend` is one for all trials, or one for each phrase of a model."""

    backend: Backend | Mapping[str, Backend]
    enrollment: Enrollment = "mean-embedding"
    norm: Norm | None = None

    def scores(self, sides: TrialSides) -> NDArray[np.float32]:
        """The score of each trial (N,).

        With a normalisation, the cohort is scored by the same back-end and enrollment as the trials. Raises SvtokError
        where the cohort, or that of a phrase, is too small.
        """
        if self.norm is not None:
            self.norm.refuse_small(sides.phrases)
        if not isinstance(self.backend, Mapping) and not (self.norm and self.norm.by_phrase):
            return self._scores(sides, self.backend, self.norm.cohort if self.norm else None)
        scores = np.empty(len(sides.model_index), dtype=np.float32)
        for phrase, trials, some in sides.by_phrase():
            backend = self.backend[phrase] if isinstance(self.backend, Mapping) else self.backend
            scores[trials] = self._scores(some, backend, self.norm.cohort_of(phrase) if self.norm else None)
        return scores

    def _scores(self, sides: TrialSides, backend: Backend, cohort: Cohort | None) -> NDArray[np.float32]:
        models = model_rows(backend, sides.enrolled, self.enrollment)
        tests = utterance_rows(backend, sides.test_vectors)
        scores = inner_products(models, tests, sides.model_index, sides.test_index)
        if cohort is None or self.norm is None:
            return scores
        as_tests = utterance_rows(backend, cohort.members.mean_embeddings())
        as_models = model_rows(backend, cohort.members, self.enrollment)
        of_models = cohort_statistics(models, as_tests, top=self.norm.top)
        of_tests = cohort_statistics(tests, as_models, top=self.norm.top)
        return symmetric_norm(scores, of_models, of_tests, sides.model_index, sides.test_index)


def score_trials(prepared: PreparedSet, embeddings: Embeddings) -> NDArray[np.float32]:
    """Cosine score of each trial of the set with mean embeddings, in the order of its trials: (N,).

    Raises SvtokError as `trial_sides`.
    """
    return Scorer(Cosine()).scores(trial_sides(prepared, embeddings))
