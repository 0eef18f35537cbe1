"""svtok train, train-teacher, train-student and extract-embeddings as a user calls them."""

import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pytest
import soundfile
import yaml
from click.testing import CliRunner

from svtok.cli.fresh import is_up_to_date
from svtok.cli.main import svtok
from svtok.embeddings.store import read_embeddings, write_embeddings
from svtok.errors import SvtokError
from svtok.features.config import FeaturesConfig
from svtok.features.extract import extract_features
from svtok.files import sha256_of_files
from svtok.manifest.sets import read_set
from svtok.trained.folder import load_network

pytestmark = pytest.mark.slow

CONFIG = {
    "features": {"bands": 8},
    "network": {
        "front_end": {"channels": 4, "blocks": [8], "subsample": 2},
        "attention_heads": 2,
        "memory": {"slots": 4, "key_dim": 4},
        "sampled": {"vectors": 2},
    },
    "training": {"epochs": 2, "batch_size": 4, "precision": "fp32"},
}


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a corpus of noisy tones under data/, its features under feats/, and a configuration."""
    root = tmp_path_factory.mktemp("work")
    rng = np.random.default_rng(0)
    lines = ["path,spk,phrase,set"]
    for number, spk in enumerate(["ann", "bob", "cat", "dan", "eve", "fay"]):
        for phrase, pitch in (("no", 1), ("yes", 2)):
            for take in range(4):
                name = f"{spk}-{phrase}-{take}.wav"
                tone = np.sin(np.arange(4000) * (0.05 + 0.03 * number) * pitch)
                soundfile.write(root / name, 0.3 * tone + 0.01 * rng.standard_normal(4000), 16000)
                lines.append(f"{name},{spk},{phrase},{('train', 'train', 'dev', 'dev', 'eval', 'eval')[number]}")
    (root / "table.csv").write_text("\n".join(lines) + "\n")
    run(
        root,
        "prepare",
        "table",
        "--csv",
        str(root / "table.csv"),
        "--out",
        str(root / "data/tones"),
        "--enroll-takes",
        "2",
    )
    for name in ("train", "dev"):
        prepared = read_set(root / "data/tones" / name)
        extract_features(prepared, FeaturesConfig(bands=8), root / "feats/tones" / name, jobs=1)
    (root / "conf.yaml").write_text(yaml.safe_dump(CONFIG))
    return root


def run(root: Path, *arguments: str) -> str:
    """Call svtok in the folder, in this process; raises what it raises."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        result = CliRunner().invoke(svtok, list(arguments), standalone_mode=False, catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


@pytest.fixture(scope="module")
def teacher(work: Path) -> Path:
    run(work, "train-teacher", "--config", "conf.yaml", "--out", "exp/teacher")
    return work / "exp/teacher"


def test_short_forms_find_the_one_corpus_and_name_the_folder_after_the_head(work: Path) -> None:
    output = run(work, "train", "--head", "avg", "--config", "conf.yaml")
    assert "epoch 2/2: loss" in output
    assert "dev TC-vs-IC EER" in output
    assert (work / "exp/avg/network.safetensors").is_file()


def test_a_teachers_head_is_the_sampled_token_unless_another_is_given(teacher: Path) -> None:
    assert "head: cls-sampled\n" in (teacher / "config.yaml").read_text()


def test_a_student_learns_from_its_teacher_and_gives_embeddings_without_stored_features(
    work: Path, teacher: Path
) -> None:
    streams = ("--set", "network.streams=[features, features]")
    run(work, "train-student", "--teacher", str(teacher), "--config", "conf.yaml", "--out", "exp/student", *streams)
    run(work, "extract-embeddings", "--network", "exp/student")
    embeddings = read_embeddings(work / "exp/student/embeddings/eval")
    utts = read_set(work / "data/tones/eval").utterances["utt"].tolist()
    assert embeddings.utts == utts
    assert (embeddings.vectors.shape, embeddings.parts) == ((16, 2 * 8), 2)
    assert not (work / "feats/tones/eval").exists()


def test_a_student_learns_from_several_teachers_or_from_one_beside_it(work: Path, teacher: Path) -> None:
    run(work, "train", "--head", "avg", "--config", "conf.yaml", "--out", "exp/second")
    two = ("--teacher", str(teacher), "--teacher", "exp/second")
    cosine = ("--set", "objective.distillation=cosine")
    run(work, "train-student", *two, *cosine, "--config", "conf.yaml", "--out", "exp/of-two")
    named = yaml.safe_load((work / "exp/of-two/config.yaml").read_text())["run"]["teacher"]
    assert named.split() == [load_network(folder).hash for folder in (teacher, work / "exp/second")]
    joint = ("--joint", "--teacher-head", "avg", "--set", "objective.loss=aam", "--classes", "both")
    output = run(work, "train-student", *joint, "--config", "conf.yaml", "--out", "exp/joint")
    assert "epoch 2/2: loss" in output
    assert load_network(work / "exp/joint/teacher").config.network.head == "avg"
    for folder in ("exp/of-two", "exp/joint", "exp/joint/teacher"):
        run(work, "extract-embeddings", "--network", folder, "--out", f"{folder}/embeddings")
    first = (work / "exp/joint/classes.tsv").read_text().splitlines()[:4]
    assert first == ["spk\tphrase", "ann\t", "bob\t", "ann\tno"]


