from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from svtok.errors import ProblemsError, SvtokError
from svtok.manifest.sets import PreparedSet
from svtok.report.labelled import label_with_set, label_with_trials


@pytest.fixture
def prepared() -> PreparedSet:
    return PreparedSet(
        utterances=pd.DataFrame(
            [("a1", "ann", "yes"), ("a2", "ann", "no"), ("b1", "bob", "yes"), ("b2", "bob", "no")],
            columns=["utt", "spk", "phrase"],
        ),
        models=pd.DataFrame(
            [("ann-yes", "ann", "yes", "e1", "f"), ("bob-no", "bob", "no", "e2", "m")],
            columns=["model", "spk", "phrase", "utts", "gender"],
        ),
        trials=pd.DataFrame(
            [(model, utt) for model in ("ann-yes", "bob-no") for utt in ("a1", "a2", "b1", "b2")],
            columns=["model", "utt"],
        ).astype("category"),
    )


@pytest.fixture
def scores(tmp_path: Path) -> Path:
    path = tmp_path / "scores.tsv"
    lines = [
        f"{m}\t{u}\t{n / 10}"
        for n, (m, u) in enumerate((m, u) for m in ("bob-no", "ann-yes") for u in ("a1", "a2", "b1", "b2"))
    ]
    path.write_text("\n".join(["model\tutt\tscore", *lines, ""]))
    return path


def test_types_genders_and_speakers_come_from_the_set(scores: Path, prepared: PreparedSet) -> None:
    labelled = label_with_set(scores, prepared)
    assert list(labelled.type) == ["TC", "TW", "IC", "IW", "IW", "IC", "TW", "TC"]
    assert list(labelled.columns) == ["gender"]
    assert list(labelled.columns["gender"]) == ["f"] * 4 + ["m"] * 4
    assert labelled.model_speaker.tolist() == [0] * 4 + [1] * 4
    assert labelled.test_speaker.tolist() == [0, 0, 1, 1] * 2
    assert labelled.score.tolist() == [0.4, 0.5, 0.6, 0.7, 0, 0.1, 0.2, 0.3]  # the file has the models the other way
    assert labelled.resampled == "speakers"


def test_types_that_the_trials_carry_are_kept(scores: Path, prepared: PreparedSet) -> None:
    assert prepared.trials is not None
    typed = prepared.trials.assign(type=pd.Categorical(["target"] + ["nontarget"] * 7))
    labelled = label_with_set(scores, PreparedSet(prepared.utterances, prepared.models, typed))
    assert list(labelled.type) == ["target"] + ["nontarget"] * 7


def test_the_column_of_the_model_wins_over_that_of_the_test_utterance(scores: Path, prepared: PreparedSet) -> None:
    utterances = prepared.utterances.assign(gender=["x"] * 4, session=["2", "10", "2", "10"], start=[10.0, 9, 0, 0])
    labelled = label_with_set(scores, replace(prepared, utterances=utterances), by=["gender", "session", "start"])
    assert list(labelled.columns["gender"]) == ["f"] * 4 + ["m"] * 4
    assert list(labelled.columns["session"]) == ["2", "10", "2", "10"] * 2
    assert list(labelled.columns["session"].categories) == ["10", "2"]
    assert list(labelled.columns["start"].categories) == ["0.0", "9.0", "10.0"]


def test_unknown_columns_are_named_with_those_there_are(scores: Path, prepared: PreparedSet) -> None:
    with pytest.raises(ProblemsError, match="2 problems") as caught:
        label_with_set(scores, prepared, by=["gendre", "phrase", "lang"])
    text = str(caught.value)
    assert "unknown column 'gendre' (known: model, spk, phrase, utts, gender, utt); did you mean 'gender'?" in text
    assert "unknown column 'lang'" in text


def test_one_gender_alone_is_no_default(scores: Path, prepared: PreparedSet) -> None:
    assert prepared.models is not None
    one = replace(prepared, models=prepared.models.assign(gender="f"))
    assert label_with_set(scores, one).columns == {}
    assert list(label_with_set(scores, one, by=["gender"]).columns) == ["gender"]


def test_without_speakers_the_models_are_what_is_drawn(scores: Path, prepared: PreparedSet) -> None:
    assert prepared.trials is not None
    with pytest.raises(SvtokError, match="has no column 'type': give the whole prepared set with --data"):
        label_with_trials(scores, prepared.trials, Path("trials.tsv"))
    typed = prepared.trials.assign(type=pd.Categorical(["TC"] + ["IC"] * 7))
    labelled = label_with_trials(scores, typed, Path("trials.tsv"))
    assert labelled.model_speaker.tolist() == labelled.test_speaker.tolist() == [0] * 4 + [1] * 4
    assert labelled.columns == {}
    assert labelled.resampled == "models"


def test_where_a_speaker_is_unknown_the_models_are_drawn(scores: Path, prepared: PreparedSet) -> None:
    assert prepared.models is not None
    assert prepared.trials is not None
    unknown = replace(
        prepared,
        models=prepared.models.assign(spk=["?", "?"]),
        trials=prepared.trials.assign(type=pd.Categorical(["TC"] + ["IC"] * 7)),
    )
    labelled = label_with_set(scores, unknown)
    assert labelled.resampled == "models"
    assert labelled.model_speaker.tolist() == labelled.test_speaker.tolist() == [0] * 4 + [1] * 4


def test_scores_of_other_trials_are_refused(scores: Path, prepared: PreparedSet) -> None:
    assert prepared.trials is not None
    fewer = PreparedSet(prepared.utterances, prepared.models, prepared.trials.iloc[:7])
    with pytest.raises(ProblemsError, match=r"scores\.tsv:5: 'bob-no b2' is not among the trials"):
        label_with_set(scores, fewer)


def test_a_set_without_models_is_refused(scores: Path, prepared: PreparedSet) -> None:
    with pytest.raises(SvtokError, match="has no models and trials"):
        label_with_set(scores, PreparedSet(prepared.utterances))


def test_trials_of_unknown_utterances_are_refused(scores: Path, prepared: PreparedSet) -> None:
    assert prepared.trials is not None
    typed = prepared.trials.assign(type=pd.Categorical(["TC"] + ["IC"] * 7))
    fewer = PreparedSet(prepared.utterances.iloc[:3], prepared.models, typed, Path("data/x/eval"))
    with pytest.raises(SvtokError, match="data/x/eval name unknown models or utterances"):
        label_with_set(scores, fewer)
