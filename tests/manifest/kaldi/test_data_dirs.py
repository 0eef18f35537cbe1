import os
import subprocess
from pathlib import Path
from typing import TypeVar

import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from svtok.errors import ProblemsError, SvtokError
from svtok.manifest.kaldi.reading import read_data_dir
from svtok.manifest.kaldi.writing import write_data_dir
from svtok.manifest.protocol import make_models_and_trials
from svtok.manifest.schema import normal
from svtok.manifest.sets import PreparedSet

# '#' and '<' begin what Kaldi does not take in texts
characters = st.characters(exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp"), exclude_characters="\ufeff#<")
words = st.text(characters, min_size=1, max_size=6).map(normal)
one_set = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=20)


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").removesuffix("\n").split("\n")


def problems_of(folder: Path, **options: object) -> list[str]:
    with pytest.raises(ProblemsError) as error:
        read_data_dir(folder, **options)  # type: ignore[arg-type]
    return [f"{Path(problem.path or '').name}:{problem.line}: {problem.what}" for problem in error.value.problems]


def kaldi_dir(folder: Path, **files: str) -> Path:
    """Two utterances of one speaker; `files` (with _ for .) are written instead or besides."""
    content = {"wav.scp": "s-1 1.wav\ns-2 2.wav\n", "utt2spk": "s-1 s\ns-2 s\n", "utt2phrase": "s-1 p\ns-2 q\n"}
    content |= {name.replace("wav_scp", "wav.scp"): text for name, text in files.items()}
    folder.mkdir(exist_ok=True)
    for name, text in content.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


T = TypeVar("T")


@st.composite
def prepared_sets(draw: st.DrawFn) -> PreparedSet:
    """Sets with odd but legal names, whose ids begin with their speaker (of equal length, as Kaldi's sorting wants)."""
    two_letters = st.text(characters, min_size=2, max_size=2).filter(lambda text: normal(text) == text)
    speakers = draw(st.lists(two_letters, unique=True, min_size=1, max_size=3))
    stems = draw(st.lists(words, unique=True, min_size=2, max_size=4))
    names = [(f"{spk}{stem}", spk) for spk in speakers for stem in stems]
    assume(all(normal(utt) == utt for utt, _ in names))  # letters of both may become one

    def column(values: st.SearchStrategy[T]) -> list[T]:
        return draw(st.lists(values, min_size=len(names), max_size=len(names)))

    table = pd.DataFrame({"utt": [utt for utt, _ in names], "spk": [spk for _, spk in names]}, dtype=object)
    table.insert(1, "path", [os.path.normpath(f"/audio/{name} .wav") for name in column(words)])
    table["phrase"] = column(st.sampled_from(["p", "q"]))
    if draw(st.booleans()):
        table["gender"] = table["spk"].map(dict(zip(speakers, "mfm", strict=False)))
        table["lang"], table["session"] = column(words), column(words)
    if draw(st.booleans()):
        table["start"] = [float(start) for start in column(st.floats(0, 100))]
        table["end"] = [
            start + 0.001 + more for start, more in zip(table["start"], column(st.floats(0, 9)), strict=True)
        ]
    if draw(st.booleans()):
        table["num_samples"], table["sample_rate"] = column(st.integers(1, 2**40)), 16000
        table["text"] = [f"{one} {two}" for one, two in zip(column(words), column(words), strict=True)]
    table = table.sort_values("utt", ignore_index=True)
    models, trials = None, None
    if draw(st.booleans()):
        models, trials = make_models_and_trials(table, enroll_takes=1, iw_share=1)
    return PreparedSet(table, models, trials if trials is not None and len(trials) else None)


@one_set
@given(prepared=prepared_sets())
@pytest.mark.slow
def test_a_set_comes_back_from_kaldi_as_it_went(prepared: PreparedSet, tmp_path: Path) -> None:
    write_data_dir(prepared, tmp_path / "kaldi")
    back = read_data_dir(tmp_path / "kaldi")
    assert_frame_equal(back.utterances, prepared.utterances, check_like=True, check_dtype=False)
    for one, other in ((back.models, prepared.models), (back.trials, prepared.trials)):
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            assert_frame_equal(one.astype(object), other.astype(object), check_like=True, check_dtype=False)


