"""Logistic regression against scikit-learn, and against likelihood ratios that are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from svtok.scoring.calibration import Affine, fit_affine


def normal_scores(seed: int, systems: int = 1) -> tuple[np.ndarray, list[np.ndarray]]:
    """Targets and two kinds of non-targets that overlap with them."""
    random = np.random.default_rng(seed)
    sizes, means = (40, 70, 30), (1.5, 0.0, 0.8)
    targets, *nontargets = (m + random.normal(size=(n, systems)) for m, n in zip(means, sizes, strict=True))
    return targets, nontargets


def reference(
    targets: np.ndarray, nontargets: list[np.ndarray], shares: list[float], prior: float, ridge: float = 1e-12
) -> Affine:
    """By scikit-learn: each trial is there twice, as a target and as a non-target, with the weights of the two."""
    rows, labels, weights = [], [], []
    unlike_target, unlike_nontarget = 1 / (len(targets) + 2), 1 / (sum(map(len, nontargets)) + 2)
    for kind, share, is_target in [
        (targets, 1.0, True),
        *((k, s, False) for k, s in zip(nontargets, shares, strict=True)),
    ]:
        for row in kind:
            as_target = 1 - unlike_target if is_target else unlike_target
            as_nontarget = unlike_nontarget if is_target else 1 - unlike_nontarget
            rows += [row, row]
            labels += [1, 0]
            weights += [prior * as_target * share / len(kind), (1 - prior) * as_nontarget * share / len(kind)]
    # it minimises |w|^2 / 2 + C sum(weight * loss), and fits better where the weights are large
    unit = 1e4 * min(prior, 1 - prior)
    model = LogisticRegression(C=1 / (2 * ridge * unit), solver="newton-cholesky", tol=1e-12, max_iter=1000)
    model.fit(np.array(rows), labels, sample_weight=1e4 * np.array(weights))
    return Affine(model.coef_[0], model.intercept_[0] - np.log(prior / (1 - prior)))


@pytest.mark.parametrize(("systems", "prior"), [(1, 0.5), (1, 0.01), (3, 0.1)])
def test_it_agrees_with_scikit_learn(systems: int, prior: float) -> None:
    targets, nontargets = normal_scores(1, systems)
    ours = fit_affine(targets, nontargets, [0.8, 0.2], prior=prior)
    expected = reference(targets, nontargets, [0.8, 0.2], prior)
    np.testing.assert_allclose(ours.weights, expected.weights, rtol=1e-4)
    assert ours.offset == pytest.approx(expected.offset, rel=1e-4)


@pytest.mark.parametrize("ridge", [0.01, 1.0])
def test_with_a_ridge_the_direction_is_that_of_scikit_learn_and_what_is_left_is_calibrated(ridge: float) -> None:
    targets, nontargets = normal_scores(1, 3)
    together = np.concatenate([targets, *nontargets])
    targets, *nontargets = ((kind - together.mean(axis=0)) / together.std(axis=0) for kind in (targets, *nontargets))
    ours = fit_affine(targets, nontargets, [0.8, 0.2], prior=0.1, ridge=ridge)
    expected = reference(targets, nontargets, [0.8, 0.2], 0.1, ridge).weights
    np.testing.assert_allclose(
        ours.weights / np.linalg.norm(ours.weights), expected / np.linalg.norm(expected), rtol=1e-3
    )
    fused = [(kind @ ours.weights)[:, None] + ours.offset for kind in (targets, *nontargets)]
    again = fit_affine(fused[0], fused[1:], [0.8, 0.2], prior=0.1)
    assert again.weights[0] == pytest.approx(1, abs=1e-4)
    assert again.offset == pytest.approx(0, abs=1e-4)


def test_a_ridge_gives_systems_that_say_the_same_the_same_weight_and_one_system_its_own() -> None:
    random = np.random.default_rng(0)
    targets, nontargets = random.normal(2, 1, (300, 1)), random.normal(0, 1, (300, 1))
    noise = [0.01 * random.normal(size=(300, 2)) for _ in range(2)]
    twice = targets + noise[0], [nontargets + noise[1]]
    assert np.ptp(fit_affine(*twice, [1], prior=0.5).weights) > 5  # as the noise has it
    assert np.ptp(fit_affine(*twice, [1], prior=0.5, ridge=1).weights) < 0.01
    one, kept = (fit_affine(targets, [nontargets], [1], prior=0.5, ridge=ridge) for ridge in (0, 1))
    assert kept == one


@pytest.mark.parametrize("prior", [0.5, 0.05])
def test_scores_of_two_values_get_their_likelihood_ratios_whatever_the_prior(prior: float) -> None:
    # targets: 3 of 4 are 1. Non-targets: 1 of 2, and 1 of 6, with shares 0.4 and 0.6, so 0.3 of all are 1
    targets = np.array([[1.0], [1], [1], [0]])
    nontargets = [np.array([[1.0], [0]]), np.array([[1.0], [0], [0], [0], [0], [0]])]
    fitted = fit_affine(targets, nontargets, [0.4, 0.6], prior=prior)
    of_target = 5 / 6 * 3 / 4 + 1 / 6 * 0.3  # one in 4 + 2 is taken to be like the non-targets
    of_nontarget = 9 / 10 * 0.3 + 1 / 10 * 3 / 4  # one in 8 + 2 like the targets
    assert fitted.offset == pytest.approx(np.log((1 - of_target) / (1 - of_nontarget)), abs=1e-6)
    assert fitted.weights[0] + fitted.offset == pytest.approx(np.log(of_target / of_nontarget), abs=1e-6)


def test_a_sample_without_an_error_gives_ratios_no_larger_than_it_can_show() -> None:
    targets, nontargets = np.full((10, 1), 7.0), np.full((50, 1), 3.0)
    fitted = fit_affine(targets, [nontargets], [1], prior=0.1)
    assert np.exp(fitted.weights[0] * 7 + fitted.offset) == pytest.approx(11 / 12 * 52)
    assert np.exp(fitted.weights[0] * 3 + fitted.offset) == pytest.approx(52 / 51 / 12)


def test_normal_scores_get_the_ratio_of_their_densities() -> None:
    # log N(x; 2, 1) / N(x; 0, 1) = 2 x - 2
    random = np.random.default_rng(0)
    targets, nontargets = random.normal(2, 1, (20_000, 1)), random.normal(0, 1, (50_000, 1))
    fitted = fit_affine(targets, [nontargets], [1], prior=0.2)
    assert fitted.weights[0] == pytest.approx(2, rel=0.05)
    assert fitted.offset == pytest.approx(-2, rel=0.05)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 1000), st.floats(0.01, 0.99), st.floats(0.01, 100), st.floats(-100, 100))
def test_calibrating_again_changes_nothing_and_the_unit_of_the_scores_does_not_matter(
    seed: int, prior: float, unit: float, shift: float
) -> None:
    targets, nontargets = normal_scores(seed)
    fitted = fit_affine(targets, nontargets, [0.5, 0.5], prior=prior)
    calibrated = [kind @ fitted.weights[:, None] + fitted.offset for kind in (targets, *nontargets)]
    again = fit_affine(calibrated[0], calibrated[1:], [0.5, 0.5], prior=prior)
    assert again.weights[0] == pytest.approx(1, abs=1e-4)
    assert again.offset == pytest.approx(0, abs=1e-4)
    other = fit_affine(unit * targets + shift, [unit * kind + shift for kind in nontargets], [0.5, 0.5], prior=prior)
    assert other.weights[0] * unit == pytest.approx(fitted.weights[0], rel=1e-3, abs=1e-4)


def test_what_cannot_be_fitted_is_refused() -> None:
    targets, nontargets = normal_scores(0)
    with pytest.raises(ValueError, match="between 0 and 1, not 1"):
        fit_affine(targets, nontargets, [0.5, 0.5], prior=1)
    with pytest.raises(ValueError, match=r"\[2, 2\] trials .* cannot be separated"):
        fit_affine(np.ones((2, 1)), [np.ones((2, 1))], [1], prior=0.5)
    with pytest.raises(ValueError, match=r"\[40, 0\] trials"):
        fit_affine(targets, [np.empty((0, 1))], [1], prior=0.5)
