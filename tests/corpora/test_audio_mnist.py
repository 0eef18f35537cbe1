import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from svtok.cli.main import svtok
from svtok.corpora.audio_mnist import GROUPS, prepare, split
from svtok.errors import ProblemsError, SvtokError
from svtok.manifest.sets import read_set

pytestmark = pytest.mark.slow

SPEAKERS = {"26": "female", "52": "female", "12": "male", "47": "female", "28": "male"}  # eval, eval, dev, dev, train


@pytest.fixture
def root(tmp_path: Path, silence: Callable[..., None]) -> Path:
    """The speakers say two digits, five times each."""
    root = tmp_path / "corpus"
    for speaker in SPEAKERS:
        for digit in (0, 7):
            for take in range(5):
                silence(root / "data" / speaker / f"{digit}_{speaker}_{take}.wav", rate=48000)
    (root / "data/26/notes.txt").write_text("recorded twice")
    meta = {speaker: {"gender": gender, "accent": "German"} for speaker, gender in SPEAKERS.items()}
    (root / "data/audioMNIST_meta.txt").write_text(json.dumps(meta))
    return root


def test_the_groups_have_each_of_the_60_speakers_once() -> None:
    assert sorted(number for group in GROUPS for number in group) == list(range(1, 61))


def test_every_fold_evaluates_one_group_and_validates_on_the_one_before_it() -> None:
    folds = [split(fold) for fold in range(1, 6)]
    assert folds[0]["eval"][:3] == ["05", "13", "18"]
    assert folds[0]["dev"][:3] == ["04", "11", "12"]
    for fold, following in zip(folds, [*folds[1:], folds[0]], strict=True):
        assert following["dev"] == fold["eval"]
        assert sorted(fold["train"] + fold["dev"] + fold["eval"]) == [f"{number:02d}" for number in range(1, 61)]


@pytest.mark.parametrize("fold", [0, 6])
def test_a_fold_that_is_not_is_refused(fold: int) -> None:
    with pytest.raises(SvtokError, match=f"fold {fold} does not exist: folds are numbered 1 to 5"):
        split(fold)


def test_a_tree_becomes_tables_with_gender_in_utterances_and_models(root: Path) -> None:
    sets = prepare(root, allow_missing=True)
    assert {name: sorted(prepared.utterances["spk"].unique()) for name, prepared in sets.items()} == {
        "train": ["28"],
        "dev": ["12", "47"],
        "eval": ["26", "52"],
    }
    first = sets["dev"].utterances.set_index("utt").loc["12-seven-4"]
    assert first[["phrase", "gender", "text", "lang", "sample_rate"]].tolist() == ["seven", "m", "seven", "en", 48000]
    models, trials = sets["dev"].models, sets["dev"].trials
    assert models is not None
    assert trials is not None
    assert models[["model", "gender"]].to_numpy().tolist() == [
        ["12-seven", "m"],
        ["12-zero", "m"],
        ["47-seven", "f"],
        ["47-zero", "f"],
    ]
    # 4 models; tests: 2 speakers x 2 digits x takes 3 and 4
    assert trials["type"].value_counts().to_dict() == {"TC": 8, "TW": 8, "IC": 8, "IW": 4}


def test_a_part_of_the_corpus_is_refused(root: Path) -> None:
    with pytest.raises(SvtokError, match=r"5 of 60 speakers .*2 of 10 phrases .*50 of 30000 recordings"):
        prepare(root)


def test_all_bad_names_and_unknown_genders_are_said_at_once(root: Path) -> None:
    (root / "data/26/7_27_0.wav").write_bytes(b"x")
    (root / "data/26/seven.wav").write_bytes(b"x")
    meta = {speaker: {"gender": gender} for speaker, gender in SPEAKERS.items()} | {"26": {"age": 30}}
    del meta["12"]
    (root / "data/audioMNIST_meta.txt").write_text(json.dumps(meta))
    with pytest.raises(ProblemsError) as caught:
        prepare(root, allow_missing=True)
    assert [problem.what.split(" (")[0].split(":")[0] for problem in caught.value.problems] == [
        "not named as a take",
        "not named as a take",
        "speaker 12 has no gender",
        "speaker 26 has no gender",
    ]


@pytest.mark.parametrize("content", ["{", "[]", '{"26": 1}'])
def test_a_meta_file_that_is_none_is_said(root: Path, content: str) -> None:
    (root / "data/audioMNIST_meta.txt").write_text(content)
    with pytest.raises(ProblemsError, match=r"audioMNIST_meta.txt: not JSON with an object for each speaker"):
        prepare(root, allow_missing=True)


def test_missing_files_are_said(root: Path, tmp_path: Path) -> None:
    (root / "data/audioMNIST_meta.txt").unlink()
    with pytest.raises(ProblemsError, match=r"audioMNIST_meta.txt: there is no such file"):
        prepare(root, allow_missing=True)
    with pytest.raises(SvtokError, match="repository soerenab/AudioMNIST"):
        prepare(tmp_path)


def test_the_command_writes_sets_that_can_be_read(root: Path, tmp_path: Path) -> None:
    arguments = ["--root", str(root), "--out", str(tmp_path / "out"), "--jobs", "1", "--allow-missing"]
    result = CliRunner().invoke(svtok, ["prepare", "audio-mnist", *arguments])
    assert result.exit_code == 0, result.output
    assert read_set(tmp_path / "out/eval").utterances["gender"].unique().tolist() == ["f"]
