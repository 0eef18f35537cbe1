"""Calibration: scores made natural-log likelihood ratios by prior-weighted logistic regression. Functions of arrays.

N. Brümmer and J. du Preez, "Application-independent evaluation of speaker detection", Computer Speech & Language 20
(2006). The regression is on S scores of each trial; with one it is a calibration, with several a linear fusion
(N. Brümmer et al., "Fusion of heterogeneous speaker recognition systems in the STBU submission for the NIST speaker
recognition evaluation 2006", IEEE TASLP 15, 2007).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
MOST_SLOPE = 1e-6
"""The largest derivative of the cost that is taken for none."""


class Affine(NamedTuple):
    """The log likelihood ratio of scores (N, S) is scores @ weights + offset; weights (S,)."""

    weights: Array
    offset: float


def fit_affine(
    targets: Array, nontargets: Sequence[Array], shares: Sequence[float], *, prior: float, ridge: float = 0.0
) -> Affine:
    """The affine map from scores to natural-log likelihood ratios that costs least at a prior probability of a target.

    The cost is the cross-entropy of the posteriors that the ratios l give with the prior P:
        P E[log(1 + exp(-l - logit P)) | target] + (1 - P) E[log(1 + exp(l + logit P)) | non-target]
    (Brümmer and du Preez, 2006; with P = 0.5 it is Cllr), where the mean over non-targets takes each kind by its share.

    A finite sample can be separated without an error, and then the least cost is at infinite weights. So that no ratio
    says more than the sample can show, the expectations are not over the sample alone: of T targets, a share of
    1 / (T + 2) is taken to be like the non-targets (Laplace's rule of succession: the chance of what T trials have not
    shown), and of N non-targets 1 / (N + 2) like the targets. The ratios of a sample without an error are then between
    about 1 / T and N; on thousands of trials that overlap this changes next to nothing.

    Trials of a few speakers are far from independent, and the weights of systems that say nearly the same may then be
    anything, negative ones too. With a ridge r, the cost of the weights w, of scores brought to a deviation of 1, is r
    |w|^2 times the least of P and 1 - P more; then length and offset alone are fitted again without it. With a large r
    each system has the weight that it would have if the others said nothing.

    Args:
        targets: scores (T, S).
        nontargets: scores (N_k, S) of each of K kinds of non-targets.
        shares: (K,) of the kinds among non-targets; they sum to 1.
        prior: P, in (0, 1).
        ridge: r, at least 0; of one system it changes nothing.

    Returns:
        The map, whose ratios are natural logarithms.

    Raises:
        ValueError: a set without trials, a column of scores that are all the same, a prior outside of (0, 1).

    >>> targets, nontargets = np.array([[3.0], [2.0], [1.0], [0.0]]), np.array([[-1.0], [-2.0], [0.5], [-3.0]])
    >>> weights, offset = fit_affine(targets, [nontargets], [1], prior=0.5)
    >>> (targets @ weights + offset).round(1)
    array([ 2. ,  1.3,  0.6, -0.1])
    """
    if not 0 < prior < 1:
        raise ValueError(f"the prior of a target must be between 0 and 1, not {prior}")
    kinds = [targets, *nontargets]
    scores = np.concatenate(kinds)
    mean, deviation = scores.mean(axis=0), scores.std(axis=0)
    if not all(map(len, kinds)) or not (deviation > 0).all():
        raise ValueError(f"{[len(kind) for kind in kinds]} trials with deviations {deviation} cannot be separated")
    scores = np.column_stack([(scores - mean) / deviation, np.ones(len(scores))])  # (N, S + 1)
    for_target, for_nontarget = _evidence([len(kind) for kind in kinds], shares)
    evidence = prior * for_target, (1 - prior) * for_nontarget, float(np.log(prior) - np.log1p(-prior))
    ridge = ridge if scores.shape[1] > 2 else 0.0
    *weights, offset = _regression(scores, *evidence, ridge)
    if ridge:
        along = np.column_stack([scores[:, :-1] @ weights, np.ones(len(scores))])  # (N, 2)
        length, offset = _regression(along, *evidence)
        weights = [length * weight for weight in weights]
    own = np.array(weights) / deviation  # of the scores as they were
    return Affine(own, float(offset - own @ mean))


def _evidence(sizes: Sequence[int], shares: Sequence[float]) -> tuple[Array, Array]:
    """What each trial weighs (N,) as a target and (N,) as a non-target; both sum to 1. The first size is of targets."""
    count = sizes[0]
    unlike_target, unlike_nontarget = 1 / (count + 2), 1 / (sum(sizes[1:]) + 2)
    of_targets = np.repeat([1, *np.zeros(len(shares))], sizes) / count
    of_nontargets = np.repeat([0, *(share / size for share, size in zip(shares, sizes[1:], strict=True))], sizes)
    for_target = (1 - unlike_target) * of_targets + unlike_target * of_nontargets
    return for_target, (1 - unlike_nontarget) * of_nontargets + unlike_nontarget * of_targets


def _regression(rows: Array, for_target: Array, for_nontarget: Array, prior_odds: float, ridge: float = 0.0) -> Array:
    """The parameters (S + 1,) of least weighted cross-entropy on rows (N, S + 1), each with evidence for both sides.

    The ridge is on the squares of all but the last.
    """
    from scipy.optimize import minimize  # slow to load, and needed by those alone who fit
    from scipy.special import expit

    scale = 1 / min(for_target.sum(), for_nontarget.sum())  # so that any prior asks for the same accuracy
    both = for_target + for_nontarget
    penalty = ridge * np.array([*np.ones(rows.shape[1] - 1), 0.0])  # (S + 1,)

    def cost(parameters: Array) -> tuple[float, Array]:
        odds = rows @ parameters + prior_odds
        value = for_target @ np.logaddexp(0, -odds) + for_nontarget @ np.logaddexp(0, odds)
        slope = scale * (both * expit(odds) - for_target) @ rows
        return scale * value + penalty @ parameters**2, slope + 2 * penalty * parameters

    def curvature(parameters: Array) -> Array:
        posterior = expit(rows @ parameters + prior_odds)
        return scale * (rows.T * (both * posterior * (1 - posterior))) @ rows + 2 * np.diag(penalty)

    start = np.zeros(rows.shape[1])
    found = minimize(cost, start, jac=True, hess=curvature, method="trust-exact", options={"gtol": 1e-9})
    if np.abs(found.jac).max() > MOST_SLOPE:  # rounding of the cost may end the search shortly before gtol
        raise ValueError(f"the regression came to no end: {found.message}")
    return np.asarray(found.x, dtype=np.float64)
