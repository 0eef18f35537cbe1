from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from svtok.report.labelled import LabelledScores

TRIALS = [
    # type, gender of the model, speaker of the model, speaker of the test, score
    ("TC", "f", 0, 0, 0.9),
    ("TC", "f", 1, 1, 0.4),
    ("TC", "m", 2, 2, 0.8),
    ("TC", "m", 3, 3, 0.7),
    ("IC", "f", 0, 1, 0.5),
    ("IC", "f", 1, 0, 0.1),
    ("IC", "m", 2, 3, 0.2),
    ("IC", "m", 3, 2, 0.3),
    ("TW", "f", 0, 0, 0.0),
    ("TW", "m", 2, 2, 0.75),
]


def labelled_scores(trials: list[tuple[str, str, int, int, float]] = TRIALS, *, genders: bool = True) -> LabelledScores:
    types, gender, model_speaker, test_speaker, scores = zip(*trials, strict=True)
    return LabelledScores(
        score=np.array(scores),
        type=pd.Categorical(types),
        columns={"gender": pd.Categorical(gender)} if genders else {},
        model_speaker=np.array(model_speaker, dtype=np.int32),
        test_speaker=np.array(test_speaker, dtype=np.int32),
        resampled="speakers",
    )


@pytest.fixture
def labelled() -> LabelledScores:
    return labelled_scores()
