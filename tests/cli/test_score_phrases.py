"""`svtok score-phrases`, and the way to go for phrases that no class has, on features drawn at random."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from svtok.cli.main import svtok
from svtok.features.config import FeaturesConfig
from svtok.features.store import write_features
from svtok.manifest.protocol import make_models_and_trials
from svtok.manifest.sets import PreparedSet, write_set

pytestmark = pytest.mark.slow

BANDS = 6
SETTINGS = [
    "network.front_end.channels=6",
    "network.front_end.blocks=[8]",
    "network.attention_heads=2",
    "network.memory.slots=4",
    "network.memory.key_dim=4",
    "training.batch_size=8",
    "training.precision=fp32",
    "training.learning_rate=0.01",
    "training.epochs=6",
]


def write_corpus_set(name: str, speakers: str, phrases: str) -> None:
    """data/tiny/NAME and feats/tiny/NAME: each phrase has a mean of its own, each speaker a smaller one."""
    random = np.random.default_rng(ord(speakers[0]))
    means = {key: np.random.default_rng(ord(key)).standard_normal(BANDS) for key in (*speakers, *phrases)}
    rows = [(f"{s}-{p}-{t}", "x.wav", s, p) for s in speakers for p in phrases for t in range(4)]
    utterances = pd.DataFrame(rows, columns=["utt", "path", "spk", "phrase"])
    blocks = [(2 * means[p] + means[s] + random.standard_normal((10, BANDS))).astype(np.float32) for _, _, s, p in rows]
    models, trials = make_models_and_trials(utterances, enroll_takes=2)
    write_set(PreparedSet(utterances, models, trials), Path("data/tiny") / name)
    folder, config = Path("feats/tiny") / name, FeaturesConfig(bands=BANDS)
    folder.mkdir(parents=True)
    write_features(folder, utterances["utt"], [10] * len(rows), blocks, config=config, fingerprint=name)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus, and two networks: one of pairs of speaker and phrase, one of phrases; `other` has new phrases."""
    root = tmp_path_factory.mktemp("work")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        for name, speakers, phrases in (("train", "abcd", "xyz"), ("dev", "ef", "xyz"), ("other", "gh", "uvw")):
            write_corpus_set(name, speakers, phrases)
        for classes in ("speaker-phrase", "phrase"):
            settings = [part for one in [*SETTINGS, f"training.classes={classes}"] for part in ("--set", one)]
            data = ["--data", "data/tiny/train", "--dev", "data/tiny/dev"]
            called("train", *data, "--head", "avg", "--out", f"exp/{classes}", *settings)
    return root


@pytest.fixture(autouse=True)
def inside(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(work)


def call(*arguments: str) -> Result:
    return CliRunner().invoke(svtok, arguments)


def called(*arguments: str) -> str:
    result = call(*arguments)
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


def mean_by_phrase(path: str) -> tuple[float, float]:
    """The mean score where the test says the model's phrase, and where it does not."""
    scores = pd.read_csv(path, sep="\t")
    right = scores["model"].str[-1] == scores["utt"].str[2]
    return scores["score"][right].mean(), scores["score"][~right].mean()


@pytest.mark.parametrize("network", ["speaker-phrase", "phrase"])
def test_the_right_phrase_scores_higher_whoever_speaks(network: str) -> None:
    arguments = ["--network", f"exp/{network}", "--data", "data/tiny/dev", "--out", "phrases.tsv"]
    trials = pd.read_csv("data/tiny/dev/trials.tsv", sep="\t")
    assert called("score-phrases", *arguments) == f"phrases.tsv: {len(trials)} scores of the phrases\n"
    written = pd.read_csv("phrases.tsv", sep="\t")
    pd.testing.assert_frame_equal(written[["model", "utt"]], trials[["model", "utt"]])
    right, wrong = mean_by_phrase("phrases.tsv")
    assert right > 0 > wrong


def test_phrases_without_a_class_are_refused_and_scored_by_a_phrase_embedding_instead() -> None:
    refused = call("score-phrases", "--network", "exp/phrase", "--data", "data/tiny/other", "--out", "no.tsv")
    assert "the network's classes lack 3 of the 3 phrases of the models: u, v, w" in str(refused.exception)
    assert "training.classes=phrase" in str(refused.exception)
    assert not Path("no.tsv").exists()
    for network in ("speaker-phrase", "phrase"):
        for name in ("dev", "other"):
            folder, data = f"exp/{network}/embeddings/{name}", ["--data", f"data/tiny/{name}"]
            called("extract-embeddings", "--network", f"exp/{network}", *data, "--out", folder)
            called("score", "--embeddings", folder, *data, "--out", f"exp/{network}/{name}.tsv")
    right, wrong = mean_by_phrase("exp/phrase/other.tsv")
    assert right > wrong
    fit = ["--scores", "exp/speaker-phrase/dev.tsv", "--scores", "exp/phrase/dev.tsv", "--data", "data/tiny/dev"]
    called("fuse", "fit", *fit, "--rule", "both", "--nontargets", "IC,TW,IW", "--out", "exp/fusion.yaml")
    scores = ["--scores", "exp/speaker-phrase/other.tsv", "--scores", "exp/phrase/other.tsv"]
    called("fuse", "apply", "exp/fusion.yaml", *scores, "--out", "exp/fused.tsv")
    right, wrong = mean_by_phrase("exp/fused.tsv")
    assert right > wrong


def test_phrases_without_a_class_are_scored_by_warping_the_frames_states() -> None:
    data = ["--data", "data/tiny/other"]
    called("extract-embeddings", "--network", "exp/phrase", *data, "--frame-states")
    called("score", *data, "--backend", "dtw", "--frames", "exp/phrase/states/other", "--out", "dtw.tsv")
    right, wrong = mean_by_phrase("dtw.tsv")
    assert right > wrong + 0.1
