from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from svtok.errors import SvtokError
from svtok.report.evaluate import Condition, evaluate
from svtok.report.labelled import LabelledScores


def rows(labelled: LabelledScores, resamples: int = 0, **options: Any) -> dict[tuple[str, str | None], Condition]:
    """The conditions by name and value; the mean over the values is under "macro"."""
    conditions, _ = evaluate(labelled, resamples=resamples, seed=0, **options)
    return {(one.name, "macro" if one.macro_averaged else one.value): one for one in conditions}


def categories(values: Sequence[str]) -> pd.Categorical[str]:
    names = sorted(set(values))
    return pd.Categorical.from_codes([names.index(value) for value in values], pd.Index(names))


def some_of(labelled: LabelledScores, kept: NDArray[np.bool_]) -> LabelledScores:
    names = ("score", "type", "model_speaker", "test_speaker")
    columns = {name: values[kept] for name, values in labelled.columns.items()}
    return replace(labelled, **{name: getattr(labelled, name)[kept] for name in names}, columns=columns)


def without(labelled: LabelledScores, *types: str) -> LabelledScores:
    return some_of(labelled, ~np.isin(np.asarray(labelled.type), types))


def test_each_condition_counts_its_own_non_targets(labelled: LabelledScores) -> None:
    found = rows(replace(labelled, columns={}))
    assert {name: (one.targets, one.nontargets, one.nontarget_types) for (name, _), one in found.items()} == {
        "TC-vs-IC": (4, 4, ["IC"]),
        "TC-vs-TW": (4, 2, ["TW"]),
        "pooled": (4, 6, ["TW", "IC"]),
    }


def test_error_rates_by_hand(labelled: LabelledScores) -> None:
    found = rows(labelled)
    # targets .9 .4 .8 .7, impostors .5 .1 .2 .3: over .4, one of four is missed and one of four accepted
    assert found["TC-vs-IC", None].eer == 0.25
    # women: .9 .4 against .5 .1
    assert found["TC-vs-IC", "f"].eer == 0.5
    assert found["TC-vs-IC", "m"].eer == 0
    assert found["TC-vs-IC", "m"].dcf08 == 0
    # men: .8 .7 against .75
    assert found["TC-vs-TW", "m"].eer == 0.5
    assert found["pooled", "f"].nontargets == 3


def test_rows_are_ordered_by_condition_then_gender(labelled: LabelledScores) -> None:
    names = ["TC-vs-IC", "TC-vs-TW", "pooled"]
    assert list(rows(labelled)) == [(name, gender) for name in names for gender in (None, "f", "m", "macro")]


def test_a_gender_without_trials_of_a_condition_has_no_row_there(labelled: LabelledScores) -> None:
    some = some_of(labelled, np.asarray((labelled.type != "TW") | (labelled.columns["gender"] == "m")))
    assert ("TC-vs-TW", "m") in rows(some)
    assert ("TC-vs-TW", "f") not in rows(some)


def test_one_value_alone_has_no_mean(labelled: LabelledScores) -> None:
    one = replace(labelled, columns={"lang": categories(["en"] * len(labelled.score))})
    assert {value for _, value in rows(one)} == {None, "en"}


def test_the_mean_over_the_values_counts_each_value_alike(labelled: LabelledScores) -> None:
    found = rows(without(labelled, "TW"), resamples=20)
    women, men, mean = (found["TC-vs-IC", value] for value in ("f", "m", "macro"))
    assert (women.eer, men.eer, mean.eer) == (0.5, 0, 0.25)
    assert mean.min_cllr == (women.min_cllr + men.min_cllr) / 2
    assert (mean.by, mean.value, mean.gender, mean.eer_ci) == ("gender", None, None, None)
    assert (mean.targets, mean.nontargets, mean.nontarget_types) == (4, 4, ["IC"])


