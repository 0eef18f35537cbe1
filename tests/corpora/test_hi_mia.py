from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from svtok.cli.main import svtok
from svtok.corpora.hi_mia import prepare
from svtok.errors import ProblemsError, SvtokError
from svtok.manifest.sets import read_set

pytestmark = pytest.mark.slow

TRIALS_MIC = (
    "SV0301_7_01_N0001.wav SV0301_2_{}_N0002.wav target\nSV0301_7_01_N0001.wav SV0302_2_{}_N0002.wav nontarget\n"
)
TRIALS_1M = "SV0301_2_{}_N0001.wav SV0301_2_{}_N0002.wav target\n"


@pytest.fixture
def root(tmp_path: Path, silence: Callable[..., None]) -> Path:
    """Two speakers a set, each with two recordings of an array of two microphones and four close-talking ones."""
    root = tmp_path / "corpus"
    for set_name, folder, speakers in (
        ("train", "SPEECHDATA/wav/{}", ("SV0001", "SV0002")),
        ("dev", "SPEECHDATA/wav/{}", ("SV0201", "SV0202")),
        ("test", "wav", ("SV0301", "SV0302")),
    ):
        for speaker in speakers:
            names = [f"2_{microphone}_N000{take}" for microphone in ("01", "02") for take in (1, 2)]
            names += [f"7_01_N000{take}" for take in (1, 2, 3, 4)]
            for name in names:
                silence(root / set_name / folder.format(speaker) / f"{speaker}_{name}.wav")
    (root / "test/trials_mic").write_text(TRIALS_MIC)
    (root / "test/trials_1m").write_text(TRIALS_1M)
    return root


def test_the_sets_are_the_official_ones_and_say_one_phrase(root: Path) -> None:
    sets = prepare(root, allow_missing=True)
    assert {name: sorted(prepared.utterances["spk"].unique()) for name, prepared in sets.items()} == {
        "train": ["SV0001", "SV0002"],
        "dev": ["SV0201", "SV0202"],
        "eval": ["SV0301", "SV0302"],
    }
    first = sets["train"].utterances.set_index("utt").loc["SV0001_2_01_N0001"]
    assert first["phrase"] == "ni-hao-mi-ya"
    assert first["num_samples"] == 1600
    assert first["path"] == str((root / "train/SPEECHDATA/wav/SV0001/SV0001_2_01_N0001.wav").resolve())


def test_dev_is_enrolled_with_the_first_close_talking_recordings(root: Path) -> None:
    dev = prepare(root, allow_missing=True)["dev"]
    assert dev.models is not None
    assert dev.trials is not None
    assert dev.models["utts"].tolist() == [
        f"{speaker}_7_01_N0001 {speaker}_7_01_N0002 {speaker}_7_01_N0003" for speaker in ("SV0201", "SV0202")
    ]
    # tests: 2 speakers x (4 of the array + 1 close)
    assert dev.trials["type"].value_counts().to_dict() == {"TC": 10, "IC": 10, "TW": 0, "IW": 0}


def test_an_official_trial_is_one_for_each_microphone_of_the_array(root: Path) -> None:
    evaluation = prepare(root, allow_missing=True)["eval"]
    assert evaluation.models is not None
    assert evaluation.trials is not None
    assert evaluation.models.to_dict("records") == [
        {"model": "SV0301_7_01_N0001", "spk": "SV0301", "phrase": "ni-hao-mi-ya", "utts": "SV0301_7_01_N0001"}
    ]
    assert evaluation.trials.astype(str).to_numpy().tolist() == [
        ["SV0301_7_01_N0001", "SV0301_2_01_N0002", "TC"],
        ["SV0301_7_01_N0001", "SV0301_2_02_N0002", "TC"],
        ["SV0301_7_01_N0001", "SV0302_2_01_N0002", "IC"],
        ["SV0301_7_01_N0001", "SV0302_2_02_N0002", "IC"],
    ]
    assert len(evaluation.utterances) == 5  # what the trials name


def test_trials_at_one_metre_have_the_same_microphone_on_both_sides(root: Path) -> None:
    evaluation = prepare(root, trials="1m", allow_missing=True)["eval"]
    assert evaluation.trials is not None
    assert evaluation.trials[["model", "utt"]].astype(str).to_numpy().tolist() == [
        ["SV0301_2_01_N0001", "SV0301_2_01_N0002"],
        ["SV0301_2_02_N0001", "SV0301_2_02_N0002"],
    ]


