"""`svtok score` with trained back-ends and every enrollment, as a user calls it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from svtok.cli.main import svtok
from svtok.embeddings.store import read_embeddings, write_embeddings
from svtok.errors import ProblemsError, SvtokError
from svtok.manifest.sets import PreparedSet, write_set
from svtok.metrics import eer

pytestmark = pytest.mark.slow

DIM, TAKES, ENROLLED, PHRASES = 12, 5, 3, 3
OF_PHRASE = np.random.default_rng(0).normal(size=(PHRASES, DIM))
NOISE = 2.5 * np.where(np.arange(DIM) < 6, 1, 0.1)
"""Utterances differ much in half of the dimensions: what a trained back-end is to find out."""
COHORT = ["--cohort", "train", "--cohort-data", "data/mine/train"]
TRAINED = ["--backend-train", "train", "--backend-data", "data/mine/train"]


def make_set(name: str, speakers: list[str], generator: np.random.Generator) -> pd.DataFrame:
    """Utterances of each speaker's each phrase, and their embeddings in the folder `name`."""
    rows = [
        (f"{spk}-p{phrase}-{take}", spk, f"p{phrase}", take, "x.wav")
        for spk in speakers
        for phrase in range(PHRASES)
        for take in range(TAKES)
    ]
    utterances = pd.DataFrame(rows, columns=["utt", "spk", "phrase", "take", "path"])
    of_speaker = generator.normal(size=(len(speakers), 1, 1, DIM)) + np.zeros((PHRASES, TAKES, DIM))
    vectors = of_speaker + OF_PHRASE[:, None] + NOISE * generator.normal(size=of_speaker.shape)
    write_embeddings(Path(name), utterances["utt"].tolist(), vectors.reshape(-1, DIM).astype(np.float32), "hash")
    return utterances


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A training set of 20 speakers, an evaluation set of eight, and embeddings of both."""
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(1)
    train = make_set("train", [f"t{n:02}" for n in range(20)], generator)
    write_set(PreparedSet(train.drop(columns="take")), Path("data/mine/train"))
    utterances = make_set("eval", [f"e{n}" for n in range(8)], generator)
    enrolled = utterances[utterances["take"] < ENROLLED].groupby(["spk", "phrase"])["utt"].agg(" ".join)
    models = enrolled.rename("utts").reset_index().assign(model=lambda table: table["spk"] + table["phrase"])
    trials = models[["model"]].merge(utterances.loc[utterances["take"] >= ENROLLED, ["utt"]], how="cross")
    write_set(PreparedSet(utterances.drop(columns="take"), models, trials), Path("data/mine/eval"))
    vectors = generator.normal(size=(len(models), DIM)).astype(np.float32)
    write_embeddings(Path("joined"), models["model"].tolist(), vectors, "hash")
    return tmp_path


def call(*options: str) -> Result:
    return CliRunner().invoke(svtok, ["score", "--embeddings", "eval", "--out", "scores.tsv", *options])


def scored(*options: str) -> tuple[str, pd.DataFrame]:
    result = call(*options)
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output, pd.read_csv("scores.tsv", sep="\t")


def error_rate(scores: pd.DataFrame) -> float:
    """EER of TC against IC."""
    same_phrase = scores[scores["model"].str[-2:] == scores["utt"].str[3:5]]
    target = same_phrase["model"].str[:2] == same_phrase["utt"].str[:2]
    return float(eer(same_phrase["score"][target].to_numpy(), same_phrase["score"][~target].to_numpy()))


def test_a_trained_back_end_finds_the_directions_of_speakers() -> None:
    _, cosine = scored()
    for name in ("lda", "plda"):
        output, trained = scored("--backend", name, *TRAINED)
        assert output == f"scores.tsv: {24 * 48} scores, {name} trained on 300 utterances\n"
        assert error_rate(trained) < error_rate(cosine) - 0.05


def test_scores_of_plda_are_log_likelihood_ratios_without_a_threshold_to_choose() -> None:
    """The errors at 0 are about those of the best threshold."""
    _, scores = scored("--backend", "plda", *TRAINED, "--backend-classes", "speaker")
    target = scores["model"].str[:2] == scores["utt"].str[:2]
    values = scores["score"].to_numpy()
    errors = (np.mean(values[target] < 0) + np.mean(values[~target] >= 0)) / 2
    assert errors < float(eer(values[target], values[~target])) + 0.05


@pytest.mark.parametrize(
    "options",
    [
        ["--backend-by", "phrase"],
        ["--lda-dim", "4"],
        ["--shrinkage", "0.9"],
        ["--parts", "2"],
        ["--backend-classes", "speaker"],
        ["--enroll", "mean-score"],
        ["--enroll", "joined-audio", "--joined-embeddings", "joined"],
        ["--norm", "as-norm", "--top", "9", *COHORT, "--cohort-of", "classes", "--cohort-by", "phrase"],
        ["--norm", "s-norm", *COHORT, "--backend-by", "phrase", "--enroll", "mean-score"],
    ],
)
@pytest.mark.parametrize("name", ["lda", "plda"])
def test_every_option_changes_the_scores_of_each_back_end(name: str, options: list[str]) -> None:
    trained = ["--backend", name, *TRAINED]
    assert (scored(*trained)[1]["score"] - scored(*trained, *options)[1]["score"]).abs().max() > 0.01


@pytest.mark.parametrize("options", [["--no-length-norm"], ["--enroll", "mean-embedding"]])
def test_options_of_plda_change_its_scores(options: list[str]) -> None:
    plda = ["--backend", "plda", *TRAINED]
    assert (scored(*plda)[1]["score"] - scored(*plda, *options)[1]["score"]).abs().max() > 0.01
    by_the_book = scored(*plda, "--enroll", "by-the-book")[1]
    pd.testing.assert_frame_equal(scored(*plda)[1], by_the_book)


def test_cosines_of_mean_scores_and_joined_audio() -> None:
    _, scores = scored("--enroll", "joined-audio", "--joined-embeddings", "joined")
    embeddings, joined = (np.load(f"{name}/embeddings.npy") for name in ("eval", "joined"))
    rows = {utt: row for row, utt in enumerate(Path("eval/embeddings.tsv").read_text().split()[1:])}
    test = embeddings[rows["e0-p0-3"]]
    first = scores.set_index(["model", "utt"]).loc[("e0p0", "e0-p0-3"), "score"]
    assert first == pytest.approx(joined[0] @ test / np.linalg.norm(joined[0]) / np.linalg.norm(test), abs=1e-6)
    _, scores = scored("--enroll", "mean-score")
    enrolled = [embeddings[rows[f"e0-p0-{take}"]] for take in range(ENROLLED)]
    first = scores.set_index(["model", "utt"]).loc[("e0p0", "e0-p0-3"), "score"]
    cosines = [one @ test / np.linalg.norm(one) / np.linalg.norm(test) for one in enrolled]
    assert first == pytest.approx(np.mean(cosines), abs=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--backend", "plda"], "--backend plda is trained"),
        (["--backend", "lda", "--backend-train", "train"], "--backend lda is trained"),
        (TRAINED, "are of a trained back-end"),
        (["--lda-dim", "3"], "are of a trained back-end"),
        (["--parts", "2"], "are of a trained back-end"),
        (["--backend-by", "phrase"], "are of a trained back-end"),
        (["--backend", "lda", *TRAINED, "--length-norm"], "--length-norm is of --backend plda"),
        (
            ["--backend", "lda", *TRAINED, "--backend-by", "phrase", "--backend-classes", "speaker"],
            "separates speakers",
        ),
        (["--enroll", "by-the-book"], "--enroll by-the-book counts utterances"),
        (["--backend", "lda", *TRAINED, "--enroll", "by-the-book"], "lda does not"),
        (["--enroll", "joined-audio"], "needs the embeddings of joined utterances"),
        (["--joined-embeddings", "joined"], "--joined-embeddings is of --enroll joined-audio"),
    ],
)
def test_options_that_lack_another_or_do_nothing_are_usage_errors(options: list[str], message: str) -> None:
    result = call(*options)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())
    assert not Path("scores.tsv").exists()


def test_each_stream_of_the_network_is_a_part_unless_the_option_says_otherwise() -> None:
    plda = ["--backend", "plda", *TRAINED]
    one, two = scored(*plda)[1], scored(*plda, "--parts", "2")[1]
    train = read_embeddings(Path("train"))
    write_embeddings(Path("train"), train.utts, train.vectors, train.network_hash, parts=2)
    pd.testing.assert_frame_equal(scored(*plda)[1], two)
    pd.testing.assert_frame_equal(scored(*plda, "--parts", "1")[1], one)
    refused = call(*plda, "--parts", "3")
    assert "train: embeddings of 2 streams are no 3 parts: name a --parts that divides 2" in str(refused.exception)


def test_parts_that_do_not_divide_the_embedding_are_an_error_and_leave_nothing() -> None:
    result = call("--backend", "plda", *TRAINED, "--parts", str(DIM - 1))
    assert f"embeddings of {DIM} dimensions are not {DIM - 1} parts of one length" in str(result.exception)
    assert not Path("scores.tsv").exists()


def test_training_embeddings_of_another_network_or_of_the_scored_utterances_are_refused() -> None:
    write_embeddings(Path("other"), ["u"], np.ones((1, DIM), np.float32), "other")
    result = call("--backend", "lda", "--backend-train", "other", "--backend-data", "data/mine/train")
    assert isinstance(result.exception, SvtokError)
    assert "training set of the back-end are of another network" in str(result.exception)
    result = call("--backend", "lda", "--backend-train", "eval", "--backend-data", "data/mine/eval")
    assert "120 utterances of the training set of the back-end are among those scored" in str(result.exception)


def test_all_phrases_without_training_speakers_are_named() -> None:
    utterances = pd.read_csv("data/mine/train/utterances.tsv", sep="\t")
    write_set(PreparedSet(utterances[utterances["phrase"] == "p1"]), Path("data/mine/train"))
    result = call("--backend", "plda", *TRAINED, "--backend-by", "phrase")
    assert isinstance(result.exception, ProblemsError)
    assert [problem.what[:11] for problem in result.exception.problems] == ["phrase 'p0'", "phrase 'p2'"]
    assert not Path("scores.tsv").exists()
