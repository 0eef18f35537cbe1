from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from svtok.cli.main import svtok
from svtok.corpora import reddots
from svtok.corpora.common import Published
from svtok.corpora.reddots import phrase_of, prepare
from svtok.errors import ProblemsError, SvtokError
from svtok.manifest.sets import read_set

pytestmark = pytest.mark.slow

TEXTS = {"31": "My voice is my password", "32": "OK Google"}
COUNTS = {"TC trials": 4, "TW trials": 4, "IC trials": 4, "IW trials": 4}


@pytest.fixture
def root(tmp_path: Path, silence: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two speakers a gender say two phrases in three sessions; the first two enroll, the third is a test of all."""
    monkeypatch.setattr(reddots, "PUBLISHED", {"m_part_01.ndx": Published(COUNTS, "this test")})
    root = tmp_path / "reddots"
    script = []
    for folder in ("ndx", "infos"):
        (root / folder).mkdir(parents=True)
    for gender in "fm":
        trn, ndx = [], []
        models = [(f"{gender}000{number}", sentence) for number in (1, 2) for sentence in TEXTS]
        for speaker, sentence in models:
            files = [f"{speaker}/2015010{session}_{speaker}_{sentence}" for session in (1, 2, 3)]
            script += [f"{file.split('/')[1]};{TEXTS[sentence]}" for file in files]
            trn.append(f"{speaker}_{sentence} {','.join(files[:2])}")
            for file in files:
                silence(root / "wav" / f"{file}.wav")
            for model_speaker, model_sentence in models:
                flags = ["N"] * 4
                flags[2 * (speaker != model_speaker) + (sentence != model_sentence)] = "Y"
                ndx.append(f"{model_speaker}_{model_sentence},{files[2]},{','.join(flags)}")
        (root / "ndx" / f"{gender}_part_01.trn").write_text("\n".join(trn) + "\n")
        (root / "ndx" / f"{gender}_part_01.ndx").write_text("\n".join(ndx) + "\n")
    (root / "infos/script.txt").write_text("\n".join(script) + "\n")
    return root


def test_the_lists_become_one_set_of_both_genders(root: Path) -> None:
    sets = prepare(root)
    assert set(sets) == {"eval"}
    evaluation = sets["eval"]
    assert evaluation.models is not None
    assert evaluation.trials is not None
    assert evaluation.models.set_index("model").loc["m0001_31"].to_dict() == {
        "spk": "m0001",
        "phrase": "my-voice-is-my-password",
        "utts": "20150101_m0001_31 20150102_m0001_31",
        "gender": "m",
    }
    assert evaluation.trials["type"].value_counts().to_dict() == {"TC": 8, "TW": 8, "IC": 8, "IW": 8}
    assert evaluation.utterances.set_index("utt").loc["20150103_f0002_32"].to_dict() == {
        "path": str((root / "wav/f0002/20150103_f0002_32.wav").resolve()),
        "spk": "f0002",
        "phrase": "ok-google",
        "gender": "f",
        "lang": "en",
        "text": "OK Google",
        "num_samples": 1600,
        "sample_rate": 16000,
    }


def test_a_phrase_is_its_text_whatever_its_case_and_marks() -> None:
    assert phrase_of("There's no such thing as a free lunch ") == "there-s-no-such-thing-as-a-free-lunch"
    assert phrase_of("live long, and prosper") == phrase_of("Live long and prosper!")


def test_recordings_may_be_elsewhere(root: Path, tmp_path: Path) -> None:
    (root / "wav").rename(tmp_path / "flac")
    assert len(prepare(root, audio_root=tmp_path / "flac")["eval"].utterances) == 24
    with pytest.raises(SvtokError, match="there is no folder of recordings"):
        prepare(root)


def test_raw_recordings_are_refused_with_the_command_that_converts_them(root: Path) -> None:
    (root / "wav").rename(root / "pcm")
    for path in (root / "pcm").glob("*/*.wav"):
        path.rename(path.with_suffix(".pcm"))
    with pytest.raises(SvtokError, match=r"raw \.pcm files.*sox -t raw -r 16000 -e signed -b 16"):
        prepare(root)


def test_missing_recordings_are_all_said_or_left_out(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "wav/m0001/20150101_m0001_31.wav").unlink()  # enrolls m0001_31
    (root / "wav/f0001/20150103_f0001_31.wav").unlink()  # is a test of four models
    with pytest.raises(ProblemsError, match="2 problems found"):
        prepare(root)
    evaluation = prepare(root, allow_missing=True)["eval"]
    assert evaluation.models is not None
    assert evaluation.trials is not None
    assert len(evaluation.models) == 7
    assert len(evaluation.trials) == 32 - 4 - 4
    assert set(evaluation.trials["model"].cat.categories) == set(evaluation.models["model"])
    assert "2 recordings are missing; 1 models and 8 trials are left out" in capsys.readouterr().err


def test_other_counts_of_trials_than_are_remembered_are_warned_of(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    remembered = Published({}, "this test", remembered=COUNTS)
    monkeypatch.setattr(reddots, "PUBLISHED", {"m_part_01.ndx": remembered})
    ndx = root / "ndx/m_part_01.ndx"
    ndx.write_text("".join(ndx.read_text().splitlines(keepends=True)[1:]))  # the first is TC
    trials = prepare(root)["eval"].trials
    assert "which may be wrong: 3 of 4 TC trials (1 missing)" in capsys.readouterr().err
    assert trials is not None
    assert len(trials) == 31


def test_the_problems_of_all_lists_are_said_with_their_lines(root: Path) -> None:
    trn, ndx = root / "ndx/f_part_01.trn", root / "ndx/m_part_01.ndx"
    lines = trn.read_text().splitlines()
    trn.write_text("\n".join([lines[0], lines[0], lines[1].replace("f0001/2015", "f0002/2015", 1), "f0002_32"]))
    test = "m0001/20150103_m0001_31"
    ndx.write_text(
        f"m0001_31,{test},Y,Y,N,N\n"
        f"m0009_31,{test},N,N,Y,N\n"
        "m0001_31,m0001/20150109_m0001_31,Y,N,N,N\n"
        f"m0001_31,{test},y,N,N,N\n"
    )
    with pytest.raises(ProblemsError) as caught:
        prepare(root)
    said = [(problem.path, problem.line, problem.what) for problem in caught.value.problems]
    assert [(Path(str(path)).name, line) for path, line, _ in said] == [
        ("f_part_01.trn", 2),
        ("f_part_01.trn", 3),
        ("f_part_01.trn", 4),
        ("f_part_01.ndx", 3),
        ("m_part_01.ndx", 1),
        ("m_part_01.ndx", 4),
        ("m_part_01.ndx", 2),
        ("m_part_01.ndx", 3),
    ]
    for (_, _, what), expected in zip(
        said,
        [
            "model 'f0001_31' is there twice",
            "is not named as speaker/time_speaker_sentence",
            "must be a model and its files",
            "model 'f0002_31' is not in f_part_01.trn",
            "flags Y,Y,N,N are not one Y and three N",
            "flags y,N,N,N are not one Y and three N",
            "model 'm0009_31' is not in m_part_01.trn",
            "'20150109_m0001_31' has no text in infos/script.txt",
        ],
        strict=True,
    ):
        assert expected in what


def test_flags_that_disagree_with_speaker_and_text_are_an_error(root: Path) -> None:
    ndx = root / "ndx/m_part_01.ndx"
    ndx.write_text(ndx.read_text().replace("Y,N,N,N", "N,N,N,Y", 1))
    with pytest.raises(ProblemsError, match=r"m_part_01.ndx:1: the flags say IW, but by speakers and texts .* is TC"):
        prepare(root)


def test_a_model_of_several_texts_is_an_error(root: Path) -> None:
    script = root / "infos/script.txt"
    script.write_text(script.read_text().replace("20150102_m0002_31;My voice is", "20150102_m0002_31;This is"))
    with pytest.raises(ProblemsError, match=r"m_part_01.trn:3: model 'm0002_31' is enrolled with files of another"):
        prepare(root)


def test_texts_of_another_encoding_are_read_and_lines_of_another_form_said(root: Path) -> None:
    script = root / "infos/script.txt"
    script.write_bytes(script.read_bytes() + "20150101_m0001_99;caf\u00e9\n".encode("cp1252"))
    assert "eval" in prepare(root)
    script.write_bytes(script.read_bytes() + b"20150101_m0001_98\n;text\n")
    with pytest.raises(ProblemsError, match="2 problems found"):
        prepare(root)


def test_what_is_not_the_corpus_is_said(root: Path, tmp_path: Path) -> None:
    with pytest.raises(SvtokError, match=r"script.txt: there is no such file; --root must name .* RedDots"):
        prepare(tmp_path)
    with pytest.raises(SvtokError, match=r"part 4 of RedDots is not supported \(known: 1, 2, 3\)"):
        prepare(root, part=4)
    with pytest.raises(ProblemsError, match="4 problems found"):
        prepare(root, part=2)


def test_the_command_writes_a_set_that_can_be_read(root: Path, tmp_path: Path) -> None:
    arguments = ["--root", str(root), "--out", str(tmp_path / "out"), "--jobs", "1"]
    result = CliRunner().invoke(svtok, ["prepare", "reddots", *arguments])
    assert result.exit_code == 0, result.output
    assert len(read_set(tmp_path / "out/eval").utterances) == 24
