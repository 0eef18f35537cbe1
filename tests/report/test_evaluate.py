from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from svtok.errors import SvtokError
from svtok.report.evaluate import evaluate
from svtok.report.labelled import LabelledScores
from svtok.report.results import Condition


def rows(labelled: LabelledScores, resamples: int = 0) -> dict[tuple[str, str | None], Condition]:
    conditions, _ = evaluate(labelled, resamples=resamples, seed=0)
    return {(one.name, one.gender): one for one in conditions}


def without(labelled: LabelledScores, *types: str) -> LabelledScores:
    kept = ~np.isin(np.asarray(labelled.type), types)
    columns = {name: getattr(labelled, name)[kept] for name in ("score", "type", "model_speaker", "test_speaker")}
    return replace(labelled, **columns, gender=None if labelled.gender is None else labelled.gender[kept])


def test_each_condition_counts_its_own_non_targets(labelled: LabelledScores) -> None:
    found = rows(replace(labelled, gender=None))
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
    assert list(rows(labelled)) == [(name, gender) for name in names for gender in (None, "f", "m")]


def test_a_gender_without_trials_of_a_condition_has_no_row_there(labelled: LabelledScores) -> None:
    assert labelled.gender is not None
    kept = (labelled.type != "TW") | (labelled.gender == "m")
    some = LabelledScores(
        *(getattr(labelled, name)[kept] for name in ("score", "type", "gender", "model_speaker", "test_speaker")),
        "speakers",
    )
    assert ("TC-vs-TW", "m") in rows(some)
    assert ("TC-vs-TW", "f") not in rows(some)


def test_one_gender_alone_has_no_rows_of_its_own(labelled: LabelledScores) -> None:
    one = replace(labelled, gender=pd.Categorical(["f"] * len(labelled.score)))
    assert {gender for _, gender in rows(one)} == {None}


def test_untyped_trials_make_one_pooled_condition(labelled: LabelledScores) -> None:
    untyped = labelled.type.rename_categories({"TC": "target", "IC": "nontarget"})
    found = rows(without(replace(labelled, type=untyped, gender=None), "TW"))
    assert list(found) == [("pooled", None)]
    assert found["pooled", None].nontarget_types == ["nontarget"]
    assert found["pooled", None].eer == 0.25


def test_intervals_come_with_resamples_and_only_then(labelled: LabelledScores) -> None:
    assert rows(labelled)["TC-vs-IC", None].eer_ci is None
    with_intervals = rows(labelled, resamples=50)
    interval = with_intervals["TC-vs-IC", None].eer_ci
    assert interval is not None
    assert 0 <= interval[0] <= 0.25 <= interval[1] <= 1
    assert with_intervals["TC-vs-IC", "m"].eer_ci is None  # no error: nothing to draw from


def test_the_curve_of_each_condition_comes_with_it(labelled: LabelledScores) -> None:
    conditions, curves = evaluate(labelled, resamples=0, seed=0)
    assert {name: curve.eer().item() for name, curve in curves.items()} == {
        one.name: one.eer for one in conditions if one.gender is None
    }


def test_trials_of_one_class_alone_are_refused(labelled: LabelledScores) -> None:
    with pytest.raises(SvtokError, match="there are no target trials"):
        evaluate(without(labelled, "TC"), resamples=0, seed=0)
    with pytest.raises(SvtokError, match="there are no non-target trials"):
        evaluate(without(labelled, "IC", "TW"), resamples=0, seed=0)