def test_several_columns_each_have_their_rows(labelled: LabelledScores) -> None:
    session = categories(["1", "2"] * 5)
    conditions, _ = evaluate(replace(labelled, columns={**labelled.columns, "session": session}), resamples=0, seed=0)
    assert [(one.by, one.value) for one in conditions if one.name == "TC-vs-IC"] == [
        (None, None),
        ("gender", "f"),
        ("gender", "m"),
        ("gender", None),
        ("session", "1"),
        ("session", "2"),
        ("session", None),
    ]
    by_session = {one.value: one for one in conditions if (one.name, one.by) == ("TC-vs-IC", "session")}
    assert by_session["1"].eer == 0  # .9 .8 against .5 .2
    assert by_session["1"].gender is None


def test_many_values_are_taken_apart_in_order(labelled: LabelledScores) -> None:
    many = 500
    values = np.repeat([f"v{n:03}" for n in range(many)], 2)
    scores = np.tile([1.0, 0.0], many)
    speakers = np.zeros(2 * many, dtype=np.int32)
    types = categories(["TC", "IC"] * many)
    huge = LabelledScores(scores, types, {"phrase": categories(values.tolist())}, speakers, speakers, "speakers")
    found = rows(huge)
    assert [value for name, value in found if name == "pooled"] == [None, *dict.fromkeys(values.tolist()), "macro"]
    assert found["pooled", "v128"].targets == 1


def test_the_official_arithmetic_counts_ties_in_the_order_of_the_trials(labelled: LabelledScores) -> None:
    # a target and a non-target tie at 1, between a non-target at 0 and a target at 2
    for types, official in [(("IC", "IC", "TC", "TC"), 0.0), (("IC", "TC", "IC", "TC"), 0.5)]:
        tied = replace(some_of(labelled, np.arange(len(labelled.score)) < 4), columns={})
        tied = replace(tied, score=np.array([0.0, 1, 1, 2]), type=categories(types))
        assert rows(tied)["TC-vs-IC", None].eer == 0.25
        found = rows(tied, arithmetic="sdsv")["TC-vs-IC", None]
        assert found.eer == official
        # at 10 0.01 a miss and 0.99 a false alarm: half of the targets missed, or nothing
        assert found.dcf08 == official


def test_what_the_official_script_cannot_know_is_refused(labelled: LabelledScores) -> None:
    with pytest.raises(SvtokError, match="2 targets, 1 non-targets: the official arithmetic gives no EER"):
        evaluate(without(labelled, "IC"), resamples=0, seed=0, arithmetic="sdsv")


def test_untyped_trials_make_one_pooled_condition(labelled: LabelledScores) -> None:
    untyped = labelled.type.rename_categories({"TC": "target", "IC": "nontarget"})
    found = rows(without(replace(labelled, type=untyped, columns={}), "TW"))
    assert list(found) == [("pooled", None)]
    assert found["pooled", None].nontarget_types == ["nontarget"]
    assert found["pooled", None].eer == 0.25


def test_intervals_come_with_resamples_and_only_then(labelled: LabelledScores) -> None:
    assert rows(labelled)["TC-vs-IC", None].eer_ci is None
    with_intervals = rows(labelled, resamples=50)
    interval = with_intervals["TC-vs-IC", None].eer_ci
    assert interval is not None
    assert 0 <= interval[0] <= 0.25 <= interval[1] <= 1
    assert with_intervals["TC-vs-IC", None].speakers == 4
    assert with_intervals["TC-vs-IC", "m"].speakers == 2
    assert rows(labelled)["TC-vs-IC", None].speakers is None
    assert with_intervals["TC-vs-IC", "m"].eer_ci is None  # no error: nothing to draw from


def test_the_curve_of_each_condition_comes_with_it(labelled: LabelledScores) -> None:
    conditions, curves = evaluate(labelled, resamples=0, seed=0)
    assert {name: curve.eer().item() for name, curve in curves.items()} == {
        one.name: one.eer for one in conditions if one.by is None
    }


def test_trials_of_one_class_alone_are_refused(labelled: LabelledScores) -> None:
    with pytest.raises(SvtokError, match="there are no target trials"):
        evaluate(without(labelled, "TC"), resamples=0, seed=0)
    with pytest.raises(SvtokError, match="there are no non-target trials"):
        evaluate(without(labelled, "IC", "TW"), resamples=0, seed=0)