def test_one_microphone_of_the_arrays_can_be_chosen(root: Path) -> None:
    sets = prepare(root, microphones=["02"], allow_missing=True)
    assert len(sets["train"].utterances) == 2 * (2 + 4)
    assert sets["eval"].trials is not None
    assert sets["eval"].trials["utt"].astype(str).tolist() == ["SV0301_2_02_N0002", "SV0302_2_02_N0002"]
    with pytest.raises(ProblemsError, match=r"unknown microphone '16' \(known: 01, 02\)"):
        prepare(root, microphones=["16"], allow_missing=True)


def test_the_folder_of_the_second_test_set_may_keep_its_name(root: Path) -> None:
    (root / "test").rename(root / "test_v2")
    assert set(prepare(root, allow_missing=True)) == {"train", "dev", "eval"}


def test_a_part_is_refused_or_prepared_with_what_is_missing(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "train").rename(tmp_path / "elsewhere")
    with pytest.raises(SvtokError, match="0 of 254 train speakers"):
        prepare(root)
    assert set(prepare(root, allow_missing=True)) == {"dev", "eval"}
    warned = capsys.readouterr().err
    assert "0 of 254 train speakers" in warned
    assert "remembered, which may be wrong: 0 of 993083 train recordings" in warned


def test_trials_without_recordings_are_refused_or_left_out(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "test/trials_mic").write_text(TRIALS_MIC + "SV0301_7_01_N0009.wav SV0301_2_{}_N0002.wav target\n")
    evaluation = prepare(root, allow_missing=True)["eval"]
    assert evaluation.trials is not None
    assert len(evaluation.trials) == 4
    assert "trials_mic: 1 lines are left out" in capsys.readouterr().err


def test_every_bad_line_of_the_trials_is_said(root: Path) -> None:
    lines = [
        "SV0301_7_01_N0001.wav SV0302_2_{}_N0002.wav target",
        "SV0301_7_01_N0001.wav SV0301_2_{}_N0002.wav",
        "SV0301_7_01_N0001.wav SV0301_2_{}_N0002.wav yes",
        "SV0301_7_01_N0001.wav {0.x} target",
        "SV0301_7_01_N0002.wav SV0301_2_{}_N0002.wav target",
        "SV0301_7_01_N0002.wav SV0301_2_{}_N0002.wav target",
    ]
    (root / "test/trials_mic").write_text("\n".join(lines))
    with pytest.raises(ProblemsError) as caught:
        prepare(root, allow_missing=True)
    assert [(problem.line, problem.what.split(",")[0]) for problem in caught.value.problems] == [
        (1, "the label is target"),
        (2, "must be two recordings and a label"),
        (3, "unknown label 'yes' (known: target"),
        (4, "must be two recordings and a label"),
        (6, "the same trial as in line 5"),
    ]


def test_bad_names_and_the_withdrawn_test_set_are_refused(root: Path, silence: Callable[..., None]) -> None:
    for name in ("a.wav", "b.wav"):
        silence(root / "dev/SPEECHDATA/wav/SV0201" / name)
    with pytest.raises(ProblemsError, match="2 problems found"):
        prepare(root, allow_missing=True)
    silence(root / "train/SPEECHDATA/wav/id00001_04.wav")
    with pytest.raises(SvtokError, match=r"the withdrawn test.tar.gz"):
        prepare(root, allow_missing=True)


def test_a_folder_that_is_no_corpus_and_missing_trials_are_said(root: Path, tmp_path: Path) -> None:
    with pytest.raises(SvtokError, match="not HI-MIA: none of the folders train/SPEECHDATA/wav"):
        prepare(tmp_path)
    (root / "test/trials_mic").unlink()
    with pytest.raises(SvtokError, match=r"trials_mic: there is no such file; it comes with test_v2.tar.gz"):
        prepare(root, allow_missing=True)


def test_the_command_writes_sets_that_can_be_read(root: Path, tmp_path: Path) -> None:
    arguments = ["--root", str(root), "--out", str(tmp_path / "out"), "--microphone", "01", "--jobs", "1"]
    result = CliRunner().invoke(svtok, ["prepare", "hi-mia", *arguments, "--allow-missing"])
    assert result.exit_code == 0, result.output
    assert len(read_set(tmp_path / "out/eval").utterances) == 3
