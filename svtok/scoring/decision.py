"""What scores decide: log likelihood ratios of speaker, phrase and both; and the threshold for a rate or a cost.

A decision is a calibration (`fusion`) and how the ratios of the trials that it was fitted on are spread. So a
threshold is found for any false-accept rate that these trials can show, or for any cost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from svtok.errors import SvtokError
from svtok.manifest.names import TARGET_TYPES
from svtok.metrics import Cost
from svtok.scoring.fusion import Fusion, TypedScores, fit_fusion

Aspect = Literal["speaker", "phrase", "together"]
"""What is decided: the right speaker (TC against IC), the right phrase (TC against TW), or both (TC against all)."""
NONTARGETS: dict[Aspect, tuple[str, ...]] = {
    "speaker": ("IC",),
    "phrase": ("TW",),
    "together": ("IC", "TW", "IW", "nontarget"),
}
"""The types of trials that are to be refused."""
SPEAKER_SCORES, PHRASE_SCORES = "scores of the embeddings", "scores of the phrase"
KEPT = 4000
"""Ratios that are kept of each type of trials."""
SURE = 30
"""Errors from which on their rate is within about 30 % (G. Doddington et al., "The NIST speaker recognition
evaluation", Speech Communication 31, 2000: the rule of 30)."""
NONE_AT_MOST = 3.7
"""Where none of N independent trials errs, the rate is below this over N in 97.5 % of cases (exp(-3.7) = 0.025)."""
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Ranked:
    """The ratios of N trials of a type as K of them, in falling order, each with how many it stands for.

    Those that decide are kept singly: the highest of non-targets, the lowest of targets. The further a ratio is from
    there, the more it stands for, of which it errs the most: error rates are at most some 0.5 % of themselves too high.
    """

    values: Array
    counts: NDArray[np.int32]

    @classmethod
    def of(cls, ratios: Array, *, targets: bool) -> Ranked:
        """The ratios (N,), in any order, of targets or of non-targets."""
        deciding = np.sort(-ratios if not targets else ratios)  # the deciding ones first
        places = np.unique(np.geomspace(1, len(ratios), min(KEPT, len(ratios))).astype(np.int64)) - 1
        if len(ratios) <= KEPT:
            places = np.arange(len(ratios))
        counts = np.diff(np.append(places, len(ratios))).astype(np.int32)
        kept = deciding[places]
        return cls(kept[::-1].copy(), counts[::-1].copy()) if targets else cls(-kept, counts)

    @property
    def number(self) -> int:
        """N."""
        return int(self.counts.sum())

    def accepted(self, threshold: float) -> float:
        """The share of the trials whose ratio is the threshold or more."""
        return float(self.counts[self.values >= threshold].sum() / self.number)

    def threshold(self, rate: float) -> float:
        """The threshold that accepts at most this share of non-targets: between the last accepted and the first
        refused; just above the highest where one of them would already be too many."""
        distinct, first = np.unique(-self.values, return_index=True)
        distinct = -distinct  # falling
        above = np.add.reduceat(self.counts, first).cumsum() / self.number  # the rate with each as the threshold
        accepted = int((above <= rate * (1 + 1e-9)).sum())
        if accepted == len(distinct):
            return float(distinct[-1])
        refused = float(distinct[accepted])
        higher = float(distinct[accepted - 1]) if accepted else refused
        return max((refused + higher) / 2, float(np.nextafter(refused, np.inf)))

    def at_most(self, threshold: float) -> float:
        """About how high the share accepted may be: `interval` without its costs, right where none is."""
        return self.accepted(threshold) + NONE_AT_MOST / self.number

    def interval(self, threshold: float) -> tuple[float, float]:
        """The share accepted, as low and as high as it may be in 95 % of cases, as if trials were independent
        (C. Clopper, E. Pearson, Biometrika 26, 1934)."""
        from scipy.special import betaincinv  # slow to load, and needed where a scorer is fitted

        number = self.number
        errors = self.accepted(threshold) * number
        low = float(betaincinv(errors, number - errors + 1, 0.025)) if errors else 0.0
        return low, float(betaincinv(errors + 1, number - errors, 0.975)) if errors < number else 1.0


@dataclass(frozen=True)
class Threshold:
    """Accept from `value` on, a natural-log likelihood ratio; and what it does on the trials of the fit."""

    value: float
    reason: str
    """What it was asked for by, such as `false-accept rate 1 %`."""
    false_accept_rate: float
    """The share of non-targets accepted, of each type by its share."""
    false_reject_rate: float
    """The share of targets refused."""
    note: str | None = None
    """What the trials of the fit cannot show, where they are few."""


@dataclass(frozen=True)
class Decision:
    """One aspect: how its scores become log likelihood ratios, and how those of the fit were spread, by type."""

    fusion: Fusion
    spread: Mapping[str, Ranked]

    def threshold(self, *, false_accept_rate: float | None = None, cost: Cost | None = None) -> Threshold:
        """The threshold for a rate of false acceptances or for a cost; with neither, for the cost of the fit.

        Args:
            false_accept_rate: as a fraction, of each type of non-targets by itself: neither impostors nor wrong phrases
                come in more often, however often each comes.
            cost: of errors, and the probability of a target: the threshold is Bayes'.

        Raises:
            SvtokError: both are given, or the rate is not between 0 and 1, or lower than the trials of the fit can
                show.
        """
        if false_accept_rate is not None:
            if cost is not None:
                raise SvtokError("a threshold is for a false-accept rate or for a cost, not for both")
            return self._for_rate(false_accept_rate)
        if cost is None:
            point = self.fusion.operating_point
            cost = Cost(point.c_miss, point.c_fa, point.p_target)
        reason = f"cost miss={cost.c_miss:g},false-alarm={cost.c_fa:g},prior={cost.p_target:g}"
        return self._at(cost.threshold, reason)

    def _for_rate(self, rate: float) -> Threshold:
        if not 0 < rate < 1:
            raise SvtokError(f"a false-accept rate is between 0 and 1, not {rate:g}")
        types = [self.spread[name] for name in self.fusion.shares]
        number = max(some.number for some in types)
        if rate * number < 1 - 1e-9:
            raise SvtokError(
                f"a false-accept rate of {100 * rate:g} % cannot be seen in {number} non-target trials of a type, "
                f"which show {100 / number:.2g} % at the least: ask for more, or for a cost, or fit the scorer on more "
                "trials"
            )
        value = max(some.threshold(rate) for some in types)
        return self._at(value, f"false-accept rate {100 * rate:g} %")

    def _at(self, value: float, reason: str) -> Threshold:
        shares = self.fusion.shares
        false_accepts = sum(share * self.spread[name].accepted(value) for name, share in shares.items())
        targets = [self.spread[name] for name in self.spread if name in TARGET_TYPES]
        number = sum(some.number for some in targets)
        false_rejects = 1 - sum(some.number * some.accepted(value) for some in targets) / number
        return Threshold(value, reason, false_accepts, false_rejects, self._note(value, false_rejects))

    def _note(self, value: float, false_rejects: float) -> str | None:
        """A word where the trials of the fit say little of a threshold; of non-targets, of the least certain type."""
        if false_rejects >= 1:
            return "no target trial of the fit reaches it: fit the scorer on more trials, or ask for less"
        shares = self.fusion.shares
        name = max(shares, key=lambda name: self.spread[name].at_most(value))
        number = self.spread[name].number
        errors = self.spread[name].accepted(value) * number
        if errors >= SURE:
            return None
        low, high = self.spread[name].interval(value)
        kind = "non-target" if len(shares) == 1 else name
        return (
            f"about {errors:.0f} of {number} {kind} trials of the fit reach it: the rate may be anything from "
            f"{100 * low:.2g} to {100 * high:.2g} %"
        )


def fit_decisions(
    by_type: TypedScores, *, cost: Cost, shares: Mapping[str, float] | None = None
) -> dict[Aspect, Decision]:
    """A decision of each aspect of which there are trials.

    `speaker` and `phrase` are calibrations of their own scores against IC and against TW; `together` is their fusion by
    the rule `both` of `svtok.scoring.fusion`, so that what either refuses is refused. Without scores of the phrase, it
    is the calibration of those of the embeddings against all non-targets.

    Args:
        by_type: of each type of trials, the scores of the embeddings (N, 1), or these and those of the phrase (N, 2).
        cost: what the fit is best for.
        shares: of the types of non-targets in `together`; None: each trial counts alike.

    Raises:
        SvtokError: as `fit_fusion`.
    """
    columns = next(iter(by_type.values())).shape[1]
    names = [SPEAKER_SCORES, PHRASE_SCORES][:columns]
    decisions: dict[Aspect, Decision] = {}
    own_aspects: tuple[Aspect, Aspect] = ("speaker", "phrase")
    for column, aspect in enumerate(own_aspects[:columns]):
        kinds = ("TC", *NONTARGETS[aspect])
        if all(kind in by_type for kind in kinds):
            own = {kind: by_type[kind][:, [column]] for kind in kinds}
            decisions[aspect] = decided(own, fit_fusion(own, [names[column]], rule="linear", shares=None, cost=cost))
    counted = [name for name in by_type if name not in TARGET_TYPES] if shares is None else list(shares)
    rule: Literal["linear", "both"] = "both" if columns > 1 and len(counted) > 1 else "linear"
    decisions["together"] = decided(by_type, fit_fusion(by_type, names, rule=rule, shares=shares, cost=cost))
    return decisions


def decided(by_type: TypedScores, fusion: Fusion) -> Decision:
    """The decision by a fusion, with the trials of the types that it was fitted on."""
    counted = {name: scores for name, scores in by_type.items() if name in TARGET_TYPES or name in fusion.shares}
    spread = {name: Ranked.of(fusion.llr(scores), targets=name in TARGET_TYPES) for name, scores in counted.items()}
    return Decision(fusion, spread)
