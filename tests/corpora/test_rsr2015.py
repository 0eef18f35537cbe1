"""Preparing RSR2015 Part II, on a tiny synthetic tree of clicks: 2 background, 4 dev and 4 eval speakers."""

import re
import shutil
from collections import Counter
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from svtok.cli.main import svtok
from svtok.corpora.rsr2015.layout import UtteranceName
from svtok.corpora.rsr2015.prepare import find_audio, prepare
from svtok.corpora.synthetic.marker import write_marker
from svtok.corpora.synthetic.rsr2015_lists import Settings, write_lists
from svtok.errors import ProblemsError, SvtokError
from svtok.manifest.sets import CorpusInfo, read_corpus_info, read_set

pytestmark = pytest.mark.slow

SETTINGS = Settings(speakers=2, dev_speakers=4, eval_speakers=4, phrases=2, sessions=4)
SPEAKERS = [f"{gender}{number:03d}" for gender, number in product("mf", range(1, 6))]
TRN = "key/part2/trn/3sesspwd_eval_m.trn"
NDX = "key/part2/ndx/3sess-pwd_eval_m.ndx"


def write_click(path: Path, file_format: str = "NIST") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.ones(400, np.int16), 16000, format=file_format, subtype="PCM_16")


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recordings") / "sph"
    for spk, session, sentence in product(SPEAKERS, ("01", "02", "04", "07"), ("031", "032")):
        write_click(folder / UtteranceName(spk, spk[0], session, sentence).file_with_gender)
    return folder


@pytest.fixture
def root(tmp_path: Path, recordings: Path) -> Path:
    """The tree; its lists are the synthesizer's, which tests of its own read line by line."""
    root = tmp_path / "RSR2015"
    root.mkdir()
    (root / "sph").symlink_to(recordings)
    write_marker(root, SETTINGS)
    write_lists(root, SETTINGS)
    return root


@pytest.fixture
def own_recordings(root: Path, recordings: Path) -> None:
    """Make the recordings of `root` its own, for a test that changes them."""
    (root / "sph").unlink()
    shutil.copytree(recordings, root / "sph")


def edit(path: Path, change: Callable[[str], str]) -> None:
    path.write_text(change(path.read_text()))


def edit_line(path: Path, number: int, change: Callable[[str], str]) -> None:
    lines = path.read_text().splitlines()
    lines[number - 1] = change(lines[number - 1])
    path.write_text("\n".join(lines) + "\n")


def problems_of(root: Path) -> list[str]:
    """The problems found, without the folder of the tree."""
    with pytest.raises(ProblemsError) as caught:
        prepare(root)
    return [str(problem).replace(f"{root}/", "") for problem in caught.value.problems]


def test_the_sets_are_the_speakers_in_no_list_and_those_of_the_lists(root: Path) -> None:
    sets = prepare(root)
    speakers = {name: set(prepared.utterances["spk"]) for name, prepared in sets.items()}
    assert speakers == {
        "train": {"m001", "f001"},
        "dev": {"m002", "m003", "f002", "f003"},
        "eval": {"m004", "m005", "f004", "f005"},
    }
    assert [len(prepared.utterances) for prepared in sets.values()] == [16, 32, 32]
    assert sets["train"].models is None
    assert sets["train"].trials is None


def test_an_utterance_has_all_that_its_name_and_its_header_say(root: Path) -> None:
    table = prepare(root)["eval"].utterances
    row = table[table["utt"] == "f004_02_032"].iloc[0].to_dict()
    path = (root / "sph/female/f004/f004_02_032.sph").resolve()
    assert row == {
        "utt": "f004_02_032",
        "path": str(path),
        "spk": "f004",
        "phrase": "032",
        "gender": "f",
        "session": "02",
        "text": "open the front door",
        "num_samples": 400,
        "sample_rate": 16000,
    }


def test_models_and_trials_are_those_of_the_lists_of_both_genders(root: Path) -> None:
    prepared = prepare(root)["eval"]
    assert prepared.models is not None
    assert prepared.trials is not None
    model = prepared.models.set_index("model").loc["m004_031"].to_dict()
    utts = "m004_01_031 m004_04_031 m004_07_031"
    assert model == {"spk": "m004", "phrase": "031", "utts": utts, "gender": "m"}
    assert set(prepared.models["gender"]) == {"m", "f"}
    trials = {(row.model, row.utt): row.type for row in prepared.trials.itertuples()}
    assert trials["m004_031", "m004_02_031"] == "TC"
    assert trials["m004_031", "m004_02_032"] == "TW"
    assert trials["m004_031", "m005_02_031"] == "IC"
    assert Counter(trials.values()) == {"TC": 8, "TW": 8, "IC": 8, "IW": 4}


