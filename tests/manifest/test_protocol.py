import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from svtok.errors import ProblemsError, SvtokError
from svtok.manifest.protocol import make_models_and_trials, take_order


def corpus(speakers: int = 4, phrases: int = 3, takes: int = 4, **more: object) -> pd.DataFrame:
    rows = [
        (f"s{s}-p{p}-{t}", f"/d/{t}.wav", f"s{s}", f"p{p}")
        for s in range(speakers)
        for p in range(phrases)
        for t in range(takes)
    ]
    return pd.DataFrame(rows, columns=["utt", "path", "spk", "phrase"]).assign(**more)


def test_all_trials_but_half_of_iw_are_made_of_every_model_and_every_test() -> None:
    models, trials = make_models_and_trials(corpus(speakers=4, phrases=3, takes=5), enroll_takes=3)
    assert len(models) == 4 * 3
    # a model meets 2 tests of its own phrase and speaker, 2 x 2 of its speaker, 3 x 2 of its phrase, and half of 3 x 4
    assert trials["type"].value_counts().to_dict() == {"TC": 12 * 2, "TW": 12 * 4, "IC": 12 * 6, "IW": 12 * 6}
    assert not trials.duplicated(["model", "utt"]).any()


def test_each_model_keeps_its_share_of_iw_trials() -> None:
    _, trials = make_models_and_trials(corpus(), enroll_takes=2, iw_share=0.25)
    per_model = trials[trials["type"] == "IW"]["model"].value_counts()
    assert per_model.tolist() == [3] * 12  # of 3 speakers x 2 phrases x 2 tests


@pytest.mark.parametrize(("share", "kept"), [(0.0, 0), (1.0, 12 * 12)])
def test_iw_trials_can_be_left_out_or_kept_in_full(share: float, kept: int) -> None:
    _, trials = make_models_and_trials(corpus(), enroll_takes=2, iw_share=share)
    assert (trials["type"] == "IW").sum() == kept


def test_a_seed_fixes_the_draw_and_the_order_of_rows_does_not_matter() -> None:
    table = corpus()
    one = make_models_and_trials(table, enroll_takes=2, seed=1)
    shuffled = table.sample(frac=1, random_state=0)
    for first, second in zip(one, make_models_and_trials(shuffled, enroll_takes=2, seed=1), strict=True):
        assert_frame_equal(first, second)
    other = make_models_and_trials(table, enroll_takes=2, seed=2)[1]
    assert not other["utt"].astype(str).equals(one[1]["utt"].astype(str))


def test_the_first_takes_enroll_and_numbers_in_names_count_as_numbers() -> None:
    table = corpus(speakers=2, phrases=1, takes=3)
    table["path"] = ["/d/take10.wav", "/d/take2.wav", "/d/take1.wav"] * 2
    models, trials = make_models_and_trials(table, enroll_takes=2)
    assert models["utts"].tolist() == ["s0-p0-2 s0-p0-1", "s1-p0-2 s1-p0-1"]
    assert set(trials["utt"]) == {"s0-p0-0", "s1-p0-0"}


def test_takes_are_ordered_by_session_then_path_then_start() -> None:
    table = pd.DataFrame(
        {
            "utt": list("abcd"),
            "path": ["2", "1", "1", "1"],
            "session": ["1", "10", "2", "2"],
            "start": [0.0, 0.0, 1.0, 0.5],
        }
    )
    assert table["utt"].iloc[take_order(table)].tolist() == ["a", "d", "c", "b"]


def test_a_phrase_with_too_few_takes_is_not_enrolled_and_tests_the_other_models() -> None:
    table = corpus(speakers=2, phrases=1, takes=3).drop(index=[5])  # s1 has two takes
    models, trials = make_models_and_trials(table, enroll_takes=3)
    assert models["model"].tolist() == ["s0-p0"]
    assert list(zip(trials["utt"], trials["type"], strict=True)) == [("s1-p0-0", "IC"), ("s1-p0-1", "IC")]


def test_marked_takes_enroll_instead_of_the_first() -> None:
    table = corpus(speakers=2, phrases=1, takes=3)
    marks = np.array([False, True, False, False, False, True])
    models, _ = make_models_and_trials(table, enroll_takes=1, enrolled=marks)
    assert models["utts"].tolist() == ["s0-p0-1", "s1-p0-2"]