def test_a_student_learns_embeddings_that_another_toolkit_made(work: Path) -> None:
    utts = read_set(work / "data/tones/train").utterances["utt"].tolist()
    np.save(work / "vectors.npy", np.random.default_rng(0).standard_normal((len(utts), 5)))
    (work / "vectors.tsv").write_text("utt\n" + "\n".join(utts) + "\n")
    table = ("--table", "vectors.tsv", "--network", "theirs", "--data", "data/tones/train")
    run(work, "kaldi", "import", "embeddings", "vectors.npy", *table, "--out", "emb/train")
    given = ("train-student", "--teacher-embeddings", "emb/train", "--config", "conf.yaml", "--out", "exp/theirs")
    with pytest.raises(SvtokError, match=r"emb/train: objective\.distillation 'kl' needs a teacher's posteriors"):
        run(work, *given, "--set", "objective.distillation=kl")
    assert not (work / "exp/theirs").exists()
    run(work, *given)
    hashes = sha256_of_files([work / "emb/train/embeddings.tsv", work / "emb/train/embeddings.npy"])
    about = yaml.safe_load((work / "exp/theirs/config.yaml").read_text())["run"]
    assert (about["teacher"], about["teacher_embeddings"]) == (None, hashes)
    assert "up to date" in run(work, *given, "--set", "objective.distillation=cosine")


def test_a_student_begins_with_another_network_and_goes_on_being_up_to_date(work: Path, teacher: Path) -> None:
    taught, begun = ["train-student", "--teacher", str(teacher)], ["--config", "conf.yaml", "--out", "exp/begun"]
    taught += ["--data", "data/tones/train"]
    given = [*taught, "--init", str(teacher), *begun]
    output = run(work, *given)
    assert "exp/begun: begins with" in output
    assert f"from {teacher}; anew: tokens.dist, norms.dist, classifiers.dist\n" in output
    assert is_up_to_date(given, work)
    assert not is_up_to_date([*taught, *begun], work)


@pytest.fixture(scope="module")
def voices(work: Path) -> Path:
    """A second set, of two speakers and free text, beside the corpus; its recordings are longer."""
    rng = np.random.default_rng(1)
    lines = ["path,spk,phrase,set"]
    for number, spk in enumerate(["gus", "hal"]):
        for take in range(3):
            tone = np.sin(np.arange(8000) * (0.04 + 0.05 * number))
            soundfile.write(work / f"{spk}-{take}.wav", 0.3 * tone + 0.01 * rng.standard_normal(8000), 16000)
            lines.append(f"{spk}-{take}.wav,{spk},free,train")
    (work / "voices.csv").write_text("\n".join(lines) + "\n")
    run(work, "prepare", "table", "--csv", "voices.csv", "--out", "free/data/voices")
    extract_features(read_set(work / "free/data/voices/train"), FeaturesConfig(bands=8), work / "voices-feats", jobs=1)
    return work / "free/data/voices/train"


def test_several_sets_are_trained_on_as_one_and_each_is_looked_at_when_called_again(work: Path, voices: Path) -> None:
    sets = ("--data", "data/tones/train", "--data", str(voices))
    feats = ("--features", "feats/tones/train", "--features", "voices-feats")
    free = ("--set", "training.free_phrases=free", "--set", "training.crop_frames=20")
    given = ("train", *sets, *feats, *free, "--config", "conf.yaml", "--out", "exp/several")
    assert "dev TC-vs-IC EER" in run(work, *given)  # the dev set beside the first
    classes = (work / "exp/several/classes.tsv").read_text().splitlines()[1:]
    assert classes == ["ann\tno", "ann\tyes", "bob\tno", "bob\tyes", "gus\t", "hal\t"]
    assert "exp/several: up to date" in run(work, *given)
    table = voices / "utterances.tsv"
    before = table.read_text()
    table.write_text(before.replace("\tgus\t", "\tivy\t"))
    assert not is_up_to_date(given, work)
    table.write_text(before)
    assert is_up_to_date(given, work)
    with pytest.raises(SvtokError, match=r"run\.train\.further\.fingerprint: was "):
        run(work, "train", "--data", "data/tones/train", "--config", "conf.yaml", "--out", "exp/several")