def test_the_files_are_those_of_kaldi(prepared: PreparedSet, tmp_path: Path) -> None:
    table = prepared.utterances.assign(gender="f", lang="ar", text="say it")
    write_data_dir(PreparedSet(table, prepared.models, prepared.trials), tmp_path / "out")
    read = {path.name: lines(path) for path in (tmp_path / "out").iterdir()}
    assert read["utt2spk"][:2] == ["a-x-1 a", "a-x-2 a"]
    assert read["spk2utt"][0] == "a a-x-1 a-x-2 a-x-3 a-x-4 a-y-1 a-y-2 a-y-3 a-y-4"
    assert read["wav.scp"][0] == f"a-x-1 {table['path'][0]}"
    assert read["spk2gender"] == ["a f", "b f"]
    assert read["utt2dur"][0] == "a-x-1 0.1"
    assert read["text"][0] == "a-x-1 say it"
    assert read["enroll_spk2utt"][0] == "a-x a-x-1 a-x-2"
    assert read["model2phrase"][0] == "a-x x"
    assert read["trials"][:2] == ["a-x a-x-3 target", "a-x a-x-4 target"]
    assert read["trial_types"][2] == "a-x a-y-3 TW"
    assert "segments" not in read


def test_parts_become_segments_of_recordings_that_are_listed_once(prepared: PreparedSet, tmp_path: Path) -> None:
    table = prepared.utterances.iloc[:3].assign(path=["/f", "/f", "/g"], start=[0.0, 0.5, 0.25], end=[0.5, 1.0, 0.75])
    write_data_dir(PreparedSet(table), tmp_path / "out")
    assert lines(tmp_path / "out" / "wav.scp") == ["a-x-1 /f", "a-x-3 /g"]
    expected = ["a-x-1 a-x-1 0.0 0.5", "a-x-2 a-x-1 0.5 1.0", "a-x-3 a-x-3 0.25 0.75"]
    assert lines(tmp_path / "out" / "segments") == expected


@pytest.mark.parametrize("names", [["B-1 B", "a-1 a", "b-1 b"], ["s-1 s", "s-10 s", "s-2 s"], ["é-1 é", "z-1 z"]])
def test_every_file_is_sorted_as_sort_does_it_in_the_c_locale(names: list[str], tmp_path: Path) -> None:
    utts, spks = zip(*(name.split() for name in reversed(names)), strict=True)
    table = pd.DataFrame({"utt": utts, "path": "/f", "spk": spks, "phrase": "p", "text": "t"})
    write_data_dir(PreparedSet(table), tmp_path / "out")
    for path in (tmp_path / "out").iterdir():
        for key in ["-k1,1"] + ["-k2"] * (path.name == "utt2spk"):
            subprocess.run(["sort", "-c", key, str(path)], check=True, env={**os.environ, "LC_ALL": "C"})


