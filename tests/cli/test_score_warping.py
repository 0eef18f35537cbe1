"""`svtok score --backend dtw`, as a user calls it, and as a member of `svtok fuse`."""

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
from svtok.metrics import eer

pytestmark = pytest.mark.slow

BANDS, STATES = 6, 5


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """data/mine/dev: three phrases are the same states in different orders, each take in a tempo of its own."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    states = random.standard_normal((STATES, BANDS))
    orders = [random.permutation(STATES) for _ in range(3)]
    rows, blocks = [], []
    for spk in ("ann", "bob", "cat"):
        for phrase, order in enumerate(orders):
            for take in range(4):
                said = np.repeat(states[order], random.integers(1, 4, STATES), axis=0)
                rows.append((f"{spk}-{phrase}-{take}", "x.wav", spk, f"p{phrase}"))
                blocks.append((said + 0.2 * random.standard_normal(said.shape)).astype(np.float32))
    utterances = pd.DataFrame(rows, columns=["utt", "path", "spk", "phrase"])
    models, trials = make_models_and_trials(utterances, enroll_takes=2, seed=0)
    write_set(PreparedSet(utterances, models, trials), Path("data/mine/dev"))
    Path("feats").mkdir()
    frames = [len(block) for block in blocks]
    write_features(
        Path("feats"), utterances["utt"], frames, blocks, config=FeaturesConfig(bands=BANDS), fingerprint="f"
    )
    return tmp_path


def call(*options: str) -> Result:
    return CliRunner().invoke(svtok, ["score", "--data", "data/mine/dev", "--out", "dtw.tsv", *options])


@pytest.mark.parametrize("takes", ["mean", "best"])
def test_phrases_of_the_same_sounds_in_another_order_are_kept_apart_and_speakers_are_not(takes: str) -> None:
    result = call("--backend", "dtw", "--frames", "feats", "--takes", takes)
    assert result.exit_code == 0, (result.output, result.exception)
    scores = pd.read_csv("dtw.tsv", sep="\t").merge(pd.read_csv("data/mine/dev/trials.tsv", sep="\t"))
    assert result.output == f"dtw.tsv: {len(scores)} scores by warping feats\n"
    of = {kind: scores["score"][scores["type"] == kind].to_numpy() for kind in ("TC", "TW", "IC")}
    assert eer(of["TC"], of["TW"]) == 0
    assert eer(of["TC"], of["IC"]) > 0.3


def a_cohort(bands: int = BANDS) -> None:
    """data/mine/train, of two other speakers and two other phrases, and its features."""
    random = np.random.default_rng(9)
    rows = [(f"{spk}-{phrase}-{take}", "x.wav", spk, phrase) for spk in "uv" for phrase in "pq" for take in range(2)]
    utterances = pd.DataFrame(rows, columns=["utt", "path", "spk", "phrase"])
    write_set(PreparedSet(utterances), Path("data/mine/train"))
    Path("cohort").mkdir()
    frames = [6] * len(rows)
    blocks = random.standard_normal((len(rows), 6, bands)).astype(np.float32)
    write_features(
        Path("cohort"), utterances["utt"], frames, blocks, config=FeaturesConfig(bands=bands), fingerprint="c"
    )


def test_scores_are_normalised_by_recordings_of_a_cohort() -> None:
    a_cohort()
    cohort = ["--cohort", "cohort", "--cohort-data", "data/mine/train", "--cohort-of", "classes"]
    result = call("--backend", "dtw", "--frames", "feats", "--norm", "as-norm", "--top", "3", *cohort)
    assert result.exit_code == 0, (result.output, result.exception)
    scores = pd.read_csv("dtw.tsv", sep="\t").merge(pd.read_csv("data/mine/dev/trials.tsv", sep="\t"))
    assert result.output == f"dtw.tsv: {len(scores)} scores by warping feats, as-norm by 4 recordings, top 3\n"
    of = {kind: scores["score"][scores["type"] == kind].to_numpy() for kind in ("TC", "TW")}
    assert eer(of["TC"], of["TW"]) < 0.1
    assert of["TC"].min() > 1  # deviations above what the cohort has


def test_a_cohort_of_other_frames_is_refused() -> None:
    a_cohort(bands=5)
    result = call("--backend", "dtw", "--frames", "feats", "--norm", "s-norm", "--cohort", "cohort")
    assert result.exit_code != 0
    assert "the frames of the cohort are of another network, layer or configuration" in str(result.exception)


def test_it_is_fused_with_other_scores() -> None:
    assert call("--backend", "dtw", "--frames", "feats").exit_code == 0
    table = pd.read_csv("dtw.tsv", sep="\t")
    speaker = np.where(table["model"].str[:3] == table["utt"].str[:3], 1.0, 0.0)
    table["score"] = speaker + 0.3 * np.random.default_rng(1).standard_normal(len(table))
    table.to_csv("speaker.tsv", sep="\t", index=False)
    files = ["--scores", "dtw.tsv", "--scores", "speaker.tsv"]
    fit = ["fuse", "fit", *files, "--data", "data/mine/dev", "--rule", "both", "--out", "fusion.yaml"]
    for arguments in (fit, ["fuse", "apply", "fusion.yaml", *files, "--out", "fused.tsv"]):
        result = CliRunner().invoke(svtok, arguments)
        assert result.exit_code == 0, (result.output, result.exception)
    fused = pd.read_csv("fused.tsv", sep="\t").merge(pd.read_csv("data/mine/dev/trials.tsv", sep="\t"))
    of_target = fused["type"] == "TC"
    assert eer(fused["score"][of_target].to_numpy(), fused["score"][~of_target].to_numpy()) < 0.1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--backend", "dtw"], "name the features of the set with --frames"),
        (["--backend", "dtw", "--frames", "feats", "--embeddings", "e"], "are of back-ends that compare embeddings"),
        (["--backend", "dtw", "--frames", "feats", "--lda-dim", "3"], "are of a trained back-end"),
        (["--backend", "dtw", "--frames", "feats", "--distance", "log-product"], "is of phone posteriors"),
        (["--embeddings", "e", "--takes", "best"], "--frames, --takes and --distance are of --backend dtw"),
        ([], "name the embeddings of the set with --embeddings"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options: list[str], message: str) -> None:
    result = call(*options)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())
    assert not Path("dtw.tsv").exists()


@pytest.mark.parametrize("options", [["--joined-models"], []])
def test_layers_and_states_of_models_are_refused(options: list[str]) -> None:
    more = [*options, "--frame-states"] if options else ["--layer", "1"]
    result = CliRunner().invoke(svtok, ["extract-embeddings", "--network", "n", "--data", "data/mine/dev", *more])
    assert result.exit_code == 2