def test_a_free_phrase_that_nobody_says_is_warned_of(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ("--data", "data/tones/train", "--set", "training.free_phrases=[yes_,fre]", "--config", "conf.yaml")
    output = run(work, "train", *given, "--out", "exp/fre") + capsys.readouterr().err
    assert "training.free_phrases: no training utterance says fre, yes_" in output


def test_a_student_learns_the_voices_of_several_sets_without_labels(work: Path, voices: Path) -> None:
    for name, data, seed in (("tones", work / "data/tones/train", 0), ("voices", voices, 1)):
        utts = read_set(data).utterances["utt"].tolist()
        vectors = np.random.default_rng(seed).standard_normal((len(utts), 5)).astype(np.float32)
        write_embeddings(work / "emb" / name, utts, vectors, "theirs")
    sets = ("--data", "data/tones/train", "--data", str(voices))
    feats = ("--features", "feats/tones/train", "--features", "voices-feats")
    taught = ("--teacher-embeddings", "emb/tones", "--teacher-embeddings", "emb/voices")
    given = ("--config", "conf.yaml", "--out", "exp/voices", "--set", "objective.class_weight=0")
    output = run(work, "train-student", *sets, *feats, *taught, *given)
    assert "epoch 2/2: loss" in output
    assert "accuracy" not in output
    config = load_network(work / "exp/voices").config
    assert (config.objective.distillation, config.network.embedding) == ("cosine", "dist")
    about = yaml.safe_load((work / "exp/voices/config.yaml").read_text())["run"]
    assert "+" in about["teacher_embeddings"]  # one teacher, in two folders


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name a teacher"),
        (("--teacher", "exp/teacher", "--teacher-head", "avg"), "are of a teacher trained beside"),
    ],
)
def test_a_student_without_a_teacher_is_refused(work: Path, arguments: list[str], message: str) -> None:
    with pytest.raises(click.UsageError, match=message):
        run(work, "train-student", *arguments, "--out", "exp/f")


def test_embeddings_from_stored_features_equal_those_from_audio(work: Path, teacher: Path) -> None:
    prepared = read_set(work / "data/tones/eval")
    extract_features(prepared, FeaturesConfig(bands=8), work / "stored", jobs=1)
    for out, more in (("exp/a", []), ("exp/b", ["--features", "stored"])):
        run(work, "extract-embeddings", "--network", "exp/teacher", "--out", out, *more)
    one, other = (read_embeddings(work / out) for out in ("exp/a", "exp/b"))
    np.testing.assert_array_equal(one.vectors, other.vectors)
    assert one.network_hash == other.network_hash


def test_features_of_another_kind_are_refused(work: Path, teacher: Path) -> None:
    extract_features(read_set(work / "data/tones/eval"), FeaturesConfig(bands=9), work / "other", jobs=1)
    with pytest.raises(SvtokError, match="features of another kind than exp/teacher was trained with") as caught:
        run(work, "extract-embeddings", "--network", "exp/teacher", "--features", "other", "--out", "exp/c")
    assert "(features.bands: that of the features is (9,), that of the network is (8,))" in str(caught.value)
    assert str(caught.value).endswith("extract them with --config exp/teacher/config.yaml")
    assert not (work / "exp/c").exists()
    run(work, "extract-features", "data/tones/eval", "--config", "exp/teacher/config.yaml", "--out", "as-given")
    run(work, "extract-embeddings", "--network", "exp/teacher", "--features", "as-given", "--out", "exp/c")


def test_a_configuration_of_other_features_than_the_stored_is_refused(work: Path) -> None:
    with pytest.raises(SvtokError, match=r"features\.bands: the configuration's is \(9,\), those of .* is \(8,\)"):
        run(work, "train", "--config", "conf.yaml", "--set", "features.bands=9", "--out", "exp/d")


def test_mistakes_end_with_a_message_and_exit_code_1(work: Path) -> None:
    command = [sys.executable, "-m", "svtok", "train", "--head", "clss", "--set", "training.epocs=1", "--out", "exp/e"]
    result = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "error: 2 problems found" in result.stderr
    assert "did you mean 'cls'?" in result.stderr
    assert "did you mean 'epochs'?" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (work / "exp/e").exists()


def test_several_corpora_are_named(work: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / "data" / name / "train").mkdir(parents=True)
        (tmp_path / "data" / name / "train" / "utterances.tsv").touch()
    result = subprocess.run(
        [sys.executable, "-m", "svtok", "train", "--head", "cls"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2
    assert "data/one/train, data/two/train" in result.stderr
