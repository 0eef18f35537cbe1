"""Intervals by resampling speakers, against trials that are really repeated."""

from __future__ import annotations

import numpy as np
import pytest

from svtok.metrics import (
    DCF08,
    Counts,
    count_trials,
    dcf08,
    eer,
    resampled_interval,
    resampled_rates,
    roc,
    speaker_intervals,
)
from svtok.metrics import bootstrap as module


class Trials:
    """A few speakers, each with targets, wrong phrases of the own, and impostors; with ties."""

    def __init__(self, speakers: int = 6, seed: int = 0, decimals: int = 1, each: int = 5) -> None:
        generator = np.random.default_rng(seed)
        model, test = (side.ravel() for side in np.indices((speakers, speakers)))
        self.model, self.test = np.repeat(model, each), np.repeat(test, each)
        self.is_target = (self.model == self.test) & (np.arange(len(self.model)) % each > 0)
        bias = generator.normal(0, 0.7, speakers)
        scores = generator.normal(2.0 * self.is_target + bias[self.model], 1)
        self.scores = scores.round(decimals)

    def counts(self) -> Counts:
        return count_trials(self.scores, self.is_target, np.zeros_like(self.model), self.model, self.test)


def test_a_draw_counts_each_trial_as_often_as_its_speakers_were_drawn() -> None:
    trials = Trials()
    drawn = np.array([0, 2, 1, 0, 3, 0])
    repeats = np.where(trials.model == trials.test, drawn[trials.model], drawn[trials.model] * drawn[trials.test])
    scores, is_target = np.repeat(trials.scores, repeats), np.repeat(trials.is_target, repeats)
    pairs = np.arange(36)
    weights = module._weights(drawn[:, np.newaxis], pairs)[:, 0]
    counts = trials.counts()
    weighted = np.zeros((2, counts.group.max() + 1))
    pair = counts.model_speaker * 6 + counts.test_speaker
    np.add.at(weighted, (counts.is_target.astype(int), counts.group), counts.trials * weights[pair])
    curve, _ = module._curves(weighted.reshape(-1, 1))
    expected = roc(scores[is_target], scores[~is_target])
    assert curve.eer().item() == pytest.approx(expected.eer().item(), abs=1e-12)
    assert curve.min_dcf(DCF08).item() == pytest.approx(expected.min_dcf(DCF08).item(), abs=1e-12)


def test_intervals_hold_the_estimate_and_repeat_with_the_seed() -> None:
    trials = Trials(speakers=12)
    first = speaker_intervals(trials.counts(), DCF08, resamples=200, seed=0)
    assert first.eer
    assert first.min_dcf
    (eer_low, eer_high), (dcf_low, dcf_high) = first.eer, first.min_dcf
    targets, nontargets = trials.scores[trials.is_target], trials.scores[~trials.is_target]
    assert 0 < eer_low < eer(targets, nontargets) < eer_high < 1
    assert 0 < dcf_low < dcf08(targets, nontargets) < dcf_high <= 1
    assert speaker_intervals(trials.counts(), DCF08, resamples=200, seed=0) == first
    assert speaker_intervals(trials.counts(), DCF08, resamples=200, seed=1) != first


def test_intervals_do_not_depend_on_the_order_of_the_trials_nor_on_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    trials = Trials()
    expected = speaker_intervals(trials.counts(), DCF08, resamples=50, seed=0)
    order = np.random.default_rng(0).permutation(len(trials.scores))
    for name in ("scores", "is_target", "model", "test"):
        setattr(trials, name, getattr(trials, name)[order])
    monkeypatch.setattr(module, "CELLS_A_BLOCK", 1000)
    assert speaker_intervals(trials.counts(), DCF08, resamples=50, seed=0) == expected


def test_more_speakers_give_a_narrower_interval() -> None:
    def width(speakers: int) -> float:
        interval = speaker_intervals(Trials(speakers).counts(), DCF08, resamples=200, seed=0).eer
        assert interval
        return interval[1] - interval[0]

    assert width(60) < 0.7 * width(10)


def test_the_interval_holds_the_true_rate_about_as_often_as_it_says() -> None:
    many = Trials(speakers=250, seed=1, decimals=6)
    true = eer(many.scores[many.is_target], many.scores[~many.is_target])
    held = 0
    for seed in range(2, 42):
        interval = speaker_intervals(Trials(25, seed, decimals=6).counts(), DCF08, resamples=100, seed=0).eer
        assert interval
        held += interval[0] <= true <= interval[1]
    assert held >= 0.8 * 40


