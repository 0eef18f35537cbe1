"""`svtok fit-scorer` and `svtok score --scorer`, as a user calls them: the same scores, kept in a folder."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from svtok.cli.main import svtok
from svtok.config import write_yaml
from svtok.embeddings.states import ABOUT, ARRAY, INDEX, About, FrameStates
from svtok.embeddings.store import write_embeddings
from svtok.errors import SvtokError
from svtok.features.store import write_frames
from svtok.manifest.sets import PreparedSet, read_set, write_set
from svtok.manifest.trial_types import types_of
from svtok.nets.network import FEATURES, Network
from svtok.scoring.fitted import Warping
from svtok.scoring.scores import read_scores, write_scores
from svtok.scoring.store import load_scorer
from svtok.scoring.warping import WarpingCohort, score_by_warping
from svtok.trained.classes import ClassList
from svtok.trained.config import Config
from svtok.trained.folder import load_network, write_settings, write_weights

pytestmark = pytest.mark.slow

pytestmark = pytest.mark.slow

DIM, TAKES, PHRASES = 8, 4, 2
TRAINED = ["--backend-train", "train", "--backend-data", "data/my/train"]
NORM = ["--norm", "as-norm", "--top", "9", "--cohort", "cohort", "--cohort-data", "data/my/cohort"]


def make_set(name: str, speakers: int, seed: int, *, trials: bool) -> None:
    """data/my/NAME with speakers who say two phrases, embeddings in NAME, scores of the phrase in phrase-NAME.tsv."""
    random = np.random.default_rng(seed)
    rows = [
        (f"{name}{s}-p{p}-{t}", f"{name}{s}", f"p{p}", t)
        for s in range(speakers)
        for p in range(PHRASES)
        for t in range(TAKES)
    ]
    utterances = pd.DataFrame(rows, columns=["utt", "spk", "phrase", "take"]).assign(path="x.wav")
    of_speaker = np.repeat(random.normal(size=(speakers, DIM)), PHRASES * TAKES, axis=0)
    vectors = of_speaker + random.normal(size=(len(rows), DIM))
    write_embeddings(Path(name), utterances["utt"].tolist(), vectors.astype(np.float32), "a network")
    models = known = None
    if trials:
        enrolled = utterances[utterances["take"] < 2].groupby(["spk", "phrase"])["utt"].agg(" ".join)
        models = enrolled.rename("utts").reset_index().assign(model=lambda table: table["spk"] + table["phrase"])
        known = models[["model"]].merge(utterances.loc[utterances["take"] >= 2, ["utt"]], how="cross")
    write_set(PreparedSet(utterances.drop(columns="take"), models, known), Path("data/my") / name)
    if trials:
        prepared = read_set(Path("data/my") / name)
        _, known = prepared.protocol()
        right = known["model"].astype(str).str[-2:] == known["utt"].astype(str).str[-4:-2]
        write_scores(Path(f"phrase-{name}.tsv"), known, 1.0 * right.to_numpy(float) + random.normal(0, 0.4, len(known)))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sets train, cohort, dev and eval, made once."""
    folder = tmp_path_factory.mktemp("sets")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for seed, (name, speakers) in enumerate([("train", 9), ("cohort", 6), ("dev", 8), ("eval", 6)]):
            make_set(name, speakers, seed, trials=name in ("dev", "eval"))
    return folder


@pytest.fixture(autouse=True)
def work(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy of the sets; the working folder of the test."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)


def call(*arguments: str) -> Result:
    return CliRunner().invoke(svtok, arguments)


def called(*arguments: str) -> str:
    result = call(*arguments)
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


def fit(*options: str) -> str:
    return called("fit-scorer", "--embeddings", "dev", "--data", "data/my/dev", "--out", "scorer", *options)


def score(out: str, *options: str) -> str:
    return called("score", "--embeddings", "eval", "--data", "data/my/eval", "--out", out, *options)


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--enroll", "mean-score", *NORM, "--cohort-of", "classes"],
        ["--backend", "lda", *TRAINED, "--lda-dim", "4"],
        ["--backend", "plda", *TRAINED, *NORM],
        ["--backend", "plda", *TRAINED, "--backend-by", "phrase", "--no-length-norm", "--enroll", "mean-embedding"],
        ["--backend", "plda", *TRAINED, "--backend-by", "phrase", *NORM, "--cohort-by", "phrase"],
    ],
    ids=["cosine", "cohort of classes", "lda", "plda and cohort", "by phrase", "by phrase with cohort"],
)
def test_a_saved_scorer_gives_the_very_scores_of_the_options_that_it_was_fitted_with(options: list[str]) -> None:
    fit(*options)
    score("plain.tsv", *options)
    output = score("saved.tsv", "--scorer", "scorer")
    assert output.startswith(f"saved.tsv: {12 * 24} scores by scorer\n")
    assert Path("saved.tsv").read_bytes() == Path("plain.tsv").read_bytes()


