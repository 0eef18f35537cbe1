import pandas as pd
from pandas.testing import assert_frame_equal

from svtok.manifest.sets import PreparedSet, without_utterances

WHOLE = PreparedSet(
    pd.DataFrame({"utt": ["a", "b", "c", "t", "u"], "path": "f", "spk": "s", "phrase": "p"}),
    pd.DataFrame({"model": ["m", "n"], "spk": "s", "phrase": "p", "utts": ["a b", "c"]}),
    pd.DataFrame({"model": pd.Categorical(["m", "n", "m"]), "utt": pd.Categorical(["t", "t", "u"])}),
)


def test_models_are_enrolled_with_what_is_left_and_trials_of_what_is_gone_are_gone() -> None:
    left = without_utterances(WHOLE, {"b", "c", "u"})
    assert left.models is not None
    assert left.trials is not None
    assert left.utterances["utt"].tolist() == ["a", "t"]
    assert left.models[["model", "utts"]].to_numpy().tolist() == [["m", "a"]]
    assert left.trials.astype(str).to_numpy().tolist() == [["m", "t"]]
    assert WHOLE.models is not None
    assert WHOLE.models["utts"].tolist() == ["a b", "c"]


def test_training_utterances_have_no_models() -> None:
    left = without_utterances(PreparedSet(WHOLE.utterances), {"a"})
    assert_frame_equal(left.utterances, WHOLE.utterances[1:].reset_index(drop=True))


def test_nothing_changes_where_nothing_is_absent() -> None:
    assert without_utterances(WHOLE, set()) is WHOLE
