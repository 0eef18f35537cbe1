import pandas as pd
import pytest

from svtok.corpora.deepmine import hold_out_speakers
from svtok.corpora.sdsv.layout import PHRASES
from svtok.errors import SvtokError
from svtok.manifest.sets import PreparedSet
from svtok.manifest.validate import check_set


def training(speakers: int) -> PreparedSet:
    """Each of the speakers, by turns female and male, says two Persian phrases and an English one five times."""
    rows = [
        (f"{spk}-{phrase}-{take}", "f", f"s{spk}", phrase, "fm"[spk % 2], PHRASES[phrase].lang)
        for spk in range(speakers)
        for phrase in ("01", "02", "06")
        for take in range(5)
    ]
    return PreparedSet(pd.DataFrame(rows, columns=["utt", "path", "spk", "phrase", "gender", "lang"]))


def test_held_out_speakers_leave_training_and_are_tried_within_gender_and_language() -> None:
    train, dev = hold_out_speakers(training(8), 7, seed=1)
    assert dev.models is not None
    assert dev.trials is not None
    speakers = set(dev.utterances["spk"])
    assert len(speakers) == 7
    assert set(train.utterances["spk"]) == {f"s{number}" for number in range(8)} - speakers
    assert {len(utts.split()) for utts in dev.models["utts"]} == {3}
    # of each gender 4 and 3 speakers: 2 tests of each model's own, 2 of its speaker's other Persian phrase, and of
    # each impostor 2
    assert dev.trials["type"].value_counts().to_dict() == {
        "TC": 7 * 3 * 2,
        "TW": 7 * 2 * 2,
        "IC": 3 * 2 * (4 * 3 + 3 * 2),
        "IW": 0,
    }
    genders = dev.utterances.set_index("utt")["gender"]
    of_models = dev.models.set_index("model")["gender"]
    assert (dev.trials["utt"].astype(str).map(genders) == dev.trials["model"].astype(str).map(of_models)).all()
    assert list(check_set(dev)) == []


def test_a_seed_draws_the_same_speakers() -> None:
    drawn = [set(hold_out_speakers(training(20), 10, seed)[1].utterances["spk"]) for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_what_cannot_be_held_out_is_said() -> None:
    with pytest.raises(SvtokError, match="8 speakers cannot be held out: there are 8"):
        hold_out_speakers(training(8), 8, seed=0)
    without = PreparedSet(training(8).utterances.drop(columns="gender"))
    with pytest.raises(SvtokError, match="name the challenge's file task1_spk2gender with --genders"):
        hold_out_speakers(without, 2, seed=0)