def test_what_a_scorer_decides_is_printed_and_kept() -> None:
    output = fit("--phrase-scores", "phrase-dev.tsv")
    rows = [re.split(r"\s{2,}", line) for line in output.splitlines()]
    assert ["speaker", "IC", "32", "224"] in [row[:4] for row in rows]
    assert ["phrase", "TW", "32", "32"] in [row[:4] for row in rows]
    assert ["together", "TW+IC+IW", "32", "480"] in [row[:4] for row in rows]
    scorer = load_scorer(Path("scorer"))
    assert list(scorer.decisions) == ["speaker", "phrase", "together"]
    assert (scorer.network, scorer.dim, scorer.phrases) == ("a network", DIM, None)


def test_likelihood_ratios_are_those_of_a_calibration_of_the_same_scores() -> None:
    fit()
    score("dev.tsv", "--data", "data/my/dev", "--embeddings", "dev")
    called("calibrate", "fit", "--scores", "dev.tsv", "--data", "data/my/dev", "--out", "c.yaml")
    score("raw.tsv")
    called("calibrate", "apply", "c.yaml", "--scores", "raw.tsv", "--out", "calibrated.tsv")
    score("llr.tsv", "--scorer", "scorer", "--llr", "together")
    expected, found = (read_scores(Path(name))["score"].to_numpy() for name in ("calibrated.tsv", "llr.tsv"))
    np.testing.assert_allclose(found, expected, rtol=1e-5)  # scores in the file are of single precision


def test_trials_are_accepted_at_the_rate_that_is_asked_for() -> None:
    fit("--phrase-scores", "phrase-dev.tsv")
    options = ["--scorer", "scorer", "--llr", "together", "--phrase-scores", "phrase-eval.tsv"]
    output = score("llr.tsv", *options, "--false-accept-rate", "0.05")
    accepted, threshold = re.search(r"accepted: (\d+) from (\S+) on \(false-accept rate 5 %\)", output).groups()  # type: ignore[union-attr]
    scores = read_scores(Path("llr.tsv"))["score"]
    assert int(accepted) == pytest.approx((scores >= float(threshold)).sum(), abs=1)
    prepared = read_set(Path("data/my/eval"))
    assert prepared.models is not None
    assert prepared.trials is not None
    types = types_of(prepared.trials, prepared.models, prepared.utterances)
    assert 0.01 < (scores[types != "TC"] >= float(threshold)).mean() < 0.15
    cost = score("llr.tsv", *options, "--cost", "miss=1,false-alarm=1,prior=0.5")
    assert re.search(r"accepted: \d+ from 0 on \(cost miss=1,false-alarm=1,prior=0.5\)", cost)


def test_a_rate_that_the_trials_cannot_show_is_refused_and_nothing_written() -> None:
    fit()
    result = call(
        *["score", "--embeddings", "eval", "--data", "data/my/eval", "--out", "llr.tsv", "--scorer", "scorer"],
        *["--llr", "speaker", "--false-accept-rate", "0.0001"],
    )
    assert isinstance(result.exception, SvtokError)
    assert "0.01 % cannot be seen in 224 non-target trials of a type, which show 0.45 % at the least" in str(
        result.exception
    )
    assert not Path("llr.tsv").exists()


def test_embeddings_of_another_network_are_refused_with_both_names() -> None:
    fit()
    write_embeddings(Path("other"), ["a"], np.ones((1, DIM), np.float32), "another")
    result = call(*["score", "--embeddings", "other", "--data", "data/my/eval", "--out", "s.tsv", "--scorer", "scorer"])
    assert "other: embeddings of the network another, the scorer was fitted on those of a network" in str(
        result.exception
    )


