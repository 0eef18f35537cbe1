from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from svtok.cli.main import svtok
from svtok.corpora.arabic_commands import AUTHORS_SPLIT, prepare, split_in_folds
from svtok.errors import ProblemsError, SvtokError
from svtok.manifest.sets import read_set

pytestmark = pytest.mark.slow

SPEAKERS = (1, 5, 2, 7, 3, 4)  # two of each set of the authors' split
Make = Callable[..., Path]


@pytest.fixture
def make_tree(tmp_path: Path) -> Make:
    """A corpus of half-second files of silence."""

    def make(speakers: tuple[int, ...] = SPEAKERS, takes: int = 4, words: tuple[str, ...] = ("up", "zoom in")) -> Path:
        for word in words:
            (tmp_path / "dataset" / word).mkdir(parents=True)
            for speaker in speakers:
                for take in range(1, takes + 1):
                    name = f"{speaker:08d}_NO_{take:02d}.{'wav' if take % 2 else 'flac'}"
                    soundfile.write(tmp_path / "dataset" / word / name, np.zeros(8000), 16000)
        return tmp_path

    return make


def test_the_authors_split_has_each_of_the_30_speakers_once() -> None:
    assert sorted(number for numbers in AUTHORS_SPLIT.values() for number in numbers) == list(range(1, 31))


def test_a_tree_becomes_the_tables_of_the_authors_split(make_tree: Make) -> None:
    root = make_tree()
    sets = prepare(root)
    assert {name: sorted(s.utterances["spk"].unique()) for name, s in sets.items()} == {
        "train": ["00000001", "00000005"],
        "dev": ["00000002", "00000007"],
        "eval": ["00000003", "00000004"],
    }
    assert sets["train"].models is None
    first = sets["eval"].utterances.set_index("utt").loc["00000003-zoom-in-01"].to_dict()
    assert first == {
        "path": str((root / "dataset/zoom in/00000003_NO_01.wav").resolve()),
        "spk": "00000003",
        "phrase": "zoom-in",
        "num_samples": 8000,
        "sample_rate": 16000,
    }


def test_the_first_takes_enroll_and_the_others_are_tests(make_tree: Make) -> None:
    evaluation = prepare(make_tree(takes=12), enroll_takes=10)["eval"]
    assert evaluation.models is not None
    assert evaluation.trials is not None
    model = evaluation.models.set_index("model").loc["00000003-up"]
    assert model["utts"].split() == [f"00000003-up-{take:02d}" for take in range(1, 11)]
    # 4 models; tests: 2 speakers x 2 words x takes 11 and 12
    assert evaluation.trials["type"].value_counts().to_dict() == {"TC": 8, "TW": 8, "IC": 8, "IW": 4}


def test_every_fold_evaluates_its_own_speakers_and_takes_the_next_for_dev() -> None:
    speakers = [f"{number:08d}" for number in range(1, 31)]
    parts = [split_in_folds(speakers, 5, fold) for fold in range(1, 6)]
    assert sorted(speaker for part in parts for speaker in part["eval"]) == speakers
    for part, following in zip(parts, [*parts[1:], parts[0]], strict=True):
        assert part["dev"] == following["eval"]
        assert sorted(part["train"] + part["dev"] + part["eval"]) == speakers


@pytest.mark.parametrize(("folds", "fold"), [(2, 1), (7, 1), (5, 0), (5, 6)])
def test_folds_that_cannot_be_are_refused(folds: int, fold: int) -> None:
    with pytest.raises(SvtokError, match="fold"):
        split_in_folds([str(number) for number in range(6)], folds, fold)


def test_folds_without_fold_are_refused(make_tree: Make) -> None:
    with pytest.raises(SvtokError, match="come together"):
        prepare(make_tree(), folds=5)


def test_excluded_takes_are_left_out_whatever_their_format(make_tree: Make, capsys: pytest.CaptureFixture[str]) -> None:
    root = make_tree()
    (root / "EXCLUDE.tsv").write_text(
        "dataset/zoom in/00000003_NO_01.flac\tduplicate\n"  # a WAV in this tree
        "dataset/up/00000003_NO_02.flac\tduplicate\n"
        "dataset/up/00000030_NO_09.flac\tnot there\n"
    )
    utts = set(prepare(root)["eval"].utterances["utt"])
    assert len(utts) == 14
    said = "2 recordings, such as 00000003-up-02, are in EXCLUDE.tsv, and are left out"
    assert said in capsys.readouterr().err
    assert not utts & {"00000003-zoom-in-01", "00000003-up-02"}


def test_all_problems_are_said_at_once(make_tree: Make) -> None:
    root = make_tree()
    (root / "EXCLUDE.tsv").write_text("dataset/up/00000003_NO_01.flac\tduplicate\nup/00000003_NO_02.flac\tduplicate\n")
    up = root / "dataset/up"
    (up / "3_NO_01.wav").write_bytes(b"x")
    (root / "dataset/notes.txt").write_text("x")
    (up / "00000004_NO_01.wav").write_bytes(b"")
    soundfile.write(up / "00000004_NO_03.wav", np.zeros((8000, 2)), 16000)
    soundfile.write(up / "00000004_NO_02.wav", np.zeros(8000), 16000)  # beside 00000004_NO_02.flac
    with pytest.raises(ProblemsError) as caught:
        prepare(root)
    said = [str(problem) for problem in caught.value.problems]
    for expected in (
        f"{root / 'EXCLUDE.tsv'}:2: must be",
        f"{up / '3_NO_01.wav'}: not named as a take",
        f"{root / 'dataset/notes.txt'}: a file where",
        f"{up / '00000004_NO_01.wav'}: is empty",
        f"{up / '00000004_NO_03.wav'}: has 2 channels",
        f"{up / '00000004_NO_02.wav'}: the same take as {up / '00000004_NO_02.flac'}",
    ):
        assert any(line.startswith(expected) for line in said), (expected, said)
    assert len(said) == 6


def test_unknown_speakers_and_empty_sets_need_folds(make_tree: Make) -> None:
    root = make_tree(speakers=(1, 2, 31))
    with pytest.raises(ProblemsError, match="speaker 00000031 is not in the authors' split"):
        prepare(root)
    assert set(prepare(root, folds=3, fold=2)["eval"].utterances["spk"]) == {"00000002"}


def test_background_noise_is_no_word(make_tree: Make) -> None:
    root = make_tree()
    (root / "dataset/background_noise").mkdir()
    (root / "dataset/background_noise/running_tap.wav").write_bytes(b"x")
    assert set(prepare(root)["eval"].utterances["phrase"]) == {"up", "zoom-in"}


def test_the_command_writes_sets_that_can_be_read(make_tree: Make, tmp_path: Path) -> None:
    out = tmp_path / "prepared"
    result = CliRunner().invoke(svtok, ["prepare", "arabic-commands", "--root", str(make_tree()), "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert len(read_set(out / "eval").utterances) == 16


def test_a_folder_without_the_corpus_is_refused_with_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(SvtokError, match=r"dataset: there is no such folder.*arabic-speech-commands-dataset"):
        prepare(tmp_path)
    (tmp_path / "dataset/up").mkdir(parents=True)
    with pytest.raises(SvtokError, match="no recordings"):
        prepare(tmp_path)
