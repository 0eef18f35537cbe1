import pandas as pd

from svtok.manifest.schema import UNKNOWN
from svtok.manifest.sets import PreparedSet
from svtok.manifest.validate import check_set, count_set, describe_sets


def without_keys(**more: object) -> PreparedSet:
    utterances = pd.DataFrame(
        {
            "utt": ["e", "t", "u"],
            "path": "f",
            "spk": UNKNOWN,
            "phrase": ["p", UNKNOWN, UNKNOWN],
            "gender": ["m", "f", "m"],
        }
    )
    models = pd.DataFrame({"model": ["m"], "spk": [UNKNOWN], "phrase": ["p"], "utts": ["e"]})
    return PreparedSet(utterances, models, pd.DataFrame({"model": ["m", "m"], "utt": ["t", "u"], **more}))


def test_what_is_secret_has_no_count() -> None:
    assert count_set(without_keys()) == {"utterances": 3, "models": 1, "trials": 2}
    assert "note" not in describe_sets({"dev": without_keys(), "eval": without_keys()})


def test_types_that_the_trials_say_are_counted_though_speakers_are_unknown() -> None:
    counts = count_set(without_keys(type=["TC", "TW"]))
    assert {name: counts[name] for name in ("TC", "TW", "IC", "IW")} == {"TC": 1, "TW": 1, "IC": 0, "IW": 0}


def test_a_set_without_keys_is_in_order() -> None:
    assert list(check_set(without_keys())) == []
    assert list(check_set(without_keys(type=["TC", "IC"]))) == []
