"""`svtok.evaluate` on tables, on files and on a prepared set: the same rates, and errors that name the row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import svtok
from svtok.errors import ProblemsError, SvtokError
from svtok.manifest.sets import PreparedSet, write_set
from svtok.scoring.scores import write_scores

MODELS = pd.DataFrame(
    {"model": ["A", "B"], "spk": ["a", "b"], "phrase": ["p", "p"], "utts": ["a1", "b1"], "gender": ["f", "m"]}
)
UTTERANCES = pd.DataFrame(
    {"utt": ["a1", "a2", "b1", "b2"], "path": "x.wav", "spk": ["a", "a", "b", "b"], "phrase": "p"}
)
TRIALS = pd.DataFrame(
    {"model": ["A", "A", "B", "B"], "utt": ["a2", "b2", "a2", "b2"], "type": ["TC", "IC", "IC", "TC"]}
)
SCORES = TRIALS[["model", "utt"]].assign(score=[2.0, 1.0, 3.0, 4.0])


def test_tables_files_and_sets_have_the_same_rates(tmp_path: Path) -> None:
    write_scores(tmp_path / "scores.tsv", SCORES, SCORES["score"].to_numpy())
    TRIALS.to_csv(tmp_path / "trials.tsv", sep="\t", index=False)
    write_set(PreparedSet(UTTERANCES, MODELS, TRIALS), tmp_path / "set")
    tables = svtok.evaluate(SCORES.iloc[::-1], TRIALS)
    assert tables["name"].tolist() == ["TC-vs-IC", "pooled"]
    assert tables["eer"].tolist() == [0.5, 0.5]
    assert tables[["targets", "nontargets"]].to_numpy().tolist() == [[2, 2], [2, 2]]
    for scores in (SCORES, tmp_path / "scores.tsv", str(tmp_path / "scores.tsv")):
        pd.testing.assert_frame_equal(svtok.evaluate(scores, tmp_path / "trials.tsv"), tables)
        whole = svtok.evaluate(scores, tmp_path / "set", by=["gender"])
        pooled = whole[whole["by"].isna()].reset_index(drop=True)
        assert pooled["eer"].tolist() == [0.5, 0.5]
    assert whole[whole["value"] == "f"]["eer"].tolist() == [0.0, 0.0]


def test_intervals_are_drawn_where_they_are_asked_for() -> None:
    random = np.random.default_rng(0)
    many = pd.DataFrame([(f"m{m}", f"u{u}") for m in range(6) for u in range(6)], columns=["model", "utt"])
    same = many["model"].str[1:] == many["utt"].str[1:]
    scores = many.assign(score=same + random.normal(0, 0.7, 36))
    trials = many.assign(type=np.where(same, "target", "nontarget"))
    found = svtok.evaluate(scores, trials, resamples=50)
    low, high = found["eer_ci"].iloc[0]
    assert low <= found["eer"].iloc[0] <= high
    assert svtok.evaluate(scores, trials)["eer_ci"].tolist() == [None]


@pytest.mark.parametrize(
    ("scores", "trials", "message"),
    [
        (SCORES.drop(columns="score"), TRIALS, "the scores: there is no column 'score'"),
        (SCORES, TRIALS.drop(columns="type"), "the trials: there is no column 'type'"),
        (SCORES.assign(score=[1, np.nan, 2, 3]), TRIALS, "the scores:1: score 'nan' is not a finite number"),
        (SCORES.assign(score=["1", "x", "2", "3"]), TRIALS, "the scores:1: score 'x' is not a finite number"),
        (SCORES.iloc[[0, 1, 2, 2]], TRIALS, "the scores:3: model utt 'B a2' is there twice"),
        (SCORES.iloc[:3], TRIALS, "the scores: the trial 'B b2' has no score"),
        (SCORES, TRIALS.iloc[:3], "'B b2' is not among the trials"),
        (SCORES, TRIALS.assign(type=["TC", "XX", "IC", "TC"]), "the trials:1: "),
        (SCORES, TRIALS.assign(type="IC"), "there are no target trials"),
        (SCORES.iloc[:0], TRIALS, "the scores are empty"),
    ],
)
def test_what_is_wrong_with_a_table_is_said_with_its_row(
    scores: pd.DataFrame, trials: pd.DataFrame, message: str
) -> None:
    with pytest.raises(SvtokError) as caught:
        svtok.evaluate(scores, trials)
    assert message in str(caught.value)


def test_columns_need_a_prepared_set() -> None:
    with pytest.raises(SvtokError, match="needs the tables of a prepared set"):
        svtok.evaluate(SCORES, TRIALS, by=["gender"])
    with pytest.raises(ProblemsError, match="unknown column 'genre'"):
        svtok.evaluate(SCORES, PreparedSet(UTTERANCES, MODELS, TRIALS), by=["genre"])
