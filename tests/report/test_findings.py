"""Where the errors of a system are: thresholds, groups, the worst and the hardest, computed by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from svtok.manifest.sets import PreparedSet
from svtok.report.findings import (
    Measured,
    Trials,
    columns_of,
    equal_threshold,
    hardest,
    measure,
    rate_threshold,
    typical_target,
    worst,
)
from svtok.scoring.scores import write_scores

TRIALS = [
    # model, test, type, score; models are SPEAKER-PHRASE, utterances SPEAKER-PHRASE-TAKE
    ("ann-open", "ann-open-2", "TC", 0.9),
    ("ann-open", "ann-open-3", "TC", 0.1),
    ("ann-open", "bob-open-2", "IC", 0.7),
    ("ann-open", "bob-open-3", "IC", 0.65),
    ("bob-open", "bob-open-2", "TC", 0.8),
    ("bob-open", "bob-open-3", "TC", 0.6),
    ("bob-open", "ann-open-2", "IC", 0.2),
    ("bob-open", "ann-open-3", "IC", 0.0),
    ("bob-open", "bob-shut-2", "TW", 0.3),
]
THRESHOLD = 0.55


def prepared() -> PreparedSet:
    models = pd.DataFrame({"model": ["ann-open", "bob-open"]})
    models[["spk", "phrase"]] = models["model"].str.split("-", expand=True).to_numpy()
    models["utts"] = models["model"] + "-1"
    trials = pd.DataFrame([trial[:3] for trial in TRIALS], columns=["model", "utt", "type"]).astype("category")
    utts = sorted({*trials["utt"], *models["utts"]})
    utterances = pd.DataFrame({"utt": utts, "path": [f"{utt}.wav" for utt in utts]})
    utterances[["spk", "phrase", "session"]] = utterances["utt"].str.split("-", expand=True).to_numpy()
    return PreparedSet(utterances, models, trials, Path("data/mine/eval"))


@pytest.fixture
def trials() -> Trials:
    return Trials.of(prepared())


@pytest.fixture
def measured(tmp_path: Path, trials: Trials) -> Measured:
    table = trials.prepared.trials
    assert table is not None
    write_scores(tmp_path / "scores.tsv", table, np.array([trial[3] for trial in TRIALS]))
    found = measure(tmp_path / "scores.tsv", trials.prepared, ["session"], false_accept_rate=None, resamples=0, seed=0)
    return Measured(**{**vars(found), "threshold": THRESHOLD})


def test_the_threshold_of_equal_errors_misses_as_many_as_it_accepts() -> None:
    targets, nontargets = np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.0, 0.5, 1.5, 2.5])
    threshold = equal_threshold(targets, nontargets)
    assert (targets < threshold).mean() == (nontargets >= threshold).mean() == 0.25


def test_targets_that_are_all_below_the_non_targets_leave_a_threshold_above_all() -> None:
    assert equal_threshold(np.array([0.0]), np.array([1.0])) > 1


@pytest.mark.parametrize(("rate", "accepted"), [(0.24, 0), (0.25, 1), (0.5, 2), (0.9, 2)])
def test_a_false_accept_rate_is_held_and_ties_are_rejected(rate: float, accepted: int) -> None:
    nontargets = np.array([0.0, 0.0, 1.0, 2.0])
    assert (nontargets >= rate_threshold(nontargets, rate)).sum() == accepted


def test_columns_with_one_value_take_nothing_apart() -> None:
    assert columns_of(prepared()) == (["session"], [])  # models say one phrase


def test_groups_have_the_error_rates_of_their_trials(measured: Measured) -> None:
    by_session = {row.value: row.eer for row in measured.groups if row.name == "TC-vs-IC" and row.value}
    assert by_session == {"2": 0.0, "3": 0.5}
    assert {row.by for row in measured.conditions} == {None}


def test_the_worst_speakers_are_those_with_the_largest_shares_of_errors(measured: Measured, trials: Trials) -> None:
    ann, bob = worst(measured, trials, "spk", most=5)
    assert (ann.name, ann.targets, ann.missed, ann.nontargets, ann.accepted) == ("ann", 2, 1, 2, 2)
    assert (ann.claims, ann.claims_accepted) == (2, 0)
    assert (bob.name, bob.targets, bob.missed, bob.nontargets, bob.accepted) == ("bob", 2, 0, 3, 0)
    assert (bob.claims, bob.claims_accepted) == (2, 2)
    assert [one.name for one in worst(measured, trials, "spk", most=1)] == ["ann"]


def test_a_phrase_makes_no_claims(measured: Measured, trials: Trials) -> None:
    (only,) = worst(measured, trials, "phrase", most=5)
    assert (only.name, only.targets, only.missed, only.nontargets, only.accepted) == ("open", 4, 1, 5, 2)
    assert only.claims == 0


def test_the_hardest_trials_are_the_errors_farthest_from_the_threshold(measured: Measured, trials: Trials) -> None:
    accepted, other, rejected = hardest(measured, trials, most=5)
    assert (accepted.kind, accepted.test, accepted.enrolled, accepted.type) == (
        "false accept",
        "bob-open-2",
        "ann-open-1",
        "IC",
    )
    assert (other.kind, other.test) == ("false accept", "bob-open-3")
    assert (rejected.kind, rejected.test, rejected.score) == ("false reject", "ann-open-3", 0.1)
    assert [trial.test for trial in hardest(measured, trials, most=1)] == ["bob-open-2", "ann-open-3"]


def test_a_typical_target_has_the_median_score(measured: Measured, trials: Trials) -> None:
    assert typical_target(measured, trials) == "bob-open-3"