def test_training_may_be_on_the_dev_speakers_too(root: Path) -> None:
    sets = prepare(root, train_on="bkg+dev")
    assert set(sets["train"].utterances["spk"]) == {f"{g}{n:03d}" for g in "mf" for n in (1, 2, 3)}
    assert len(sets["dev"].utterances) == 32


def with_gender(text: str) -> str:
    return re.sub(r",(?=m\d+/)", ",male/", re.sub(r",(?=f\d+/)", ",female/", text))


SPELLINGS: dict[str, Callable[[str], str]] = {
    "with blanks": lambda text: text.replace(",", "  ").replace("\n", " \r\n"),
    "with comma and blank": lambda text: text.replace(",", ", "),
    "with tabs": lambda text: text.replace(",", "\t"),
    "without gender": lambda text: text.replace("female/", "").replace("male/", ""),
    "with gender": with_gender,
    "with wav": lambda text: text.replace(".sph", ".wav"),
}


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_lists_of_any_spelling_give_the_same_sets(root: Path, spelling: Callable[[str], str]) -> None:
    expected = prepare(root)
    for path in (root / "key").rglob("*_*.*"):
        edit(path, spelling)
    for name, prepared in prepare(root).items():
        for table in ("utterances", "models", "trials"):
            ours, other = getattr(prepared, table), getattr(expected[name], table)
            assert (ours is None and other is None) or ours.astype(str).equals(other.astype(str))


def test_lists_may_be_named_with_or_without_the_hyphen(root: Path) -> None:
    (root / TRN).rename(root / TRN.replace("3sesspwd", "3sess-pwd"))
    (root / NDX).rename(root / NDX.replace("3sess-pwd", "3sesspwd"))
    assert len(prepare(root)["eval"].utterances) == 32


def test_a_copy_in_wav_takes_the_place_of_sph(root: Path) -> None:
    for path in (root / "sph").glob("*/*/*.sph"):
        write_click((root / "wav" / path.relative_to(root / "sph")).with_suffix(".wav"), "WAV")
    paths = prepare(root)["eval"].utterances["path"]
    assert set(map(Path, paths)) <= set((root / "wav").rglob("*.wav"))


@pytest.mark.usefixtures("own_recordings")
def test_recordings_of_other_parts_and_other_files_are_left_out(root: Path) -> None:
    expected = find_audio(root / "sph", 2)
    write_click(root / "sph/male/m001/m001_01_001.sph")
    (root / "sph/male/m001/notes.txt").write_text("")
    assert find_audio(root / "sph", 2) == expected


@pytest.mark.usefixtures("own_recordings")
def test_all_problems_of_all_lists_are_said_at_once_with_file_and_line(root: Path) -> None:
    (root / "sph/male/m004/m004_02_031.sph").unlink()
    (root / "sph/female/f002/f002_01_031.sph").unlink()
    edit_line(root / NDX, 2, lambda line: line.replace("N,Y,N,N", "Y,Y,N,N"))
    edit_line(root / NDX, 3, lambda line: line.replace("N,N,Y,N", "N,N,N,Y"))
    edit_line(root / NDX, 5, lambda line: line.replace("m004_032", "m099_032"))
    problems = [problem.replace(str(root), "root") for problem in problems_of(root)]
    missing = problems.pop(4)
    assert missing.startswith("root: 2 recordings that the lists name are not there: f002_01_031, m004_02_031")
    assert problems == [
        f"{NDX}:5: model 'm099_032' is not in the enrollment list",
        f"{NDX}:2: flags Y,Y,N,N are not one Y and three N",
        f"{NDX}:3: the flags say IW, but model and file make it IC",
        f"{NDX}:5: the flags say TW, but model and file make it IW",
        "key/part2/trn/3sesspwd_dev_f.trn:1: 'female/f002/f002_01_031.sph': there is no such recording",
        f"{NDX}:1: 'm004/m004_02_031.sph': there is no such recording",
    ]


def test_lines_of_too_few_or_too_many_fields_are_said(root: Path) -> None:
    edit_line(root / NDX, 2, lambda line: line.removesuffix(",N"))
    edit_line(root / NDX, 5, lambda line: line + ",N")
    edit_line(root / NDX, 6, lambda line: "")
    problems = problems_of(root)
    assert [re.sub(" \\(.*", "", problem) for problem in sorted(problems)] == [
        f"{NDX}:2: 5 fields where there should be 6",
        f"{NDX}:5: 7 fields where there should be 6",
        f"{NDX}:6: the line is empty",
    ]


