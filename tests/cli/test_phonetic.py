"""svtok train-phonetic, extract-features --phonetic, and a network on such features, as a user calls them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml
from click.testing import CliRunner

from svtok.cli.main import svtok
from svtok.embeddings.states import are_posteriors, open_frames
from svtok.embeddings.store import read_embeddings
from svtok.errors import ProblemsError, SvtokError
from svtok.features.store import FeatureStore

pytestmark = pytest.mark.slow

FRONT_END = {"channels": 4, "blocks": [8], "layers_per_block": 1, "subsample": 2}
TRAINING = {"epochs": 1, "batch_size": 4, "precision": "fp32"}
PHONETIC = {"network": {"front_end": FRONT_END, "bottleneck": 3}, "training": TRAINING}
SPEAKER = {
    "network": {"front_end": FRONT_END, "attention_heads": 2, "memory": {"slots": 4, "key_dim": 4}},
    "training": TRAINING,
}


def run(root: Path, *arguments: str) -> str:
    """Call svtok in the folder, in this process; raises what it raises."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        result = CliRunner().invoke(svtok, list(arguments), standalone_mode=False, catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noisy tones under data/tones, their plain features, and exp/phonetic trained on them."""
    root = tmp_path_factory.mktemp("phonetic")
    rng = np.random.default_rng(0)
    for name, speakers in (("train", ("ann", "bob")), ("eval", ("cat",))):
        folder = root / "data/tones" / name
        folder.mkdir(parents=True)
        rows = ["utt\tpath\tspk\tphrase\ttext"]
        for spk in speakers:
            for word, rate in (("no", 0.05), ("yes", 0.1)):
                for take in range(2):
                    wave = 0.3 * np.sin(np.arange(4000) * rate) + 0.01 * rng.standard_normal(4000)
                    soundfile.write(folder / f"{spk}-{word}-{take}.wav", wave, 16000)
                    rows.append(f"{spk}-{word}-{take}\t{spk}-{word}-{take}.wav\t{spk}\t{word}\tsay {word}")
        (folder / "utterances.tsv").write_text("\n".join(rows) + "\n")
    (root / "features.yaml").write_text(yaml.safe_dump({"features": {"bands": 8}}))
    (root / "phonetic.yaml").write_text(yaml.safe_dump(PHONETIC))
    (root / "speaker.yaml").write_text(yaml.safe_dump(SPEAKER))
    (root / "lexicon.txt").write_text("say s eɪ\nno n əʊ\nyes j ɛ s\n")
    run(root, "extract-features", "data/tones/train", "--config", "features.yaml", "--jobs", "1")
    output = run(root, "train-phonetic", "--lexicon", "lexicon.txt", "--config", "phonetic.yaml")
    assert output.endswith("exp/phonetic: trained\n")
    return root


@pytest.fixture(scope="module")
def speaker(work: Path) -> Path:
    """exp/cls, trained on the features of data/tones/train with phonetic columns."""
    run(work, "extract-features", "data/tones/train", "--phonetic", "exp/phonetic", "--out", "both", "--jobs", "1")
    run(work, "train", "--features", "both", "--head", "cls", "--config", "speaker.yaml")
    return work / "exp/cls"


def test_the_bottleneck_stands_after_the_features_it_was_computed_from(work: Path, speaker: Path) -> None:
    plain, both = FeatureStore.open(work / "feats/tones/train"), FeatureStore.open(work / "both")
    assert (plain.dim, both.dim, both.config.phonetic_dim) == (8, 11, 3)
    one = plain.utts[0]
    np.testing.assert_array_equal(both[one][:, :8], plain[one])
    assert np.abs(both[one][:, 8:]).max() > 0


