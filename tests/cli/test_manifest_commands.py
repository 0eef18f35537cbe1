"""validate, prepare table, prepare kaldi, kaldi import and kaldi export, as a user calls them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

from svtok.cli.main import svtok
from svtok.errors import ProblemsError

pytestmark = pytest.mark.slow


def run(*arguments: object) -> Result:
    return CliRunner().invoke(svtok, [str(argument) for argument in arguments])


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """data/mine, prepared by the command from 6 speakers x 2 phrases x 4 takes."""
    rows = ["path,spk,phrase"]
    for spk in "abcdef":
        for phrase in ("open", "shut"):
            for take in "1234":
                soundfile.write(tmp_path / f"{spk}_{phrase}_{take}.flac", np.tile([0.25, -0.25], 400), 8000)
                rows.append(f"{spk}_{phrase}_{take}.flac,{spk},{phrase}")
    (tmp_path / "mine.csv").write_text("\n".join(rows))
    out = tmp_path / "data" / "mine"
    options = ["--split", "train=0.34,dev=0.33,eval=0.33", "--enroll-takes", 2]
    result = run("prepare", "table", "--csv", tmp_path / "mine.csv", "--out", out, *options)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "set    speakers  phrases  utterances  models  trials  TC  TW  IC  IW",
        "train         2        2          16       -       -   -   -   -   -",
        "dev           2        2          16       4      28   8   8   8   4",
        "eval          2        2          16       4      28   8   8   8   4",
        "note: dev, eval: the sessions are not known; tests may be of a session that enrolled their model",
        f"wrote {out}",
    ]
    return out


def test_a_corpus_that_was_prepared_validates(corpus: Path) -> None:
    result = run("validate", corpus)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == f"{corpus}: no problem in train, dev, eval"
    assert result.stdout.splitlines()[3].split()[:4] == ["dev", "2", "2", "16"]


def test_validate_prints_every_problem_of_every_set_and_exits_with_1(corpus: Path) -> None:
    (corpus.parent.parent / "a_open_1.flac").unlink()
    trials = corpus / "eval" / "trials.tsv"
    trials.write_text(trials.read_text().replace("\tTC\n", "\tIW\n", 1))
    called = subprocess.run(
        [sys.executable, "-m", "svtok", "validate", str(corpus)], capture_output=True, text=True, check=False
    )
    assert called.returncode == 1
    errors = [line for line in called.stderr.splitlines() if not line.startswith("listening")]
    assert errors[0] == "error: 2 problems found"
    assert any("utterances.tsv:2: " in line and "a_open_1.flac: there is no such file" in line for line in errors)
    assert f"  {trials}:2: type is 'IW', but speakers and phrases say TC" in errors
    assert "no problem in" in called.stdout  # the third set


def test_trials_of_the_enrolling_session_are_counted_and_can_be_left_out(tmp_path: Path) -> None:
    rows = ["path,spk,phrase,set,session"]
    for spk in "ab":
        for take, session in enumerate("1122"):
            soundfile.write(tmp_path / f"{spk}{take}.wav", np.tile([0.25, -0.25], 400), 8000)
            rows.append(f"{spk}{take}.wav,{spk},open,eval,{session}")
    (tmp_path / "mine.csv").write_text("\n".join(rows))
    arguments = ["prepare", "table", "--csv", tmp_path / "mine.csv", "--out", tmp_path / "out", "--enroll-takes", 1]
    result = run(*arguments)
    assert result.stdout.splitlines()[1:3] == [
        "eval         2        1           8       2      12   6   0   6   0",
        "note: eval: 2 of 6 TC trials test with a recording of a session that enrolled their model",
    ]
    apart = run(*arguments, "--cross-session")
    assert apart.stdout.splitlines()[1:] == [
        "eval         2        1           8       2      10   4   0   6   0",
        f"wrote {tmp_path / 'out'}",
    ]


@pytest.mark.parametrize(
    "command", ["table", "arabic-commands", "audio-mnist", "speech-commands", "hi-mia", "deepmine"]
)
def test_every_command_that_makes_trials_can_keep_sessions_apart(command: str) -> None:
    assert "--cross-session" in run("prepare", command, "--help").stdout


def test_warnings_of_recordings_change_no_exit_code(corpus: Path) -> None:
    path = corpus.parent.parent / "a_open_1.flac"
    soundfile.write(path, np.zeros(800), 8000)
    result = run("validate", corpus)
    assert result.exit_code == 0
    assert f"{path}: is silent (every sample is 0)" in result.stderr
    assert result.stderr.splitlines()[-1] == "warning: 1 in all; they are no problems"
    prepared = run("prepare", "table", "--csv", corpus.parent.parent / "mine.csv", "--out", corpus, "--enroll-takes", 2)
    assert prepared.exit_code == 0
    assert prepared.stderr == f"warning: 1 of 48 recordings are silent (every sample is 0): {path}\n"


def test_prepare_table_reads_one_of_two_channels_as_the_option_says(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.tile([[0.25, 0.5], [-0.25, -0.5]], (400, 1)), 8000)
    (tmp_path / "mine.csv").write_text("path,spk,phrase,set\na.wav,a,p,train\n")
    options = ["prepare", "table", "--csv", tmp_path / "mine.csv", "--out", tmp_path / "out"]
    assert "choose with --channel 1|2|mean, or a column 'channel'" in str(run(*options).exception)
    assert run(*options, "--channel", "2").exit_code == 0
    assert (tmp_path / "out/train/utterances.tsv").read_text().splitlines()[1].split("\t")[4:] == ["2", "800", "8000"]
    assert run("validate", tmp_path / "out").exit_code == 0


def test_validate_without_audio_does_not_open_recordings(corpus: Path) -> None:
    for path in corpus.parent.parent.glob("*.flac"):
        path.unlink()
    assert run("validate", "--no-audio", corpus / "dev", corpus / "eval").exit_code == 0


def test_prepare_refuses_to_replace_a_folder_with_other_files(corpus: Path) -> None:
    result = run("prepare", "table", "--csv", corpus.parent.parent / "mine.csv", "--out", corpus.parent)
    assert "holds other files (mine)" in str(result.exception)
    assert corpus.exists()


def test_a_corpus_goes_to_kaldi_and_back(corpus: Path, tmp_path: Path) -> None:
    for name in ("train", "dev", "eval"):
        assert run("kaldi", "export", "data", corpus / name, "--out", tmp_path / "kaldi" / name).exit_code == 0
    result = run("prepare", "kaldi", "--root", tmp_path / "kaldi", "--out", tmp_path / "back")
    assert result.exit_code == 0, result.output
    one = run("kaldi", "import", "data", tmp_path / "kaldi" / "eval", "--out", tmp_path / "one")
    assert one.exit_code == 0, one.output
    for file in ("utterances.tsv", "models.tsv", "trials.tsv"):
        assert (tmp_path / "back" / "eval" / file).read_bytes() == (corpus / "eval" / file).read_bytes()
        assert (tmp_path / "one" / file).read_bytes() == (corpus / "eval" / file).read_bytes()


def test_a_pipe_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "k").mkdir()
    (tmp_path / "k" / "wav.scp").write_text("u sox a.wav -t wav - |\n")
    (tmp_path / "k" / "utt2spk").write_text("u s\n")
    result = run("kaldi", "import", "data", tmp_path / "k", "--phrase", "p", "--out", tmp_path / "set")
    assert isinstance(result.exception, ProblemsError)
    assert f"{tmp_path}/k/wav.scp:1: 'sox a.wav -t wav - |' is not a plain file" in str(result.exception)
    assert not (tmp_path / "set").exists()


def data_dir(folder: Path, speakers: dict[str, str], **files: str) -> Path:
    """A Kaldi data directory of these utterances and their speakers, whose recordings are beside it."""
    folder.mkdir(parents=True)
    for utt in speakers:
        path = folder.parent / "wav" / f"{utt}.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, np.tile([0.25, -0.25], 400), 8000)
    (folder / "wav.scp").write_text("".join(f"{utt} {folder.parent}/wav/{utt}.wav\n" for utt in speakers))
    (folder / "utt2spk").write_text("".join(f"{utt} {spk}\n" for utt, spk in speakers.items()))
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def two_dirs(tmp_path: Path) -> Path:
    """eval_enroll, whose speakers are the models a and b, and eval_test with the trials."""
    data_dir(tmp_path / "eval_enroll", {"a-1": "a", "a-2": "a", "b-1": "b"}, spk2utt="a a-1 a-2\nb b-1\n")
    data_dir(
        tmp_path / "eval_test", {"a-3": "a", "b-3": "b"}, trials="a a-3 target\na b-3 nontarget\nb a-3 nontarget\n"
    )
    return tmp_path


def test_the_speakers_of_an_enrollment_directory_are_models(two_dirs: Path) -> None:
    out = two_dirs / "set"
    options = ["--phrase", "p", "--out", out]
    refused = run("kaldi", "import", "data", two_dirs / "eval_test", *options)
    assert f"{two_dirs}/eval_test/trials:1: no trial names an utterance first" in str(refused.exception)
    assert "name it with --enroll" in str(refused.exception)
    result = run("kaldi", "import", "data", two_dirs / "eval_test", "--enroll", two_dirs / "eval_enroll", *options)
    assert result.exit_code == 0, result.output
    assert (out / "models.tsv").read_text().splitlines()[1:] == ["a\ta\tp\ta-1 a-2", "b\tb\tp\tb-1"]
    assert (out / "trials.tsv").read_text().splitlines()[1:] == ["a\ta-3\tTC", "a\tb-3\tIC", "b\ta-3\tIC"]
    assert len((out / "utterances.tsv").read_text().splitlines()) == 1 + 5
    assert run("validate", out).exit_code == 0


def test_prepare_kaldi_joins_the_directory_that_enrolls_and_that_of_the_tests(two_dirs: Path) -> None:
    arguments = ["prepare", "kaldi", "--root", two_dirs, "--phrase", "p", "--out", two_dirs / "out"]
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[1] == "eval         2        1           5       2       3   1   0   2   0"
    (two_dirs / "eval_test").rename(two_dirs / "elsewhere")
    assert f"{two_dirs}: 0 of eval and eval_test are there" in str(run(*arguments).exception)


def test_tests_whose_speakers_are_not_known_keep_their_labels(two_dirs: Path) -> None:
    (two_dirs / "eval_test/utt2spk").write_text("a-3 a-3\nb-3 b-3\n")
    (two_dirs / "eval_enroll/spk2gender").write_text("a f\nb m\n")
    folders = [two_dirs / "eval_test", "--enroll", two_dirs / "eval_enroll"]
    result = run("kaldi", "import", "data", *folders, "--phrase", "p", "--out", two_dirs / "set")
    assert result.exit_code == 0, result.output
    assert "'gender' of the utterances is in only one of the two directories, and left out" in result.stderr
    trials = (two_dirs / "set/trials.tsv").read_text().splitlines()[1:]
    assert trials == ["a\ta-3\ttarget", "a\tb-3\tnontarget", "b\ta-3\tnontarget"]


def test_all_that_is_wrong_with_two_directories_is_listed_with_file_and_line(two_dirs: Path) -> None:
    (two_dirs / "eval_enroll/spk2utt").write_text("a a-1 a-9\nb\n")
    (two_dirs / "eval_test/utt2spk").write_text("a-3\nb-3 b\n")
    folders = [two_dirs / "eval_test", "--enroll", two_dirs / "eval_enroll"]
    result = run("kaldi", "import", "data", *folders, "--phrase", "p", "--out", two_dirs / "set")
    assert "eval_test/utt2spk:1: there is no value for 'a-3'" in str(result.exception)
    assert "eval_enroll/spk2utt:2: there is no value for 'b'" in str(result.exception)
    (two_dirs / "eval_enroll/spk2utt").write_text("a a-1 a-9\nb b-1\n")
    (two_dirs / "eval_test/utt2spk").write_text("a-3 a\nb-3 b\n")
    (two_dirs / "eval_test/trials").write_text("a a-3 nontarget\nc a-3 target\n")
    result = run("kaldi", "import", "data", *folders, "--phrase", "p", "--out", two_dirs / "set")
    assert isinstance(result.exception, ProblemsError)
    assert [str(problem).removeprefix(f"{two_dirs}/") for problem in result.exception.problems] == [
        "eval_enroll/spk2utt:1: unknown utterance 'a-9'",
        "eval_test/trials:2: unknown model 'c' (trials with it: 1)",
        "eval_test/trials:1: type is 'nontarget', but speakers and phrases say TC",
    ]
    assert not (two_dirs / "set").exists()


def test_a_list_of_voxceleb_is_trials_of_models_of_one_utterance(tmp_path: Path) -> None:
    folder = data_dir(tmp_path / "k", {"a-1": "a", "a-2": "a", "b-1": "b"})
    (tmp_path / "veri.txt").write_text("1 wav/a-1.wav wav/a-2.wav\n0 wav/a-1.wav wav/b-1.wav\n")
    result = run("kaldi", "import", "trials", tmp_path / "veri.txt", "--out", tmp_path / "trials.tsv")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "trials.tsv").read_text().splitlines()[1:] == [
        "wav/a-1.wav\twav/a-2.wav\ttarget",
        "wav/a-1.wav\twav/b-1.wav\tnontarget",
    ]
    arguments = ["kaldi", "import", "data", folder, "--phrase", "p"]
    assert run(*arguments, "--trials", tmp_path / "veri.txt", "--out", tmp_path / "one").exit_code == 0
    assert run(*arguments, "--out", tmp_path / "plain").exit_code == 0
    joined = ["--data", tmp_path / "plain", "--out", tmp_path / "two"]
    result = run("kaldi", "import", "trials", tmp_path / "veri.txt", *joined)
    assert result.exit_code == 0, result.output
    for name in ("one", "two"):
        assert (tmp_path / name / "models.tsv").read_text().splitlines()[1:] == ["a-1\ta\tp\ta-1"]
        assert (tmp_path / name / "trials.tsv").read_text().splitlines()[1:] == ["a-1\ta-2\tTC", "a-1\tb-1\tIC"]
        assert run("validate", tmp_path / name).exit_code == 0
    (tmp_path / "veri.txt").write_text("1 wav/a-1.wav wav/x.wav\n1 wav/a-1.wav wav/b-1.wav\n")
    result = run("kaldi", "import", "trials", tmp_path / "veri.txt", *joined)
    assert isinstance(result.exception, ProblemsError)
    assert [str(problem).removeprefix(f"{tmp_path}/") for problem in result.exception.problems] == [
        "veri.txt:1: unknown utterance 'wav/x.wav' (trials with it: 1)",
        "veri.txt:2: type is 'target', but speakers and phrases say IC",
    ]


def test_a_recording_of_several_utterances_is_no_name_of_one(tmp_path: Path) -> None:
    folder = data_dir(tmp_path / "k", {"a-1": "a", "b-1": "b"})
    (folder / "wav.scp").write_text(f"a-1 {tmp_path}/wav/a-1.wav\nb-1 {tmp_path}/wav/a-1.wav\n")
    (folder / "trials").write_text("1 a-1.wav b-1\n")
    result = run("kaldi", "import", "data", folder, "--phrase", "p", "--out", tmp_path / "set")
    assert f"{folder}/trials:1: 'a-1.wav' is the recording of several utterances: a-1, b-1" in str(result.exception)


def test_trials_go_to_kaldi_and_back(corpus: Path, tmp_path: Path) -> None:
    assert run("kaldi", "export", "trials", corpus / "eval", "--out", tmp_path / "trials").exit_code == 0
    assert {line.split(" ")[2] for line in (tmp_path / "trials").read_text().splitlines()} == {"target", "nontarget"}
    result = run("kaldi", "import", "trials", tmp_path / "trials", "--out", tmp_path / "trials.parquet")
    assert result.stdout == f"wrote {tmp_path}/trials.parquet: 28 trials\n"


def test_scores_come_from_other_toolkits_and_go_to_kaldi(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_text("m b nontarget -0.1\nm a target 0.30000001\n")
    result = run("kaldi", "import", "scores", tmp_path / "theirs", "--out", tmp_path / "scores.tsv")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "scores.tsv").read_text() == "model\tutt\tscore\nm\tb\t-0.1\nm\ta\t0.30000001\n"
    assert run("kaldi", "export", "scores", tmp_path / "scores.tsv", "--out", tmp_path / "ours").exit_code == 0
    assert (tmp_path / "ours").read_text() == "m b -0.1\nm a 0.30000001\n"


@pytest.mark.parametrize(
    "command",
    ["validate", "prepare", "prepare table", "prepare kaldi", "kaldi", "kaldi import", "kaldi export"]
    + [f"kaldi {way} {what}" for way in ("import", "export") for what in ("data", "trials", "scores")],
)
def test_every_command_has_help(command: str) -> None:
    result = run(*command.split(), "--help")
    assert result.exit_code == 0
    if command not in ("kaldi", "kaldi import", "kaldi export"):
        assert "Example:" in result.stdout