def test_a_model_without_enrollment_files_is_said(root: Path) -> None:
    edit_line(root / TRN, 1, lambda line: "m004_031")
    assert problems_of(root)[0].startswith(f"{TRN}:1: 1 field where there should be 4")


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("m004_07_031", "m004_07_032", "model 'm004_031' cannot be enrolled with 'male/m004/m004_07_032.sph'"),
        ("m004_07_031", "m005_07_031", "which is of m005_031"),
        ("m004_07_031", "m004_04_031", "model 'm004_031' is enrolled with one file twice"),
        ("m004_07_031", "m004-07-031", "is not named as speaker_session_sentence"),
        ("m004_07_031", "m004_07_001", "sentence 001 is not one of part 2 (031 to 060)"),
    ],
)
def test_enrollment_with_a_wrong_file_is_said(root: Path, old: str, new: str, what: str) -> None:
    edit_line(root / TRN, 1, lambda line: line.replace(old, new))
    problems = problems_of(root)
    assert all(problem.startswith(f"{TRN}:1: ") for problem in problems)
    assert what in "\n".join(problems)


def test_a_model_that_is_there_twice_is_said(root: Path) -> None:
    edit(root / TRN, lambda text: text + text.splitlines()[0] + "\n")
    assert problems_of(root) == [f"{TRN}:5: model 'm004_031' is there twice"]


@pytest.mark.parametrize("flags", ["N,N,N,N", "Y,N,N,Y", "Y,N,N,?", "y,N,N,N"])
def test_flags_other_than_one_y_and_three_n_are_said(root: Path, flags: str) -> None:
    edit_line(root / NDX, 1, lambda line: line.replace("Y,N,N,N", flags))
    assert problems_of(root) == [f"{NDX}:1: flags {flags} are not one Y and three N"]


def test_all_key_files_that_are_missing_or_there_twice_are_said(root: Path) -> None:
    (root / TRN).unlink()
    (root / NDX).unlink()
    extra = root / "key/part2/ndx/3sesspwd_dev_f.ndx"
    extra.write_text("")
    assert problems_of(root) == [
        "key/part2/ndx/3sesspwd_dev_f.ndx: the same list as 3sess-pwd_dev_f.ndx: remove one of the two",
        "key/part2/trn: neither 3sesspwd_eval_m.trn nor 3sess-pwd_eval_m.trn is there",
        "key/part2/ndx: neither 3sesspwd_eval_m.ndx nor 3sess-pwd_eval_m.ndx is there",
    ]


def test_a_speaker_in_lists_of_dev_and_eval_is_said(root: Path) -> None:
    for kind in ("trn/3sesspwd", "ndx/3sess-pwd"):
        dev, eval_ = (root / f"key/part2/{kind}_{subset}_m.{kind[:3]}" for subset in ("dev", "eval"))
        dev.write_text(dev.read_text() + eval_.read_text())
    assert problems_of(root) == [f"key: speaker {spk} is in lists of both dev and eval" for spk in ("m004", "m005")]


@pytest.mark.usefixtures("own_recordings")
def test_recordings_that_cannot_be_used_are_all_said(root: Path) -> None:
    (root / "sph/male/m004/m004_02_031.sph").write_bytes(b"")
    (root / "sph/male/m001/m001_02_031.sph").write_bytes(b"NIST_1A\n")
    assert [problem.partition(":")[0] for problem in problems_of(root)] == [
        "sph/male/m001/m001_02_031.sph",
        "sph/male/m004/m004_02_031.sph",
    ]


def test_a_folder_that_is_not_the_corpus_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SvtokError, match="neither a folder 'sph' nor a folder 'wav'"):
        prepare(tmp_path)
    (tmp_path / "sph").mkdir()
    with pytest.raises(SvtokError, match="no recordings of part 2"):
        prepare(tmp_path)


@pytest.mark.usefixtures("own_recordings")
def test_a_corpus_without_background_speakers_is_refused(root: Path) -> None:
    for spk in ("male/m001", "female/f001"):
        for path in (root / "sph" / spk).iterdir():
            path.unlink()
    with pytest.raises(SvtokError, match="nobody to train on"):
        prepare(root)


def test_a_part_that_is_not_there_is_refused(root: Path) -> None:
    with pytest.raises(SvtokError, match="part 4 of RSR2015 is not supported"):
        prepare(root, part=4)
    with pytest.raises(SvtokError, match="no recordings of part 1 are there, such as male/m001/m001_01_001"):
        prepare(root, part=1)