def test_trials_within_one_gender() -> None:
    table = corpus(speakers=4, phrases=2, takes=3)
    table["gender"] = table["spk"].map({"s0": "m", "s1": "m", "s2": "f", "s3": "f"})
    models, trials = make_models_and_trials(table, enroll_takes=2, iw_share=1, same=("gender",))
    genders = models.set_index("model")["gender"]
    of_test = table.set_index("utt")["gender"]
    assert (trials["model"].astype(str).map(genders) == trials["utt"].astype(str).map(of_test)).all()
    assert len(trials) == 8 * 4  # each model meets the 4 tests of its gender


def test_trials_within_one_gender_and_one_language() -> None:
    table = corpus(speakers=4, phrases=4, takes=3)
    table["gender"] = table["spk"].map({"s0": "m", "s1": "m", "s2": "f", "s3": "f"})
    table["lang"] = table["phrase"].map({"p0": "fa", "p1": "fa", "p2": "en", "p3": "en"})
    _, trials = make_models_and_trials(table, enroll_takes=2, iw_share=0, same=("gender", "lang"))
    # of the tests of its gender and language a model meets its own, its speaker's other one, and an impostor's
    assert trials["type"].value_counts().to_dict() == {"TC": 16, "TW": 16, "IC": 16, "IW": 0}


def test_each_test_meets_all_models_of_its_speaker_and_a_few_of_the_others() -> None:
    table = corpus(speakers=6, phrases=3, takes=4)
    models, trials = make_models_and_trials(table, enroll_takes=2, impostors=2)
    tests = 6 * 3 * 2
    # a test meets its own model (TC), its speaker's 2 others (TW), and 2 each of the 5 (IC) and 10 (IW) of the others
    assert trials["type"].value_counts().to_dict() == {"TC": tests, "TW": tests * 2, "IC": tests * 2, "IW": tests * 2}
    counts = trials.groupby(["utt", "type"], observed=True).size().unstack()
    assert counts.drop_duplicates().to_dict("records") == [{"TC": 1, "TW": 2, "IC": 2, "IW": 2}]
    assert not trials.duplicated(["model", "utt"]).any()
    assert set(trials["model"]) == set(models["model"])


def test_a_few_impostors_are_all_where_there_are_no_more_and_none_where_there_are_none() -> None:
    table = corpus(speakers=3, phrases=1, takes=3)
    _, trials = make_models_and_trials(table, enroll_takes=2, impostors=20)
    assert trials["type"].value_counts().to_dict() == {"TC": 3, "IC": 6, "TW": 0, "IW": 0}


def test_a_few_impostors_are_drawn_by_the_seed_alone_and_in_any_number_of_blocks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = corpus(speakers=8)
    one = make_models_and_trials(table, enroll_takes=2, impostors=2, seed=1)
    monkeypatch.setattr("svtok.manifest.protocol.PAIRS_A_BLOCK", 100)
    shuffled = table.sample(frac=1, random_state=0)
    in_blocks = make_models_and_trials(shuffled, enroll_takes=2, impostors=2, seed=1)
    assert_frame_equal(one[0], in_blocks[0])
    assert one[1]["type"].value_counts().to_dict() == in_blocks[1]["type"].value_counts().to_dict()
    again = make_models_and_trials(table, enroll_takes=2, impostors=2, seed=1)
    assert_frame_equal(in_blocks[1], again[1])
    other = make_models_and_trials(table, enroll_takes=2, impostors=2, seed=2)[1]
    assert not other[["model", "utt"]].astype(str).equals(again[1][["model", "utt"]].astype(str))


def test_a_few_impostors_of_one_gender() -> None:
    table = corpus(speakers=6, phrases=2, takes=3)
    table["gender"] = table["spk"].map(dict(zip(table["spk"].unique(), "mmmfff", strict=True)))
    models, trials = make_models_and_trials(table, enroll_takes=2, impostors=1, same=["gender"])
    genders = models.set_index("model")["gender"]
    of_test = table.set_index("utt")["gender"]
    assert (trials["model"].astype(str).map(genders) == trials["utt"].astype(str).map(of_test)).all()
    assert len(trials) == 12 * 4