def test_a_scorer_does_not_decide_what_it_was_not_fitted_for() -> None:
    fit()
    result = call(
        *["score", "--embeddings", "eval", "--data", "data/my/eval", "--out", "s.tsv", "--scorer", "scorer"],
        *["--llr", "phrase", "--phrase-scores", "phrase-eval.tsv"],
    )
    assert "the scorer does not decide 'phrase' (it decides speaker, together)" in str(result.exception)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--scorer", "scorer", "--backend", "plda"], "--backend: settled by --scorer"),
        (["--scorer", "scorer", "--norm", "s-norm", "--top", "3"], "--norm, --top: settled by --scorer"),
        (["--llr", "speaker"], "are of --scorer"),
        (["--scorer", "scorer", "--false-accept-rate", "0.1"], "are of --llr"),
        (["--scorer", "scorer", "--llr", "speaker", "--cost", "miss=1"], "--cost lacks false-alarm, prior"),
        (["--scorer", "scorer", "--llr", "speaker", "--cost", "mis=1"], "did you mean 'miss'?"),
        (
            ["--scorer", "scorer", "--llr", "speaker", "--cost", "miss=1,false-alarm=1,prior=1.5"],
            "a probability below 1, not 1.5",
        ),
        (
            ["--scorer", "s", "--llr", "speaker", "--false-accept-rate", "0.1", "--cost", "miss=1"],
            "give one of them",
        ),
    ],
)
def test_options_that_lack_another_or_do_nothing_are_usage_errors(options: list[str], message: str) -> None:
    result = call("score", "--embeddings", "eval", "--data", "data/my/eval", "--out", "s.tsv", *options)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())


def test_a_scorer_is_not_fitted_again_where_nothing_changed_and_is_not_written_over_other_files() -> None:
    fit()
    before = Path("scorer/scorer.yaml").stat().st_mtime_ns
    assert "scorer: up to date" in fit()
    assert Path("scorer/scorer.yaml").stat().st_mtime_ns == before
    Path("notes").mkdir()
    Path("notes/diary.txt").write_text("mine")
    result = call("fit-scorer", "--embeddings", "dev", "--data", "data/my/dev", "--out", "notes")
    assert "holds other files (diary.txt)" in str(result.exception)


def write_network(folder: Path, dim: int) -> str:
    """A network of embeddings (dim,); returns its hash."""
    tree = {"front_end": {"channels": 4, "blocks": [4]}, "memory": {"slots": 2, "key_dim": 2}, "attention_heads": 2}
    config = Config.model_validate({"network": {**tree, "embedding_dim": dim}, "features": {"bands": 4}})
    folder.mkdir()
    write_settings(folder, config, ClassList((("ann", "yes"), ("bob", "no"))), {})
    write_weights(folder, Network(config.network, 4, 2).state_dict())
    return load_network(folder).hash


def test_a_scorer_may_be_of_a_network_that_heard_the_speakers_of_the_set_too() -> None:
    expected = fit()
    released = write_network(Path("released"), DIM)
    output = fit("--network", "released")
    assert output.splitlines()[2:] == expected.splitlines()[2:]  # the same decisions
    assert output.startswith("scorer: cosine, calibrated on data/my/dev, for released\n")
    assert load_scorer(Path("scorer")).network == released


def test_a_scorer_is_not_of_another_network_whose_embeddings_it_could_not_take() -> None:
    write_network(Path("released"), DIM)
    write_network(Path("wider"), 2 * DIM)
    write_states("dev", 1)
    given = ["fit-scorer", "--embeddings", "dev", "--data", "data/my/dev", "--out", "new"]
    assert "wider: embeddings of 16 dimensions, where --embeddings have 8" in str(
        call(*given, "--network", "wider").exception
    )
    for options in (["--backend", "plda", *TRAINED], NORM, ["--frames", "states-dev"]):
        result = call(*given, "--network", "released", *options)
        assert "embeddings lie elsewhere" in str(result.exception)
    write_states("dev", 1, layer=FEATURES)
    assert call(*given, "--network", "released", "--frames", "states-dev").exit_code == 0


