from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from svtok.cli.main import svtok
from svtok.corpora import speech_commands
from svtok.corpora.common import Published
from svtok.corpora.speech_commands import prepare
from svtok.errors import ProblemsError, SvtokError
from svtok.manifest.sets import read_set

pytestmark = pytest.mark.slow

TRAIN, DEV, EVAL = ("00000001",), ("0000000a", "0000000b"), ("000000c1", "000000c2", "000000c3")


@pytest.fixture
def root(tmp_path: Path, silence: Callable[..., None]) -> Path:
    """Each speaker says 'go' four times and 'yes' twice; one word of noise; the lists of the authors' split."""
    root = tmp_path / "corpus"
    for speaker in (*TRAIN, *DEV, *EVAL):
        for word, takes in (("go", 4), ("yes", 2)):
            for take in range(takes):
                silence(root / word / f"{speaker}_nohash_{take}.wav")
    silence(root / "_background_noise_" / "running_tap.wav")
    (root / "README.md").write_text("about")
    for name, speakers in (("validation_list.txt", DEV), ("testing_list.txt", EVAL)):
        (root / name).write_text("".join(f"go/{speaker}_nohash_0.wav\n" for speaker in speakers))
    return root


def test_the_sets_are_those_of_the_lists_and_the_others_train(root: Path) -> None:
    sets = prepare(root, allow_missing=True)
    found = {name: tuple(sorted(prepared.utterances["spk"].unique())) for name, prepared in sets.items()}
    assert found == {"train": TRAIN, "dev": DEV, "eval": EVAL}
    assert sets["train"].models is None
    assert sets["eval"].utterances.set_index("utt").loc["000000c1-go-3"].to_dict() == {
        "path": str((root / "go/000000c1_nohash_3.wav").resolve()),
        "spk": "000000c1",
        "phrase": "go",
        "text": "go",
        "lang": "en",
        "num_samples": 1600,
        "sample_rate": 16000,
    }


def test_words_with_more_takes_than_enroll_become_models_and_the_others_are_impostors(root: Path) -> None:
    evaluation = prepare(root, allow_missing=True)["eval"]
    assert evaluation.models is not None
    assert evaluation.trials is not None
    assert evaluation.models["model"].tolist() == [f"{speaker}-go" for speaker in EVAL]
    assert evaluation.models["utts"].iloc[0] == "000000c1-go-0 000000c1-go-1"
    # tests of each speaker: 2 of 'go' and 2 of 'yes', which no model says; each meets its own model and the 2 others
    assert evaluation.trials["type"].value_counts().to_dict() == {"TC": 6, "TW": 6, "IC": 12, "IW": 12}


def test_no_test_meets_more_impostors_of_a_type_than_asked_for(root: Path) -> None:
    evaluation = prepare(root, impostors=1, allow_missing=True)["eval"]
    assert evaluation.trials is not None
    assert evaluation.trials["type"].value_counts().to_dict() == {"TC": 6, "TW": 6, "IC": 6, "IW": 6}


def test_enrolling_with_more_takes_than_there_are_is_refused(root: Path) -> None:
    with pytest.raises(SvtokError, match="set dev: no speaker says a word more than 4 times; use fewer"):
        prepare(root, enroll_takes=4, allow_missing=True)


def test_a_part_of_the_corpus_is_refused_with_the_published_counts(root: Path) -> None:
    with pytest.raises(
        SvtokError, match=r"2 of 35 phrases \(33 missing\); 6 of 2618 speakers .*36 of 105829 recordings"
    ):
        prepare(root)


def test_the_whole_corpus_needs_no_leave(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Published({"phrases": 2, "speakers": 6, "recordings": 36}, "this test")
    monkeypatch.setattr(speech_commands, "PUBLISHED", whole)
    assert set(prepare(root)) == {"train", "dev", "eval"}


def test_all_bad_names_and_lines_are_said_at_once(root: Path) -> None:
    (root / "go" / "someone_1.wav").write_bytes(b"x")
    (root / "validation_list.txt").write_text("go/0000000a_nohash_0.wav\nnonsense\ngo/000000c1_nohash_0.wav\n")
    with pytest.raises(ProblemsError) as caught:
        prepare(root, allow_missing=True)
    said = [str(problem) for problem in caught.value.problems]
    assert [line.split(": ")[0].removeprefix(str(root)) for line in said] == [
        "/go/someone_1.wav",
        "/validation_list.txt:2",
        "/testing_list.txt",
    ]
    assert "speaker 000000c1 is also in validation_list.txt" in said[2]


def test_recordings_that_cannot_be_used_are_said_at_once(root: Path, silence: Callable[..., None]) -> None:
    (root / "go/00000001_nohash_0.wav").write_bytes(b"")
    silence(root / "go/0000000a_nohash_1.wav", channels=2)
    with pytest.raises(ProblemsError) as caught:
        prepare(root, allow_missing=True)
    assert [problem.what.split(";")[0] for problem in caught.value.problems] == [
        "is empty (0 bytes)",
        "has 2 channels, not one",
    ]


def test_missing_lists_and_folders_are_said(root: Path, tmp_path: Path) -> None:
    (root / "testing_list.txt").unlink()
    with pytest.raises(ProblemsError, match=r"testing_list.txt: there is no such file; it comes with the archive"):
        prepare(root, allow_missing=True)
    with pytest.raises(SvtokError, match=r"speech_commands_v0.02.tar.gz"):
        prepare(tmp_path / "nowhere")


def test_the_command_writes_what_can_be_read_and_says_what_is_missing(root: Path, tmp_path: Path) -> None:
    arguments = ["prepare", "speech-commands", "--root", str(root), "--out", str(tmp_path / "out"), "--jobs", "1"]
    refused = CliRunner().invoke(svtok, arguments)
    assert refused.exit_code != 0
    assert not (tmp_path / "out").exists()
    result = CliRunner().invoke(svtok, [*arguments, "--allow-missing"])
    assert result.exit_code == 0, result.output
    assert "36 of 105829 recordings" in result.output
    assert len(read_set(tmp_path / "out/eval").utterances) == 18