def test_posteriors_of_a_phonetic_network_are_frames_that_can_be_warped(work: Path) -> None:
    call = ["extract-embeddings", "--network", "exp/phonetic", "--data", "data/tones/train", "--frame-states"]
    assert run(work, *call).endswith("exp/phonetic/states/train: frame states of 8 utterances\n")
    frames = open_frames(work / "exp/phonetic/states/train")
    assert are_posteriors(frames)
    features = FeatureStore.open(work / "feats/tones/train")
    for utt in frames.utts:
        assert frames.frames(utt) == -(-features.frames(utt) // 2)
        assert frames[utt].shape[1] == 6  # phones of the lexicon
        np.testing.assert_allclose(frames[utt].sum(axis=1), 1, atol=1e-5)
    with pytest.raises(SvtokError, match="has posteriors, not states after layer 1"):
        run(work, *call, "--layer", "1", "--out", "other")
    run(work, "extract-features", "data/tones/eval", "--out", "64-bands", "--jobs", "1")
    with pytest.raises(ProblemsError, match=r"features\.bands"):
        run(work, *call[:3], "--data", "data/tones/eval", "--frame-states", "--features", "64-bands", "--out", "other")


def test_embeddings_from_audio_equal_those_from_stored_features_and_need_nothing_but_the_network(
    work: Path, speaker: Path
) -> None:
    run(work, "extract-features", "data/tones/eval", "--phonetic", "exp/phonetic", "--out", "stored", "--jobs", "1")
    run(work, "extract-embeddings", "--network", "exp/cls", "--features", "stored", "--out", "exp/a")
    (work / "exp/phonetic").rename(work / "exp/elsewhere")
    try:
        run(work, "extract-embeddings", "--network", "exp/cls", "--out", "exp/b")
    finally:
        (work / "exp/elsewhere").rename(work / "exp/phonetic")
    one, other = read_embeddings(work / "exp/a"), read_embeddings(work / "exp/b")
    np.testing.assert_allclose(one.vectors, other.vectors, atol=1e-5)


def test_features_without_phonetic_columns_do_not_go_with_such_a_network(work: Path, speaker: Path) -> None:
    with pytest.raises(SvtokError, match="features of another kind than exp/cls was trained with") as caught:
        run(
            work,
            *("extract-embeddings", "--network", "exp/cls", "--data", "data/tones/train"),
            *("--features", "feats/tones/train", "--out", "exp/c"),
        )
    way_out = ("--config", "exp/cls/config.yaml", "--phonetic", "exp/cls/phonetic")
    assert str(caught.value).endswith(f"extract them with {' '.join(way_out)}")
    run(work, "extract-features", "data/tones/train", *way_out, "--out", "as-given", "--jobs", "1")
    assert FeatureStore.open(work / "as-given").config == FeatureStore.open(work / "both").config


def test_a_copy_of_another_phonetic_network_is_refused(work: Path, speaker: Path) -> None:
    run(
        work,
        *("train-phonetic", "--lexicon", "lexicon.txt", "--config", "phonetic.yaml"),
        *("--seed", "1", "--out", "exp/other"),
    )
    (speaker / "phonetic").rename(speaker / "away")
    (work / "exp/other").rename(speaker / "phonetic")
    try:
        with pytest.raises(ProblemsError, match=r"features\.phonetic: the one wanted is \{'hash': '[0-9a-f]{64}'"):
            run(work, "extract-embeddings", "--network", "exp/cls", "--out", "exp/d")
    finally:
        (speaker / "phonetic").rename(work / "exp/other")
        (speaker / "away").rename(speaker / "phonetic")


def test_other_acoustic_features_than_the_phonetic_network_reads_are_refused(work: Path) -> None:
    (work / "nine.yaml").write_text("features: {bands: 9}\n")
    with pytest.raises(ProblemsError, match=r"features\.bands: the one wanted is \(9,\), that of .*exp/phonetic is"):
        run(work, "extract-features", "data/tones/eval", "--phonetic", "exp/phonetic", "--config", "nine.yaml")
    assert not (work / "feats/tones/eval").exists()


def test_missing_words_end_with_all_of_them_and_exit_code_1(work: Path) -> None:
    (work / "short.txt").write_text("no n əʊ\n")
    command = [sys.executable, "-m", "svtok", "train-phonetic", "--lexicon", "short.txt", "--out", "exp/e"]
    result = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "error: 2 problems found" in result.stderr
    assert "data/tones/train/utterances.tsv:2: 'say' is not in short.txt" in result.stderr
    assert "data/tones/train/utterances.tsv:4: 'yes' is not in short.txt" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (work / "exp/e").exists()
