"""Thresholds for a rate or a cost, against counts by hand; and what trials are too few to show."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from svtok.errors import SvtokError
from svtok.metrics import Cost
from svtok.scoring.decision import KEPT, Decision, Ranked, fit_decisions
from svtok.scoring.fusion import Fusion

HALF = Cost(c_miss=1, c_fa=1, p_target=0.5)


def decision(spread: dict[str, list[float]], shares: dict[str, float]) -> Decision:
    """A decision on ratios that are what they are."""
    fusion = Fusion.model_validate(
        {
            "scores": ["s"],
            "trials": {name: len(ratios) for name, ratios in spread.items()},
            "operating_point": {"c_miss": 1, "c_fa": 1, "p_target": 0.5},
            "threshold": 0,
            "parts": [{"nontargets": shares, "weights": [1], "offset": 0}],
            "svtok": "0",
        }
    )
    ranked = {name: Ranked.of(np.array(ratios), targets=name == "TC") for name, ratios in spread.items()}
    return Decision(fusion, ranked)


def test_a_rate_is_kept_between_the_last_accepted_and_the_first_refused_non_target() -> None:
    some = decision({"TC": [0.5, 2.5, 4, 5], "IC": [3, 2, 1, 0]}, {"IC": 1})
    found = some.threshold(false_accept_rate=0.5)
    assert (found.value, found.false_accept_rate, found.false_reject_rate) == (1.5, 0.5, 0.25)
    assert some.threshold(false_accept_rate=0.7).value == 1.5
    assert some.threshold(false_accept_rate=0.25).value == 2.5
    assert found.reason == "false-accept rate 50 %"


def test_equal_ratios_are_accepted_or_refused_together() -> None:
    some = decision({"TC": [2.0], "IC": [1.0, 1.0, 1.0, 0.0]}, {"IC": 1})
    found = some.threshold(false_accept_rate=0.5)
    assert found.value == np.nextafter(1.0, 2)
    assert (found.false_accept_rate, found.false_reject_rate) == (0, 0)
    assert some.threshold(false_accept_rate=0.75).value == 0.5


def test_a_rate_is_kept_of_each_type_of_non_targets_whatever_its_share() -> None:
    spread = {"TC": [9.0], "IC": [4.0, 3.5, 1.0, 0.0], "TW": [3.0, 2.0, 1.0, 0.0]}
    some = decision(spread, {"IC": 0.01, "TW": 0.99})
    found = some.threshold(false_accept_rate=0.25)
    assert found.value == 3.75  # one of four IC, none of TW
    assert found.false_accept_rate == pytest.approx(0.0025)  # as they come


def test_a_type_too_few_to_show_the_rate_is_refused_to_its_highest_with_a_word() -> None:
    spread = {"TC": [9.0], "IC": list(np.linspace(0, 3, 100)), "IW": [5.0, 0.0]}
    found = decision(spread, {"IC": 0.5, "IW": 0.5}).threshold(false_accept_rate=0.02)
    assert found.value == np.nextafter(5.0, 6)
    assert found.note == "about 0 of 2 IW trials of the fit reach it: the rate may be anything from 0 to 84 %"


def test_a_rate_lower_than_one_trial_is_refused_with_the_least_there_is() -> None:
    some = decision({"TC": [1.0], "IC": [0.0] * 20}, {"IC": 1})
    with pytest.raises(SvtokError, match="1 % cannot be seen in 20 non-target trials of a type, which show 5 %"):
        some.threshold(false_accept_rate=0.01)
    some.threshold(false_accept_rate=0.05)


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1, float("nan")])
def test_a_rate_is_a_fraction(rate: float) -> None:
    with pytest.raises(SvtokError, match="between 0 and 1"):
        decision({"TC": [1.0], "IC": [0.0]}, {"IC": 1}).threshold(false_accept_rate=rate)


def test_few_errors_are_said_to_be_few_with_the_interval_of_clopper_and_pearson() -> None:
    some = decision({"TC": [3.0], "IC": [2.0, *np.linspace(0, 1, 19)]}, {"IC": 1})
    note = some.threshold(false_accept_rate=0.05).note
    assert note == "about 1 of 20 non-target trials of the fit reach it: the rate may be anything from 0.13 to 25 %"
    many = decision({"TC": [3.0], "IC": list(np.linspace(0, 1, 1000))}, {"IC": 1})
    assert many.threshold(false_accept_rate=0.03).note is None


def test_a_cost_gives_the_threshold_of_bayes_and_by_default_it_is_that_of_the_fit() -> None:
    some = decision({"TC": [3.0, -1.0], "IC": [2.0, -2.0]}, {"IC": 1})
    found = some.threshold(cost=Cost(c_miss=1, c_fa=10, p_target=0.5))
    assert found.value == pytest.approx(np.log(10))
    assert (found.false_accept_rate, found.false_reject_rate) == (0, 0.5)
    assert some.threshold().value == 0
    assert some.threshold().reason == "cost miss=1,false-alarm=1,prior=0.5"
    with pytest.raises(SvtokError, match="not for both"):
        some.threshold(false_accept_rate=0.5, cost=HALF)


def test_a_threshold_that_no_target_reaches_is_said_to_be_one() -> None:
    some = decision({"TC": [3.0], "IC": [2.0]}, {"IC": 1})
    note = some.threshold(cost=Cost(c_miss=1, c_fa=1, p_target=1e-6)).note
    assert note is not None
    assert note.startswith("no target trial of the fit reaches it")


@given(st.integers(KEPT + 1, 60_000), st.floats(1e-3, 1), st.integers(0, 9))
def test_rates_of_many_trials_are_never_too_low_and_at_most_a_little_too_high(
    number: int, rate: float, seed: int
) -> None:
    ratios = np.random.default_rng(seed).normal(size=number)
    threshold = float(np.quantile(ratios, 1 - rate))
    ranked = Ranked.of(ratios, targets=False)
    assert len(ranked.values) <= KEPT
    assert ranked.number == number
    true = float((ratios >= threshold).mean())
    assert true - 1e-9 <= ranked.accepted(threshold) <= 1.01 * true + 1e-9
    missed = float((ratios < -threshold).mean())
    assert missed - 1e-9 <= 1 - Ranked.of(ratios, targets=True).accepted(-threshold) <= 1.01 * missed + 1e-9


def scores_of(*means: tuple[float, ...], number: int = 200) -> dict[str, np.ndarray]:
    """Scores of the types of trials, normal around these means."""
    random = np.random.default_rng(0)
    names = ("TC", "IC", "TW", "IW")
    return {name: random.normal(size=(number, len(mean))) + mean for name, mean in zip(names, means, strict=False)}


def test_each_aspect_is_calibrated_on_its_own_types_of_trials() -> None:
    found = fit_decisions(scores_of((2, 2), (0, 2), (2, 0), (0, 0)), cost=HALF)
    assert {name: list(one.fusion.shares) for name, one in found.items()} == {
        "speaker": ["IC"],
        "phrase": ["TW"],
        "together": ["IC", "TW", "IW"],
    }
    assert set(found["phrase"].spread) == {"TC", "TW"}
    assert len(found["together"].fusion.parts) == 3  # what speaker or phrase refuses is refused


def test_without_scores_of_the_phrase_there_is_speaker_and_together() -> None:
    found = fit_decisions(scores_of((2,), (0,), (1,)), cost=HALF)
    assert set(found) == {"speaker", "together"}
    assert len(found["together"].fusion.parts) == 1


def test_of_trials_that_are_only_target_or_nontarget_there_is_together_alone() -> None:
    some = scores_of((2,), (0,))
    found = fit_decisions({"target": some["TC"], "nontarget": some["IC"]}, cost=HALF)
    assert set(found) == {"together"}