def test_what_cannot_be_done_is_said() -> None:
    with pytest.raises(SvtokError, match="no speaker has 9 takes of a phrase"):
        make_models_and_trials(corpus(), enroll_takes=9)
    with pytest.raises(SvtokError, match="at least one take"):
        make_models_and_trials(corpus(), enroll_takes=0)
    with pytest.raises(SvtokError, match="between 0 and 1, not 2"):
        make_models_and_trials(corpus(), enroll_takes=2, iw_share=2)
    with pytest.raises(SvtokError, match="at least one impostor, not 0"):
        make_models_and_trials(corpus(), enroll_takes=2, impostors=0)
    with pytest.raises(SvtokError, match="need the column 'gender'"):
        make_models_and_trials(corpus(), enroll_takes=2, same=("gender",))


def in_sessions(takes: str) -> pd.DataFrame:
    """Speakers s0 and s1 say p0 and p1, each with these sessions of its takes."""
    table = corpus(speakers=2, phrases=2, takes=len(takes))
    return table.assign(session=list(takes) * 4)


def test_across_sessions_no_model_meets_its_speaker_in_a_session_that_enrolled_it() -> None:
    table = in_sessions("1122")  # takes 0 and 1 are of session 1, which enrolls with take 0
    _, trials = make_models_and_trials(table, enroll_takes=1, iw_share=1)
    assert trials["type"].value_counts().to_dict() == {"TC": 12, "TW": 12, "IC": 12, "IW": 12}
    models, apart = make_models_and_trials(table, enroll_takes=1, iw_share=1, cross_session=True)
    # of the 3 tests of a phrase, take 1 meets only the models of the other speaker
    assert apart["type"].value_counts().to_dict() == {"TC": 8, "TW": 8, "IC": 12, "IW": 12}
    of_model = apart[apart["model"] == "s0-p0"]
    assert set(of_model["utt"][of_model["type"] == "TC"]) == {"s0-p0-2", "s0-p0-3"}
    assert set(of_model["utt"][of_model["type"] == "TW"]) == {"s0-p1-2", "s0-p1-3"}
    assert set(of_model["utt"][of_model["type"] == "IC"]) == {"s1-p0-1", "s1-p0-2", "s1-p0-3"}
    assert models["utts"].tolist() == ["s0-p0-0", "s0-p1-0", "s1-p0-0", "s1-p1-0"]


def test_across_sessions_a_model_of_two_sessions_keeps_apart_from_both() -> None:
    _, trials = make_models_and_trials(in_sessions("11223"), enroll_takes=3, cross_session=True)
    targets = trials[trials["type"] == "TC"]
    assert sorted(targets["utt"]) == ["s0-p0-4", "s0-p1-4", "s1-p0-4", "s1-p1-4"]


def test_across_sessions_with_a_few_impostors() -> None:
    _, trials = make_models_and_trials(in_sessions("1122"), enroll_takes=1, impostors=1, cross_session=True)
    assert trials["type"].value_counts().to_dict() == {"TC": 8, "TW": 8, "IC": 12, "IW": 12}


def test_sessions_that_are_not_known_or_leave_no_target_cannot_be_kept_apart() -> None:
    with pytest.raises(SvtokError, match="sessions of the recordings are not known"):
        make_models_and_trials(corpus(), enroll_takes=1, cross_session=True)
    with pytest.raises(SvtokError, match="no target trial is left"):
        make_models_and_trials(in_sessions("112"), enroll_takes=3, cross_session=True)
    with pytest.raises(SvtokError, match="no target trial is left"):
        make_models_and_trials(in_sessions("1111"), enroll_takes=1, cross_session=True)


def test_two_pairs_that_give_one_name_to_a_model_are_said() -> None:
    table = pd.DataFrame(
        {"utt": ["1", "2", "3", "4"], "path": "f", "spk": ["a", "a", "a-b", "a-b"], "phrase": ["b-c", "b-c", "c", "c"]}
    )
    with pytest.raises(ProblemsError, match="speaker 'a' with phrase 'b-c' gives the model 'a-b-c', as another does"):
        make_models_and_trials(table, enroll_takes=1)
