from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from svtok.corpora.table import draw_sets, prepare
from svtok.errors import ProblemsError, SvtokError

pytestmark = pytest.mark.slow

RATE = 8000


def listing(folder: Path, header: str, rows: Sequence[str], *, name: str = "list.csv") -> Path:
    (folder / name).write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return folder / name


def record(folder: Path, *names: str, seconds: float = 0.5) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / name, np.zeros(int(seconds * RATE)), RATE)


def problems_of(path: Path, **options: object) -> list[tuple[int | None, str]]:
    with pytest.raises(ProblemsError) as error:
        prepare(path, **options)  # type: ignore[arg-type]
    assert all(problem.path == path for problem in error.value.problems)
    return [(problem.line, problem.what) for problem in error.value.problems]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A CSV of 5 speakers x 2 phrases x 4 takes."""
    rows = [
        f"{spk}/{phrase}{take}.wav,{spk},{phrase} it"
        for spk in "abcde"
        for phrase in ("open", "shut")
        for take in "1234"
    ]
    record(tmp_path, *(row.split(",")[0] for row in rows))
    return listing(tmp_path, "path,spk,phrase", rows)


def test_speakers_are_drawn_into_sets_and_dev_and_eval_get_models_and_trials(corpus: Path) -> None:
    sets = prepare(corpus)
    speakers = {name: sorted(each.utterances["spk"].unique()) for name, each in sets.items()}
    assert {name: len(each) for name, each in speakers.items()} == {"train": 3, "dev": 1, "eval": 1}
    assert sorted(spk for each in speakers.values() for spk in each) == list("abcde")
    assert sets["train"].models is None
    (spk,) = speakers["eval"]
    assert sets["eval"].models is not None
    assert sets["eval"].models["utts"].tolist() == [
        f"{spk}-open_it-open1 {spk}-open_it-open2 {spk}-open_it-open3",
        f"{spk}-shut_it-shut1 {spk}-shut_it-shut2 {spk}-shut_it-shut3",
    ]
    assert sets["eval"].trials is not None
    assert sets["eval"].trials["type"].tolist() == ["TC", "TW", "TW", "TC"]


def test_an_utterance_says_its_absolute_path_length_and_rate(tmp_path: Path) -> None:
    record(tmp_path, "b/open.wav")
    row = prepare(listing(tmp_path, "path,spk,phrase", ["b/open.wav,b,open it"]), split={"train": 1})["train"]
    assert row.utterances.to_dict("records") == [
        {
            "utt": "b-open_it-open",
            "path": str(tmp_path / "b" / "open.wav"),
            "spk": "b",
            "phrase": "open_it",
            "num_samples": 4000,
            "sample_rate": RATE,
        }
    ]


def test_a_seed_fixes_the_draw(corpus: Path) -> None:
    speakers = [set(prepare(corpus, seed=seed)["train"].utterances["spk"]) for seed in (1, 1, 2)]
    assert speakers[0] == speakers[1] != speakers[2]


def test_the_column_set_says_the_set_and_other_columns_are_kept(tmp_path: Path) -> None:
    record(tmp_path, "1.wav", "2.wav", "3.wav", "4.wav")
    header = "path,spk,phrase,set,gender,session,text,lang,utt"
    rows = [
        "1.wav,a,p,train,Male,s 1,say a,ar,u1",
        "2.wav,b,p,eval,female,s 1,say b,ar,u2",
        "3.wav,b,p,eval,female,s 2,say b,ar,u3",
        "4.wav,c,p,eval,f,s 2,say b,ar,u4",
    ]
    sets = prepare(listing(tmp_path, header, rows), enroll_takes=1)
    assert list(sets) == ["train", "eval"]
    assert sets["train"].utterances.drop(columns="path").to_dict("records") == [
        {
            "utt": "u1", "spk": "a", "phrase": "p", "gender": "m", "lang": "ar", "session": "s_1",
            "num_samples": 4000, "sample_rate": RATE, "text": "say a",
        }
    ]  # fmt: skip
    assert sets["eval"].models is not None
    assert sets["eval"].models["gender"].tolist() == ["f", "f"]


def test_a_column_without_any_cell_is_as_if_it_were_not_there(tmp_path: Path) -> None:
    record(tmp_path, "1.wav")
    sets = prepare(listing(tmp_path, "path,spk,phrase,set,gender", ["1.wav,a,p,train,"]))
    assert "gender" not in sets["train"].utterances


def test_the_column_enroll_chooses_the_enrollment_takes(tmp_path: Path) -> None:
    record(tmp_path, "1.wav", "2.wav", "3.wav")
    rows = ["1.wav,a,p,eval,0", "2.wav,a,p,eval,1", "3.wav,b,p,eval,0"]
    made = prepare(listing(tmp_path, "path,spk,phrase,set,enroll", rows))["eval"]
    assert made.models is not None
    assert made.models["utts"].tolist() == ["a-p-2"]
    assert made.trials is not None
    assert list(zip(made.trials["utt"], made.trials["type"], strict=True)) == [("a-p-1", "TC"), ("b-p-3", "IC")]


def test_parts_of_a_file_are_utterances_and_empty_bounds_are_those_of_the_file(tmp_path: Path) -> None:
    record(tmp_path, "long.wav", seconds=2)
    rows = ["long.wav,a,p,train,,0.5", "long.wav,a,p,train,0.5,1.25", "long.wav,a,p,train,1.25,"]
    table = prepare(listing(tmp_path, "path,spk,phrase,set,start,end", rows))["train"].utterances
    assert table["utt"].tolist() == ["a-p-long", "a-p-long-2", "a-p-long-3"]
    assert table["start"].tolist() == [0, 0.5, 1.25]
    assert table["end"].tolist() == [0.5, 1.25, 2]
    assert table["num_samples"].tolist() == [4000, 6000, 6000]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_commas_semicolons_and_tabs_divide_and_excel_does_no_harm(delimiter: str, tmp_path: Path) -> None:
    record(tmp_path, "a, 1.wav")
    rows = ["path,spk,phrase,set", '"a, 1.wav",a,p,train', ",,,"]
    if delimiter != ",":
        rows = [delimiter.join(["path", "spk", "phrase", "set"]), delimiter.join(["a, 1.wav", "a", "p", "train"]), ""]
    text = "\r\n".join(rows)
    (tmp_path / "list.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert prepare(tmp_path / "list.csv")["train"].utterances["utt"].tolist() == ["a-p-a,_1"]


def test_all_problems_of_form_are_said_at_once(tmp_path: Path) -> None:
    rows = [
        "1.wav,a,open door,train,1",
        "1.wav,a,open door,train,0",
        ",,open_door,test,yes",
        "4.wav,,p,,0",
    ]
    assert problems_of(listing(tmp_path, "path,spk,phrase,set,enroll", rows)) == [
        (3, "the recording '1.wav' is listed in line 2 already"),
        (4, "path is empty"),
        (4, "spk is empty"),
        (4, "set 'test' is not one of train, dev, eval"),
        (4, "enroll 'yes' is not one of 0, 1"),
        (4, "phrase 'open_door' and 'open door' both become 'open_door'"),
        (5, "spk is empty"),
        (5, "set '' is not one of train, dev, eval"),
    ]


def test_all_problems_of_cells_and_recordings_are_said_at_once(tmp_path: Path) -> None:
    record(tmp_path, "1.wav", "2.wav", "3.wav", "4.wav")
    (tmp_path / "2.wav").write_bytes(b"no audio")
    soundfile.write(tmp_path / "3.wav", np.zeros((100, 2)), RATE)
    rows = [
        "1.wav,u,a,p,m,,9",
        "2.wav,u,a,p,f,,",
        "3.wav,v,b,p,,x,",
        "nix.wav,w,b,p,m,1,0.5",
        "4.wav,x,b,p,m,0.2,",
    ]
    problems = problems_of(listing(tmp_path, "path,utt,spk,phrase,gender,start,end", rows))
    assert [(line, what.split("; ")[0]) for line, what in problems if ".wav:" not in what] == [
        (2, "end 9.0 is after the end of the file, 0.5 s"),
        (3, "speaker 'a' is 'f' here and 'm' further up"),
        (3, "utt 'u' is there twice, first in line 2"),
        (4, "gender is empty"),
        (4, "start 'x' is not a number of seconds"),
        (5, "end 0.5 is not after start 1.0"),
    ]
    assert [line for line, what in problems if ".wav:" in what] == [3, 4, 5]


def test_of_recordings_of_two_channels_the_list_or_the_option_chooses_one(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "mono.wav", np.zeros(100), RATE)
    soundfile.write(tmp_path / "stereo.wav", np.zeros((100, 2)), RATE)
    rows = ["mono.wav,a,p,train,", "stereo.wav,a,p,train,mean", "stereo.wav,b,p,train,2"]
    with_column = listing(tmp_path, "path,spk,phrase,set,channel", rows)
    assert prepare(with_column)["train"].utterances["channel"].tolist() == ["1", "mean", "2"]
    empty = listing(tmp_path, "path,spk,phrase,set,channel", ["stereo.wav,a,p,train,"])
    (line, what), *more = problems_of(empty)
    assert (line, more) == (2, [])
    assert what.endswith("has 2 channels, not one; choose with --channel 1|2|mean, or a column 'channel' of the list")
    assert prepare(empty, channel="2")["train"].utterances["channel"].tolist() == ["2"]
    unknown = listing(tmp_path, "path,spk,phrase,set,channel", ["stereo.wav,a,p,train,left"])
    assert problems_of(unknown)[0] == (2, "channel 'left' is not one of 1, 2, mean")


def test_recordings_that_a_listener_would_wonder_about_are_counted_and_the_first_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record(tmp_path, "1.wav", "2.wav", "3.wav", "4.wav")
    soundfile.write(tmp_path / "5.wav", np.tile([0.0, 0.5, 1.0, -1.0], 100), RATE)
    prepare(listing(tmp_path, "path,spk,phrase,set", [f"{number}.wav,a,p,train" for number in range(1, 6)]))
    first = ", ".join(str(tmp_path / f"{number}.wav") for number in (1, 2, 3))
    assert capsys.readouterr().err.splitlines() == [
        f"warning: 4 of 5 recordings are silent (every sample is 0): {first}, ...",
        f"warning: 1 of 5 recordings are clipped (over 1 % of the samples are at full scale): {tmp_path / '5.wav'}",
    ]


def test_columns_that_are_missing_unknown_or_double_are_said_with_the_nearest_name(tmp_path: Path) -> None:
    problems = problems_of(listing(tmp_path, "path,speaker,phrase,phrase,sett", ["1.wav,a,p,p,train"]))
    assert [line for line, _ in problems] == [1] * 4
    assert problems[0][1] == "column 'spk' is missing in the header"
    assert problems[2][1].endswith("did you mean 'set'?")
    assert problems[3][1] == "column 'phrase' stands twice in the header"


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("path,spk,phrase\n1.wav,a\n", 2, "2 cells where the header has 3"),
        ("path,spk,phrase\n", None, "no recording is listed"),
        ('path,spk,phrase\n"1.wav,a,p\n', 2, "not a CSV file: unexpected end of data"),
    ],
)
def test_a_file_that_is_no_csv_is_said(text: str, line: int | None, what: str, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text(text)
    assert problems_of(tmp_path / "list.csv")[0] == (line, what)


def test_a_file_that_is_not_utf8_is_said(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_bytes("path,spk,phrase\n1.wav,José,p\n".encode("latin-1"))
    assert "save it as CSV UTF-8" in problems_of(tmp_path / "list.csv")[0][1]


def test_sets_are_said_by_the_column_or_drawn_but_not_both(tmp_path: Path) -> None:
    record(tmp_path, "1.wav")
    path = listing(tmp_path, "path,spk,phrase,set", ["1.wav,a,p,train"])
    with pytest.raises(SvtokError, match="already says what --split would"):
        prepare(path, split={"train": 1.0})


def test_a_set_in_which_nothing_can_be_enrolled_is_named(corpus: Path) -> None:
    with pytest.raises(SvtokError, match=r"list.csv: set dev: no speaker has 5 takes of a phrase"):
        prepare(corpus, enroll_takes=5)


@pytest.mark.parametrize("split", [{"test": 1.0}, {"train": 0.5, "dev": 0.6}, {"train": 1.0, "dev": 0.0}])
def test_a_split_that_is_none_is_refused(split: dict[str, float]) -> None:
    with pytest.raises(SvtokError, match=f"split {','.join(f'{name}={share:g}' for name, share in split.items())}: "):
        draw_sets(pd.Series(["a", "b"]), split, seed=0)


@settings(deadline=None)
@given(
    speakers=st.integers(3, 40),
    split=st.sampled_from([{"train": 0.6, "dev": 0.2, "eval": 0.2}, {"train": 0.98, "dev": 0.01, "eval": 0.01}]),
    seed=st.integers(0, 5),
)
def test_every_speaker_is_in_one_set_and_every_set_has_a_speaker(
    speakers: int, split: Mapping[str, float], seed: int
) -> None:
    names = pd.Series([f"s{number}" for number in range(speakers)] * 2)
    drawn = draw_sets(names, split, seed)
    by_speaker = pd.Series(drawn).groupby(names).nunique()
    assert (by_speaker == 1).all()
    assert set(drawn) == set(split)


def test_fewer_speakers_than_sets_are_said() -> None:
    with pytest.raises(SvtokError, match="2 speakers are too few for the 3 sets train, dev, eval"):
        draw_sets(pd.Series(["a", "b"]), {"train": 0.6, "dev": 0.2, "eval": 0.2}, 0)
