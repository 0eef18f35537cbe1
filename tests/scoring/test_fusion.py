"""Rules, their file, and what they refuse."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from svtok.errors import ProblemsError, SvtokError
from svtok.metrics import DCF08, Cost
from svtok.scoring.calibration import fit_affine
from svtok.scoring.fusion import Fusion, fit_fusion, read_fusion, write_fusion

POINT = {"c_miss": 10, "c_fa": 1, "p_target": 0.01}
numbers = st.floats(-50, 50)


def fusion(*parts: tuple[dict[str, float], tuple[float, ...], float]) -> Fusion:
    return Fusion.model_validate(
        {
            "scores": [f"{number}.tsv" for number in range(len(parts[0][1]))],
            "trials": {"TC": 2},
            "operating_point": POINT,
            "threshold": DCF08.threshold,
            "parts": [{"nontargets": n, "weights": w, "offset": o} for n, w, o in parts],
            "svtok": "0",
        }
    )


def typed(seed: int = 0, size: int = 300) -> dict[str, np.ndarray]:
    """A score of the speaker and one of the phrase, high where they are right, for each type of trials."""
    random = np.random.default_rng(seed)
    means = {"TC": (2, 2), "TW": (2, 0), "IC": (0, 2), "IW": (0, 0)}
    return {name: mean + random.normal(size=(size, 2)) for name, mean in means.items()}


def fit(scores: dict[str, np.ndarray], rule: str = "linear", shares: dict[str, float] | None = None) -> Fusion:
    names = ["speaker.tsv", "phrase.tsv"][: scores["TC"].shape[1]]
    return fit_fusion(scores, names, rule=rule, shares=shares, cost=DCF08)  # type: ignore[arg-type]


def test_several_parts_are_joined_as_the_mixture_of_their_hypotheses() -> None:
    # the speaker is right at odds of 4 to 1, the phrase at 2 to 1, and both against an impostor with another: 8 to 1
    rule = fusion(({"IC": 0.5}, (1, 0), 0), ({"TW": 0.3}, (0, 1), 0), ({"IW": 0.2}, (1, 1), 0))
    scores = np.log([[4.0, 2.0]])
    assert np.exp(rule.llr(scores)) == pytest.approx(1 / (0.5 / 4 + 0.3 / 2 + 0.2 / 8))


def test_one_part_is_a_weighted_sum() -> None:
    rule = fusion(({"IC": 0.5, "TW": 0.5}, (2, -1), 0.5))
    np.testing.assert_allclose(rule.llr(np.array([[1.0, 3.0], [0.0, 0.0]])), [-0.5, 0.5])


def test_what_one_part_refuses_no_other_makes_up_for() -> None:
    both = fusion(({"IC": 0.5}, (1, 0), 0), ({"TW": 0.5}, (0, 1), 0))
    linear = fusion(({"IC": 0.5, "TW": 0.5}, (1, 1), 0))
    right_speaker_wrong_phrase = np.array([[1000.0, -5.0]])
    assert both.llr(right_speaker_wrong_phrase) == pytest.approx(-5 + np.log(2))
    assert linear.llr(right_speaker_wrong_phrase) > 900


@given(
    st.lists(st.tuples(st.floats(0.01, 1), st.floats(0, 10), st.floats(0, 10), numbers), min_size=1, max_size=3),
    st.tuples(numbers, numbers),
    st.integers(0, 1),
    st.floats(0.1, 10),
)
def test_with_positive_weights_a_higher_score_never_lowers_the_result(
    parts: list[tuple[float, ...]], scores: tuple[float, float], which: int, more: float
) -> None:
    total = sum(part[0] for part in parts)
    names = ("IC", "TW", "IW")
    rule = fusion(
        *(({name: share / total}, (a, b), offset) for name, (share, a, b, offset) in zip(names, parts, strict=False))
    )
    lower = np.array([scores])
    higher = lower + more * np.eye(2)[which]
    assert rule.llr(higher)[0] >= rule.llr(lower)[0] - 1e-9
    assert all(rule.llr(lower)[0] <= part.llr(lower)[0] - np.log(part.share) + 1e-9 for part in rule.parts)


def test_the_rule_both_fits_targets_against_each_type_alone() -> None:
    scores, shares = typed(), {"IC": 3.0, "TW": 1.0}
    rule = fit(scores, "both", shares)
    assert rule.shares == {"IC": 0.75, "TW": 0.25}
    for part in rule.parts:
        (name,) = part.nontargets
        expected = fit_affine(scores["TC"], [scores[name]], [1], prior=DCF08.effective_prior)
        np.testing.assert_allclose(part.weights, expected.weights)
        assert part.offset == pytest.approx(expected.offset)


def test_the_rule_both_is_near_the_true_ratio_of_densities() -> None:
    # with unit variances and the means of `typed`, log p(x | TC) / p(x | IC) = 2 x0 - 2, and so on
    rule = fit(typed(size=20_000), "both")
    grid = np.stack(np.meshgrid(np.arange(-1, 4), np.arange(-1, 4)), axis=-1).reshape(-1, 2).astype(float)
    speaker, phrase = 2 * grid[:, 0] - 2, 2 * grid[:, 1] - 2
    true = -np.log((np.exp(-speaker) + np.exp(-phrase) + np.exp(-speaker - phrase)) / 3)
    np.testing.assert_allclose(rule.llr(grid), true, atol=0.35)
    assert np.abs(fit(typed(size=20_000)).llr(grid) - true).max() > 1  # which no linear rule comes near


def test_each_non_target_counts_alike_unless_shares_are_given() -> None:
    scores = typed()
    scores["IW"] = scores["IW"][:100]
    assert fit(scores).shares == pytest.approx({"TW": 3 / 7, "IC": 3 / 7, "IW": 1 / 7})
    (part,) = fit(scores, shares={"IC": 1, "IW": 3}).parts
    assert part.nontargets == {"IC": 0.25, "IW": 0.75}
    expected = fit_affine(scores["TC"], [scores["IC"], scores["IW"]], [0.25, 0.75], prior=DCF08.effective_prior)
    np.testing.assert_allclose(part.weights, expected.weights)


def test_targets_and_nontargets_of_no_known_type_are_enough() -> None:
    scores = {"target": np.array([[1.0], [2.0]]), "nontarget": np.array([[0.0], [1.5]])}
    rule = fit_fusion(scores, ["a.tsv"], rule="linear", shares=None, cost=Cost(1, 1, 0.5))
    assert rule.trials == {"target": 2, "nontarget": 2}
    assert rule.threshold == 0


@pytest.mark.parametrize(
    ("changes", "rule", "shares", "message"),
    [
        ({"TC": None}, "linear", None, "no target trials"),
        ({"TW": None, "IC": None, "IW": None}, "linear", None, "no non-target trials to fit on"),
        ({"TW": None}, "linear", {"TW": 1.0, "IC": 1.0}, "no non-target trials of type TW; there are IC, IW"),
        ({}, "both", {"IC": 1.0}, "'both' needs non-targets of several types .*; here count only IC"),
    ],
)
def test_trials_that_do_not_do_are_refused(
    changes: dict[str, None], rule: str, shares: dict[str, float] | None, message: str
) -> None:
    scores = {name: one for name, one in typed().items() if name not in changes}
    with pytest.raises(SvtokError, match=message):
        fit_fusion(scores, ["a.tsv", "b.tsv"], rule=rule, shares=shares, cost=DCF08)  # type: ignore[arg-type]


def test_scores_that_say_nothing_of_their_own_are_refused_with_their_file() -> None:
    twice = {name: np.column_stack([one[:, 0], 3 * one[:, 0] - 1]) for name, one in typed().items()}
    with pytest.raises(SvtokError, match=r"phrase\.tsv: its scores follow from those of the files before it"):
        fit(twice)
    constant = {name: np.column_stack([one[:, 0], np.full(len(one), 0.3)]) for name, one in typed().items()}
    with pytest.raises(SvtokError, match=r"phrase\.tsv: all trials have the same score"):
        fit(constant)
    with pytest.raises(SvtokError, match=r"speaker\.tsv: targets do not score higher .* weight would be -"):
        fit({name: -one[:, :1] for name, one in typed().items()})


def test_the_file_comes_back_as_it_was_and_says_what_it_means(tmp_path: Path) -> None:
    path = tmp_path / "fusion.yaml"
    write_fusion(path, rule := fit(typed(), "both"))
    assert read_fusion(path) == rule
    assert path.read_text().startswith("# Scores of several systems as one natural-log likelihood ratio")


def test_every_mistake_in_a_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "fusion.yaml"
    write_fusion(path, fit(typed()))
    text = path.read_text().replace("threshold:", "treshold:").replace("c_miss: 10.0", "c_miss: -1")
    path.write_text(text)
    with pytest.raises(ProblemsError) as caught:
        read_fusion(path)
    assert "unknown key 'treshold' (known: " in str(caught.value)
    assert "operating_point.c_miss: input should be greater than 0, but it is -1" in str(caught.value)


@pytest.mark.parametrize(
    ("weights", "shares", "message"),
    [
        ([1.0], {"IC": 1.0}, r"2 files of scores need as many weights, not \[1.0\]"),
        ([1.0, 1.0], {"IC": 0.5, "TW": 0.4}, r"sum to 1, not \[0.5, 0.4\]"),
        ([1.0, 1.0], {"IC": 1.5, "TW": -0.5}, r"above 0"),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(
    weights: list[float], shares: dict[str, float], message: str
) -> None:
    tree = fusion(({"IC": 1.0}, (1, 1), 0)).model_dump()
    tree["parts"] = [{"nontargets": shares, "weights": weights, "offset": 0}]
    with pytest.raises(ValueError, match=message):
        Fusion.model_validate(tree)


def test_scores_of_another_number_of_systems_are_refused() -> None:
    with pytest.raises(ValueError, match="fuses 2 scores a trial, not 1"):
        fusion(({"IC": 1.0}, (1, 1), 0)).llr(np.zeros((3, 1)))