def test_the_command_line_writes_the_sets_and_takes_the_root_from_the_environment(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "data"
    run = CliRunner().invoke(
        svtok, ["prepare", "rsr2015", "--out", str(out), "--jobs", "1"], env={"RSR2015_ROOT": str(root)}
    )
    assert run.exit_code == 0, run.output
    assert len(read_set(out / "eval").utterances) == 32
    info = read_corpus_info(out)
    assert isinstance(info, CorpusInfo)
    assert (info.name, info.synthetic) == ("rsr2015-part2", True)


def test_a_prepared_synthetic_corpus_says_so_and_has_the_text_of_its_phrases(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "data"
    run = CliRunner().invoke(svtok, ["prepare", "rsr2015", "--root", str(root), "--out", str(out), "--jobs", "1"])
    assert run.exit_code == 0, run.output
    info = read_corpus_info(out)
    assert info is not None
    assert info.synthetic
    assert set(read_set(out / "train").utterances["text"]) == {"turn on the kitchen light", "open the front door"}


def test_a_corpus_with_problems_writes_nothing(root: Path, tmp_path: Path) -> None:
    (root / NDX).unlink()
    out = tmp_path / "data"
    run = CliRunner().invoke(svtok, ["prepare", "rsr2015", "--root", str(root), "--out", str(out), "--jobs", "1"])
    assert run.exit_code != 0
    assert not out.exists()


@pytest.mark.usefixtures("own_recordings")
def test_missing_recordings_are_left_out_and_said_with_allow_missing(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for session in ("01", "04", "07"):
        (root / f"sph/male/m004/m004_{session}_031.sph").unlink()
    (root / "sph/female/f005/f005_02_032.sph").unlink()
    eval_ = prepare(root, allow_missing=True)["eval"]
    assert eval_.models is not None
    assert eval_.trials is not None
    assert (len(eval_.utterances), len(eval_.models)) == (28, 7)
    assert not {"m004_031"} & set(eval_.trials["model"])
    assert not {"f005_02_032"} & set(eval_.trials["utt"])
    said = capsys.readouterr().err
    names = "f005_02_032, m004_01_031, m004_04_031, m004_07_031"
    assert f"4 recordings that the lists name are not there: {names}; what needs them is left out" in said


@pytest.mark.usefixtures("own_recordings")
def test_lists_of_one_release_with_audio_of_another_are_said(root: Path) -> None:
    folder = root / "sph/male/m004"
    (folder / "m004_02_031.sph").rename(folder / "m004_03_031.sph")
    hint = "1 recordings of speakers of the lists are there that no list names, such as m004_03_031: are the lists and"
    assert any(hint in problem for problem in problems_of(root))


def test_the_counts_of_a_corpus_that_is_not_synthetic_are_the_published_ones(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "synthetic.yaml").unlink()
    with pytest.raises(SvtokError) as caught:
        prepare(root)
    assert "2 of 57 speakers of eval m (55 missing); " in str(caught.value)
    assert "of 9202704 all trials of eval m" in str(caught.value)
    assert "TC trials" not in str(caught.value)
    warned = capsys.readouterr().err
    assert "warning: " in warned
    assert "other counts than are remembered" in warned
    assert "4 of 10248 TC trials of eval m" in warned
    sets = prepare(root, allow_missing=True)
    assert "1 of 50 speakers of bkg m (49 missing)" in capsys.readouterr().err
    assert "text" not in sets["eval"].utterances


def test_without_audio_the_lists_alone_are_prepared(root: Path) -> None:
    with_audio = prepare(root)
    (root / "sph").unlink()
    with pytest.raises(SvtokError, match="--no-audio prepares the lists alone"):
        prepare(root)
    for name, prepared in prepare(root, audio=False).items():
        expected = with_audio[name].utterances.drop(columns=["num_samples", "sample_rate", "path"])
        assert prepared.utterances.drop(columns="path").equals(expected)
        assert set(prepared.utterances["path"]) == {
            f"{root}/sph/{UtteranceName.parse(utt).file_with_gender}" for utt in prepared.utterances["utt"]
        }


@pytest.mark.parametrize("below", ["", "wav"])
@pytest.mark.usefixtures("own_recordings")
def test_recordings_may_be_elsewhere(root: Path, tmp_path: Path, below: str) -> None:
    for path in (root / "sph").glob("*/*/*.sph"):
        write_click((tmp_path / "copy" / below / path.relative_to(root / "sph")).with_suffix(".wav"), "WAV")
    shutil.rmtree(root / "sph")
    paths = prepare(root, audio_root=tmp_path / "copy")["eval"].utterances["path"]
    assert all(path.startswith(str(tmp_path / "copy")) for path in paths)
    with pytest.raises(SvtokError, match="there is no such folder"):
        prepare(root, audio_root=tmp_path / "other")