def write_states(name: str, seed: int, network: str = "a network", layer: int = 2) -> None:
    """Frame states of a set in states-NAME: ten frames an utterance, those of its phrase and noise."""
    random = np.random.default_rng(seed)
    of_phrase = np.random.default_rng(9).normal(size=(PHRASES, 10, 4))
    utts = sorted(read_set(Path("data/my") / name).utterances["utt"])
    frames = [of_phrase[int(utt[-3])] + random.normal(0, 0.7, (10, 4)) for utt in utts]
    folder = Path(f"states-{name}")
    folder.mkdir(exist_ok=True)
    write_frames(folder / ARRAY, folder / INDEX, utts, [10] * len(utts), (one.astype("f4") for one in frames), dim=4)
    write_yaml(folder / ABOUT, About(network=network, layer=layer))


def test_frame_states_decide_the_phrase_as_scores_of_their_warping_do() -> None:
    write_states("dev", 1)
    write_states("eval", 2)
    for name in ("dev", "eval"):
        called(
            "score",
            "--backend",
            "dtw",
            "--frames",
            f"states-{name}",
            "--data",
            f"data/my/{name}",
            "--out",
            name + ".tsv",
        )
    fit("--frames", "states-dev")
    assert load_scorer("scorer").warping == Warping(layer=2, takes="mean")
    score("frames.tsv", "--scorer", "scorer", "--llr", "together", "--frames", "states-eval")
    fit("--phrase-scores", "dev.tsv")
    assert load_scorer("scorer").warping is None
    score("scores.tsv", "--scorer", "scorer", "--llr", "together", "--phrase-scores", "eval.tsv")
    frames, scores = (read_scores(Path(name))["score"].to_numpy() for name in ("frames.tsv", "scores.tsv"))
    np.testing.assert_allclose(frames, scores, rtol=1e-5)


def test_warping_is_normalised_by_the_recordings_that_the_scorer_keeps() -> None:
    for seed, name in enumerate(("cohort", "dev", "eval")):
        write_states(name, seed)
    cohort = ["--frames-cohort", "states-cohort", "--frames-cohort-data", "data/my/cohort", "--frames-cohort-size", "9"]
    fit("--frames", "states-dev", *cohort)
    kept = load_scorer(Path("scorer")).warping
    assert kept is not None
    assert kept.cohort is not None
    assert len(kept.cohort.arrays) == 9  # of the 12 classes of the cohort
    score("together.tsv", "--scorer", "scorer", "--llr", "phrase", "--frames", "states-eval")
    kept_scores = score_by_warping(
        read_set(Path("data/my/eval")),
        FrameStates(Path("states-eval")),
        cohort=WarpingCohort(kept.cohort, kept.cohort.utts),
    )
    found = read_scores(Path("together.tsv"))["score"].to_numpy()
    np.testing.assert_array_equal(np.argsort(found, kind="stable"), np.argsort(kept_scores, kind="stable"))


def test_a_cohort_of_frames_needs_frames_and_other_recordings() -> None:
    write_states("dev", 1)
    dev = ["fit-scorer", "--embeddings", "dev", "--data", "data/my/dev", "--out", "scorer"]
    assert "--frames-cohort is of --frames" in call(*dev, "--frames-cohort", "states-dev").output
    result = call(*dev, "--frames", "states-dev", "--frames-cohort", "states-dev")
    assert "utterances of the cohort are among those scored" in str(result.exception)
    assert not Path("scorer").exists()


def test_states_of_another_network_or_layer_are_refused() -> None:
    write_states("dev", 1, network="another")
    dev = ["fit-scorer", "--embeddings", "dev", "--data", "data/my/dev", "--out", "scorer"]
    assert "states-dev: holds states of another network" in str(call(*dev, "--frames", "states-dev").exception)
    write_states("dev", 1)
    write_states("eval", 2, layer=1)
    fit("--frames", "states-dev", "--takes", "best")
    result = call(
        *["score", "--embeddings", "eval", "--data", "data/my/eval", "--out", "s.tsv", "--scorer", "scorer"],
        *["--llr", "phrase", "--frames", "states-eval"],
    )
    assert "was fitted with scores of the phrase from layer 2 of --frames" in str(result.exception)