def test_many_distinct_scores_are_grouped_at_little_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    trials = Trials(speakers=30, decimals=9, each=20)
    exact = speaker_intervals(trials.counts(), DCF08, resamples=100, seed=0)
    monkeypatch.setattr(module, "MOST_EDGES", 300)
    grouped = speaker_intervals(trials.counts(), DCF08, resamples=100, seed=0)
    assert grouped != exact
    np.testing.assert_allclose(np.array(grouped), np.array(exact), rtol=0.03)


def test_strata_are_taken_or_left() -> None:
    trials = Trials()
    stratum = np.where(trials.is_target, 0, np.where(trials.model == trials.test, 1, 2))
    counts = count_trials(trials.scores, trials.is_target, stratum, trials.model, trials.test)
    chosen = stratum != 1
    expected = count_trials(*(x[chosen] for x in (trials.scores, trials.is_target, stratum, trials.model, trials.test)))
    selected = counts.select([0, 2])
    assert selected.trials.sum() == chosen.sum()
    assert speaker_intervals(selected, DCF08, resamples=20, seed=0) == speaker_intervals(
        expected, DCF08, resamples=20, seed=0
    )


def test_one_speaker_alone_has_no_interval() -> None:
    zeros = np.zeros(4, dtype=int)
    counts = count_trials(np.arange(4.0), np.array([False, True, False, True]), zeros, zeros, zeros)
    assert speaker_intervals(counts, DCF08, resamples=10, seed=0) == (None, None)


def test_draws_without_both_classes_are_left_out() -> None:
    # the only non-target is between the two speakers, so only draws of both count, and all of them are alike
    counts = count_trials(
        scores=np.array([0.0, 2.0, 1.0]),
        is_target=np.array([True, True, False]),
        stratum=np.zeros(3, int),
        model_speaker=np.array([0, 1, 0]),
        test_speaker=np.array([0, 1, 1]),
    )
    assert speaker_intervals(counts, DCF08, resamples=20, seed=0) == ((0.5, 0.5), (0.5, 0.5))


def test_no_error_at_all_has_no_interval() -> None:
    trials = Trials()
    trials.scores = trials.is_target.astype(float)
    assert speaker_intervals(trials.counts(), DCF08, resamples=20, seed=0) == (None, None)


def test_one_class_alone_is_refused() -> None:
    trials = Trials()
    with pytest.raises(ValueError, match="target scores"):
        count_trials(trials.scores, np.zeros(len(trials.scores), bool), trials.model, trials.model, trials.test)
    stratum = trials.is_target.astype(int)
    counts = count_trials(trials.scores, trials.is_target, stratum, trials.model, trials.test)
    with pytest.raises(ValueError, match="target and non-target"):
        speaker_intervals(counts.select([1]), DCF08, resamples=1, seed=0)


def test_the_rates_of_each_draw_are_those_that_the_intervals_come_from() -> None:
    trials = Trials()
    rates = resampled_rates(trials.counts(), DCF08, resamples=50, seed=0)
    drawn = np.random.default_rng(0).multinomial(6, np.full(6, 1 / 6), 50)
    for draw in (0, 17, 49):
        of_model, of_test = drawn[draw][trials.model], drawn[draw][trials.test]
        repeats = np.where(trials.model == trials.test, of_model, of_model * of_test)
        scores, is_target = np.repeat(trials.scores, repeats), np.repeat(trials.is_target, repeats)
        assert rates.eer[draw] == pytest.approx(eer(scores[is_target], scores[~is_target]), abs=1e-12)
        assert rates.min_dcf[draw] == pytest.approx(dcf08(scores[is_target], scores[~is_target]), abs=1e-12)
    whole = eer(trials.scores[trials.is_target], trials.scores[~trials.is_target])
    intervals = speaker_intervals(trials.counts(), DCF08, resamples=50, seed=0)
    assert resampled_interval(rates.eer, whole) == intervals.eer


def test_draws_keep_their_places_where_some_have_no_trials() -> None:
    """Two speakers with impostors of each other only: a draw of one speaker twice has no non-target."""
    counts = count_trials(
        scores=np.array([0.0, 2.0, 1.0]),
        is_target=np.array([True, True, False]),
        stratum=np.zeros(3, int),
        model_speaker=np.array([0, 1, 0]),
        test_speaker=np.array([0, 1, 1]),
    )
    eers = resampled_rates(counts, DCF08, resamples=20, seed=0).eer
    drawn = np.random.default_rng(0).multinomial(2, [0.5, 0.5], 20)
    np.testing.assert_array_equal(np.isnan(eers), (drawn == 0).any(axis=1))
    assert 0 < np.isnan(eers).sum() < 20
