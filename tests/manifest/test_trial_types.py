import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from svtok.errors import ProblemsError
from svtok.manifest.schema import UNKNOWN
from svtok.manifest.trial_types import UnknownTypesError, derive_types, rows_in, types_of

MODELS = pd.DataFrame({"model": ["m"], "spk": ["s"], "phrase": ["p"]})
UTTERANCES = pd.DataFrame(
    {"utt": ["tc", "tw", "ic", "iw"], "spk": ["s", "s", "t", "t"], "phrase": ["p", "q", "p", "q"]}
)


def test_the_type_says_whether_speaker_and_phrase_are_the_models() -> None:
    trials = pd.DataFrame({"model": "m", "utt": ["iw", "tc", "ic", "tw"]})
    assert list(derive_types(trials, MODELS, UTTERANCES)) == ["IW", "TC", "IC", "TW"]


def test_the_categories_are_the_four_types_whichever_occur() -> None:
    types = derive_types(pd.DataFrame({"model": ["m"], "utt": ["ic"]}), MODELS, UTTERANCES)
    assert list(types.categories) == ["TC", "TW", "IC", "IW"]


def test_every_name_that_is_unknown_is_said_once() -> None:
    trials = pd.DataFrame({"model": ["m", "n", "n"], "utt": ["tc", "x", "y"]})
    with pytest.raises(ProblemsError) as error:
        derive_types(trials, MODELS, UTTERANCES)
    assert [problem.what for problem in error.value.problems] == [
        "unknown model 'n' in a trial",
        "unknown utterance 'x' in a trial",
        "unknown utterance 'y' in a trial",
    ]


few = st.sampled_from("abc")


@settings(deadline=None, max_examples=50)
@given(
    models=st.lists(st.tuples(few, few), min_size=1, max_size=6),
    utts=st.lists(st.tuples(few, few), min_size=1, max_size=6),
    categorical=st.booleans(),
    data=st.data(),
)
@pytest.mark.slow
def test_types_are_those_of_looking_at_each_trial(
    models: list[tuple[str, str]], utts: list[tuple[str, str]], categorical: bool, data: st.DataObject
) -> None:
    pairs = data.draw(st.lists(st.tuples(st.integers(0, len(models) - 1), st.integers(0, len(utts) - 1))))
    trials = pd.DataFrame({"model": [f"m{m}" for m, _ in pairs], "utt": [f"u{u}" for _, u in pairs]}, dtype=object)
    trials = trials.astype("category") if categorical else trials
    types = derive_types(
        trials,
        pd.DataFrame(models, columns=["spk", "phrase"]).assign(model=[f"m{row}" for row in range(len(models))]),
        pd.DataFrame(utts, columns=["spk", "phrase"]).assign(utt=[f"u{row}" for row in range(len(utts))]),
    )
    expected = [
        ("T" if models[m][0] == utts[u][0] else "I") + ("C" if models[m][1] == utts[u][1] else "W") for m, u in pairs
    ]
    assert list(types) == expected


def test_rows_in_gives_the_first_row_or_minus_one() -> None:
    names, table = pd.Series(["b", "z", "a", "b"]), pd.Series(["a", "b", "b"])
    np.testing.assert_array_equal(rows_in(names, table), [1, -1, 0, 1])
    np.testing.assert_array_equal(rows_in(names.astype("category"), table), [1, -1, 0, 1])


@pytest.mark.parametrize("column", ["spk", "phrase"])
@pytest.mark.parametrize("table", ["models", "utterances"])
def test_types_are_not_made_up_where_a_speaker_or_a_phrase_is_unknown(table: str, column: str) -> None:
    tables = {"models": MODELS, "utterances": UTTERANCES}
    tables[table] = tables[table].assign(**{column: UNKNOWN})
    trials = pd.DataFrame({"model": "m", "utt": ["tc", "ic"]})
    with pytest.raises(UnknownTypesError, match="2 of 2 trials are not known"):
        derive_types(trials, **tables)
    typed = trials.assign(type=["TC", "IC"])
    assert list(types_of(typed, **tables)) == ["TC", "IC"]