def test_ids_whose_order_is_not_that_of_their_speakers_are_refused_or_prefixed(
    prepared: PreparedSet, tmp_path: Path
) -> None:
    def renamed(names: pd.Series) -> pd.Series:
        return names.astype(str).str.split("-").str[::-1].str.join("-")

    assert prepared.models is not None
    assert prepared.trials is not None
    other = PreparedSet(
        prepared.utterances.assign(utt=renamed(prepared.utterances["utt"])),
        prepared.models.assign(utts=[" ".join(renamed(pd.Series(u.split()))) for u in prepared.models["utts"]]),
        prepared.trials.assign(utt=renamed(prepared.trials["utt"])),
    )
    with pytest.raises(ProblemsError, match=r"'1-y-a' of speaker 'a' comes after '1-x-b' of 'b'.*--prefix-speaker"):
        write_data_dir(other, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    write_data_dir(other, tmp_path / "out", prefix_speaker=True)
    assert lines(tmp_path / "out" / "utt2spk")[0] == "a-1-x-a a"
    assert lines(tmp_path / "out" / "enroll_spk2utt")[0] == "a-x a-1-x-a a-2-x-a"
    assert lines(tmp_path / "out" / "trials")[0] == "a-x a-3-x-a target"
    trials = read_data_dir(tmp_path / "out").trials
    assert trials is not None
    assert len(trials) == len(prepared.trials)


def test_speakers_whose_names_prefixes_cannot_bring_in_order_are_refused(tmp_path: Path) -> None:
    table = pd.DataFrame({"utt": ["u", "v"], "path": "/f", "spk": ["a", "a!"], "phrase": "p"})
    with pytest.raises(ProblemsError, match="speaker ids of equal length"):
        write_data_dir(PreparedSet(table), tmp_path / "out", prefix_speaker=True)


def test_what_kaldi_does_not_take_is_refused_all_at_once(prepared: PreparedSet, tmp_path: Path) -> None:
    table = prepared.utterances.iloc[:4].assign(
        path=["/f|", "/f:12", "/g", "/g"], gender="x", text=["<s> a", "a #0", "fine", "a\u3000b"]
    )
    with pytest.raises(ProblemsError) as error:
        write_data_dir(PreparedSet(table), tmp_path / "out")
    assert len(error.value.problems) == 6


def test_the_first_channel_goes_to_kaldi_and_back_and_others_are_refused(prepared: PreparedSet, tmp_path: Path) -> None:
    table = prepared.utterances.iloc[:2].assign(channel="1")
    write_data_dir(PreparedSet(table), tmp_path / "out")
    assert read_data_dir(tmp_path / "out").utterances["channel"].tolist() == ["1", "1"]
    with pytest.raises(ProblemsError, match="Kaldi reads the first channel of a file, not 'mean'"):
        write_data_dir(PreparedSet(table.assign(channel=["1", "mean"])), tmp_path / "other")


def test_a_folder_with_other_files_is_not_replaced(prepared: PreparedSet, tmp_path: Path) -> None:
    (tmp_path / "feats.scp").touch()
    with pytest.raises(SvtokError, match="holds other files"):
        write_data_dir(prepared, tmp_path)


def test_a_plain_directory_is_read_in_any_order_and_with_tabs(tmp_path: Path) -> None:
    folder = kaldi_dir(tmp_path / "k", wav_scp="s-2\t/a b/2.wav\ns-1  /1.wav\n", text="s-1 a  b\ns-2 c\n")
    read = read_data_dir(folder, wav_root=tmp_path)
    assert read.utterances.to_dict("list") == {
        "utt": ["s-1", "s-2"],
        "path": ["/1.wav", "/a b/2.wav"],
        "spk": ["s", "s"],
        "phrase": ["p", "q"],
        "text": ["a  b", "c"],
    }


def test_relative_paths_are_relative_to_the_working_folder_or_to_the_one_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = kaldi_dir(tmp_path / "k")
    monkeypatch.chdir(tmp_path)
    assert read_data_dir(folder).utterances["path"][0] == str(tmp_path / "1.wav")
    assert read_data_dir(folder, wav_root=Path("/audio")).utterances["path"][0] == "/audio/1.wav"


def test_one_phrase_of_all_can_be_named_where_no_file_says_it(tmp_path: Path) -> None:
    folder = kaldi_dir(tmp_path / "k")
    (folder / "utt2phrase").unlink()
    assert read_data_dir(folder, phrase="hi").utterances["phrase"].tolist() == ["hi", "hi"]
    assert "name the one phrase of all with --phrase" in problems_of(folder)[0]


@pytest.mark.parametrize("entry", ["sox 1.wav -t wav - |", "| cat", "~/1.wav", "raw.ark:123", "-"])
def test_a_pipe_is_refused_and_never_run(entry: str, tmp_path: Path) -> None:
    folder = kaldi_dir(tmp_path / "k", wav_scp=f"s-1 {entry}\ns-2 touch {tmp_path}/run |\n")
    problems = problems_of(folder)
    assert [what.split(":")[1] for what in problems] == ["1", "2"]
    assert "svtok runs no command out of a list" in problems[0]
    assert not (tmp_path / "run").exists()


def test_all_problems_of_a_directory_are_said_at_once(tmp_path: Path) -> None:
    folder = kaldi_dir(
        tmp_path / "k",
        wav_scp="s-1 1.wav\ns-3 3.wav\ns-1 1.wav\n",
        utt2phrase="s-1 p q\n\ns-2\n",
        utt2lang="s-1 ar\n",
        spk2gender="t m\n",
    )
    assert problems_of(folder) == [
        "wav.scp:3: 's-1' is there twice, first in line 1",
        "wav.scp:None: 's-2' is not there, but in utt2spk",
        "wav.scp:2: 's-3' is not in utt2spk",
        "utt2phrase:1: 's-1' has 2 values, not 1",
        "utt2phrase:2: the line is empty",
        "utt2phrase:3: there is no value for 's-2'",
        "utt2phrase:2: '' is not in utt2spk",
        "utt2lang:None: 's-2' is not there, but in utt2spk",
        "spk2gender:None: 's' is not there, but in utt2spk",
        "spk2gender:1: 't' is not in utt2spk",
    ]


def test_segments_that_are_no_parts_of_known_recordings_are_said(tmp_path: Path) -> None:
    folder = kaldi_dir(tmp_path / "k", wav_scp="r 1.wav\n", segments="s-1 q 0 1\ns-2 r 1\n")
    assert problems_of(folder) == [
        "segments:2: 's-2' has 2 values, not 3",
        "segments:1: recording 'q' is not in wav.scp",
    ]
    (folder / "segments").write_text("s-1 r 1 0.5\ns-2 r 0 x\n")
    assert problems_of(folder) == [
        "utt2spk:2: end 'x' is not a number of seconds",
        "utt2spk:1: end 0.5 is not after start 1.0",
    ]


def test_models_have_the_speaker_and_phrase_of_their_utterances(tmp_path: Path) -> None:
    folder = kaldi_dir(tmp_path / "k", enroll_spk2utt="m s-1\n")
    read = read_data_dir(folder)
    assert read.models is not None
    assert read.models.to_dict("list") == {"model": ["m"], "utts": ["s-1"], "spk": ["s"], "phrase": ["p"]}
    (folder / "model2phrase").write_text("m q\n")
    assert problems_of(folder) == ["enroll_spk2utt:1: phrase is 'q', but utterance 's-1' has 'p'"]
    (folder / "model2phrase").write_text("n p\n")
    (folder / "enroll_spk2utt").write_text("m s-9\n")
    assert problems_of(folder) == [
        "model2phrase:None: 'm' is not there, but in enroll_spk2utt",
        "model2phrase:1: 'n' is not in enroll_spk2utt",
    ]


def test_trials_get_their_type_and_their_labels_must_agree(tmp_path: Path) -> None:
    folder = kaldi_dir(tmp_path / "k", enroll_spk2utt="m s-1\n", trials="m s-2 nontarget\n")
    read = read_data_dir(folder)
    assert read.trials is not None
    assert read.trials["type"].tolist() == ["TW"]
    (folder / "trials").write_text("m s-2 target\n")
    assert problems_of(folder) == ["trials:1: type is 'target', but speakers and phrases say TW"]


def test_trials_of_two_utterances_make_a_model_of_the_first(tmp_path: Path) -> None:
    folder = kaldi_dir(tmp_path / "k", trials="s-2 s-1 nontarget\n")
    read = read_data_dir(folder)
    assert read.models is not None
    assert read.models.to_dict("list") == {"spk": ["s"], "phrase": ["q"], "model": ["s-2"], "utts": ["s-2"]}
