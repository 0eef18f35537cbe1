"""`svtok calibrate` and `svtok fuse` as a user calls them, on a dev and an eval set with scores drawn at random."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner, Result

from svtok.cli.main import svtok
from svtok.manifest.sets import PreparedSet, write_set
from svtok.metrics import cllr
from svtok.scoring.fusion import read_fusion
from svtok.scoring.scores import read_scores, write_scores

pytestmark = pytest.mark.slow

SPEAKERS, PHRASES, TAKES = 5, 4, 3


def write_set_with_scores(root: Path, name: str, seed: int) -> None:
    """data/my/NAME, and scores of a speaker's and a phrase's system for all its trials."""
    random = np.random.default_rng(seed)
    speaker, phrase, take = (side.ravel() for side in np.indices((SPEAKERS, PHRASES, TAKES)))
    utterances = pd.DataFrame({"spk": [f"s{n}" for n in speaker], "phrase": [f"p{n}" for n in phrase]})
    utterances["utt"] = [f"{row.spk}-{row.phrase}-{t}" for row, t in zip(utterances.itertuples(), take, strict=True)]
    utterances["path"] = utterances["utt"] + ".wav"
    models = utterances[take == 0].rename(columns={"utt": "utts"}).drop(columns="path")
    models["model"] = models["spk"] + models["phrase"]
    trials = models[["model"]].merge(utterances.loc[take > 0, ["utt"]], how="cross")
    write_set(PreparedSet(utterances, models, trials), root / "data/my" / name)
    same = (trials["model"].str[:2] == trials["utt"].str[:2]), (trials["model"].str[2:] == trials["utt"].str[3:5])
    for system, right in zip(("speaker", "phrase"), same, strict=True):
        write_scores(root / f"{system}-{name}.tsv", trials, 0.2 * right + random.normal(0, 0.08, len(trials)))


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for seed, name in enumerate(("dev", "eval")):
        write_set_with_scores(tmp_path, name, seed)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*arguments: str) -> Result:
    return CliRunner().invoke(svtok, arguments)


def called(*arguments: str) -> str:
    result = call(*arguments)
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


def shell(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "svtok", *arguments], capture_output=True, text=True, check=False)


def both(kind: str) -> list[str]:
    return ["--scores", f"speaker-{kind}.tsv", "--scores", f"phrase-{kind}.tsv"]


def eer_of(file: str, condition: str) -> float:
    table = called("evaluate", "--scores", file, "--data", "data/my/eval", "--resamples", "0")
    (row,) = [line.split() for line in table.splitlines() if line.startswith(condition)]
    return float(row[3])


def test_a_calibration_makes_log_likelihood_ratios_of_scores_of_another_set(work: Path) -> None:
    output = called("calibrate", "fit", "--scores", "speaker-dev.tsv", "--out", "exp/c.yaml")
    assert output.startswith("exp/c.yaml: fitted on data/my/dev\n")
    assert "calibrated" in output
    output = called("calibrate", "apply", "exp/c.yaml", "--scores", "speaker-eval.tsv", "--out", "exp/llr.tsv")
    assert "speaker-eval.tsv: as speaker-dev.tsv in the fit\nexp/llr.tsv: 800 log likelihood ratios, " in output
    before, after = read_scores(Path("speaker-eval.tsv")), read_scores(Path("exp/llr.tsv"))
    pd.testing.assert_frame_equal(before[["model", "utt"]], after[["model", "utt"]])
    (part,) = read_fusion(Path("exp/c.yaml")).parts
    np.testing.assert_allclose(after["score"], part.weights[0] * before["score"] + part.offset)
    target = (before["model"].str[:2] == before["utt"].str[:2]) & (before["model"].str[2:] == before["utt"].str[3:5])
    costs = [cllr(table["score"][target].to_numpy(), table["score"][~target].to_numpy()) for table in (before, after)]
    assert costs[1] < 0.8 < costs[0]


def test_scores_of_trials_of_no_known_type_are_calibrated(work: Path) -> None:
    called("calibrate", "fit", "--scores", "speaker-dev.tsv", "--data", "data/my/dev", "--out", "c.yaml")
    Path("new.tsv").write_text("model\tutt\tscore\nanybody\tanything\t0.4\n")
    output = called("calibrate", "apply", "c.yaml", "--scores", "new.tsv", "--out", "llr.tsv")
    assert "llr.tsv: 1 log likelihood ratios" in output


def test_costs_and_types_that_count_are_in_the_file(work: Path) -> None:
    options = ["--nontargets", "IC=3,TW", "--c-miss", "2", "--c-fa", "3", "--p-target", "0.3"]
    called("calibrate", "fit", "--scores", "speaker-dev.tsv", "--out", "c.yaml", *options)
    content = yaml.safe_load(Path("c.yaml").read_text())
    assert content["parts"][0]["nontargets"] == {"IC": 0.75, "TW": 0.25}
    assert content["operating_point"] == {"c_miss": 2, "c_fa": 3, "p_target": 0.3}
    assert content["threshold"] == pytest.approx(np.log(3 * 0.7 / (2 * 0.3)))
    assert content["trials"] == {"TC": 40, "TW": 120, "IC": 160, "IW": 480}


@pytest.mark.parametrize("rule", ["linear", "both"])
def test_a_fusion_of_speaker_and_phrase_refuses_wrong_phrases(work: Path, rule: str) -> None:
    output = called("fuse", "fit", *both("dev"), "--rule", rule, "--data", "data/my/dev", "--out", "f.yaml")
    assert "fused" in output
    called("fuse", "apply", "f.yaml", *both("eval"), "--out", "fused.tsv")
    assert eer_of("speaker-eval.tsv", "TC-vs-TW") > 40
    assert eer_of("fused.tsv", "TC-vs-TW") < 25
    assert eer_of("fused.tsv", "TC-vs-IC") < 25


def test_with_a_ridge_two_systems_of_the_same_scores_have_one_weight(work: Path) -> None:
    table = read_scores(Path("speaker-dev.tsv"))
    rounded = table.assign(score=table["score"].round(2))
    rounded.to_csv("rounded.tsv", sep="\t", index=False)
    options = ["--scores", "speaker-dev.tsv", "--scores", "rounded.tsv", "--data", "data/my/dev", "--out", "f.yaml"]
    called("fuse", "fit", *options)
    (part,) = read_fusion(Path("f.yaml")).parts
    assert min(part.weights) < 0 < max(part.weights)
    called("fuse", "fit", *options, "--ridge", "1")
    fusion = read_fusion(Path("f.yaml"))
    assert fusion.ridge == 1
    assert np.ptp(fusion.parts[0].weights) < 0.01 * max(fusion.parts[0].weights)
    done = shell("fuse", "fit", *options, "--ridge", "-1")
    assert (done.returncode, "-1.0 is not in the range x>=0" in done.stderr) == (2, True)


def test_other_trials_end_with_a_message_and_nothing_written(work: Path) -> None:
    header, _, *rest = Path("phrase-dev.tsv").read_text().splitlines(keepends=True)
    Path("phrase-dev.tsv").write_text("".join([header, *rest, "s0p0\ts9-p0-1\t0.5\n"]))
    done = shell("fuse", "fit", *both("dev"), "--data", "data/my/dev", "--out", "f.yaml")
    assert done.returncode == 1
    assert "phrase-dev.tsv: the trial 's0p0 s0-p0-1' has no score" in done.stderr
    assert "'s0p0 s9-p0-1' is not among the trials" in done.stderr
    assert not Path("f.yaml").exists()


def test_files_of_scores_in_different_orders_are_fused_as_those_in_one(work: Path) -> None:
    called("fuse", "fit", *both("dev"), "--data", "data/my/dev", "--out", "in-order.yaml")
    header, *rest = Path("phrase-dev.tsv").read_text().splitlines(keepends=True)
    Path("phrase-dev.tsv").write_text("".join([header, *reversed(rest)]))
    called("fuse", "fit", *both("dev"), "--data", "data/my/dev", "--out", "reversed.yaml")
    assert Path("reversed.yaml").read_text() == Path("in-order.yaml").read_text()


def test_another_number_of_systems_than_in_the_fit_is_refused_with_their_names(work: Path) -> None:
    called("fuse", "fit", *both("dev"), "--data", "data/my/dev", "--out", "f.yaml")
    result = call("calibrate", "apply", "f.yaml", "--scores", "speaker-eval.tsv", "--out", "llr.tsv")
    assert "fitted on 2 files of scores (speaker-dev.tsv, phrase-dev.tsv); 1 given (speaker-eval" in str(
        result.exception
    )
    assert not Path("llr.tsv").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("IX,IC=0", "unknown name 'IX' (known: IC, TW, IW, nontarget); did you mean 'IW'?; the weight of 'IC' must be"),
        ("IC,IC", "'IC' is given twice"),
        ("IC=many", "the weight of 'IC' must be a number above 0, not 'many'"),
    ],
)
def test_wrong_types_of_nontargets_are_usage_errors(work: Path, text: str, message: str) -> None:
    result = call("calibrate", "fit", "--scores", "speaker-dev.tsv", "--nontargets", text, "--out", "c.yaml")
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())


def test_a_fusion_of_one_is_a_usage_error_that_names_the_other_command(work: Path) -> None:
    result = call("fuse", "fit", "--scores", "speaker-dev.tsv", "--data", "data/my/dev", "--out", "f.yaml")
    assert result.exit_code == 2
    assert "use svtok calibrate" in result.output
