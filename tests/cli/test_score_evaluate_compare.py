"""`svtok score`, `evaluate` and `compare`, as a user calls them, on a small prepared set with random embeddings."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from svtok.cli.main import svtok
from svtok.embeddings.store import write_embeddings
from svtok.manifest.sets import CorpusInfo, PreparedSet, write_corpus_info, write_set

pytestmark = pytest.mark.slow

SPEAKERS, PHRASES, TAKES, ENROLLED = 4, 3, 3, 1


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with data/mine/eval (two women, two men) and its embeddings in emb/; the current one of the test."""
    generator = np.random.default_rng(0)
    speaker, phrase, take = (side.ravel() for side in np.indices((SPEAKERS, PHRASES, TAKES)))
    utterances = pd.DataFrame({"spk": [f"s{n}" for n in speaker], "phrase": [f"p{n}" for n in phrase]})
    utterances["utt"] = [f"s{s}-p{p}-{t}" for s, p, t in zip(speaker, phrase, take, strict=True)]
    utterances["path"] = utterances["utt"] + ".wav"
    models = utterances[take < ENROLLED].assign(gender=lambda m: np.where(m["spk"] < "s2", "f", "m"))
    models = models.assign(model=models["spk"] + models["phrase"], utts=models["utt"]).drop(columns=["utt", "path"])
    trials = models[["model"]].merge(utterances.loc[take >= ENROLLED, ["utt"]], how="cross")
    write_set(PreparedSet(utterances, models, trials), tmp_path / "data/mine/eval")
    write_corpus_info(tmp_path / "data/mine", CorpusInfo(name="mine", synthetic=True))
    vectors = generator.normal(size=(SPEAKERS, 16))[speaker] + generator.normal(size=(PHRASES, 16))[phrase]
    vectors += generator.normal(size=vectors.shape)
    write_embeddings(tmp_path / "emb", utterances["utt"].tolist(), vectors.astype(np.float32), "hash")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*arguments: str) -> Result:
    return CliRunner().invoke(svtok, arguments)


def called(*arguments: str) -> str:
    result = call(*arguments)
    assert result.exit_code == 0, result.output
    return result.output


def shell(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "svtok", *arguments], capture_output=True, text=True, check=False)


@pytest.fixture
def scores(work: Path) -> Path:
    called("score", "--embeddings", "emb", "--out", "scores.tsv")
    return work / "scores.tsv"


def replace_line(path: Path, number: int, text: str) -> None:
    lines = path.read_text().splitlines(keepends=True)
    lines[number - 1] = text
    path.write_text("".join(lines))


def test_from_embeddings_to_a_table_of_systems(work: Path) -> None:
    done = shell("score", "--embeddings", "emb", "--data", "data/mine/eval", "--out", "exp/a/scores.tsv")
    assert (done.returncode, done.stdout) == (0, "exp/a/scores.tsv: 288 scores\n")
    files = ["--scores", "exp/a/scores.tsv", "--json", "exp/a/eval.json", "--det", "exp/a/det.png"]
    done = shell("evaluate", *files, "--data", "data/mine/eval", "--resamples", "50")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("exp/a/scores.tsv on mine (SYNTHETIC speech)\n")
    assert (work / "exp/a/det.png").read_bytes().startswith(b"\x89PNG")
    done = shell("compare", "a=exp/a/eval.json", "b=exp/a/eval.json", "--markdown", "RESULTS.md")
    assert done.returncode == 0, done.stderr
    assert "SYNTHETIC" in done.stdout
    assert (work / "RESULTS.md").read_text().count("\n| b ") == 1


def test_scores_are_in_the_order_of_the_trials(scores: Path, work: Path) -> None:
    trials = pd.read_csv(work / "data/mine/eval/trials.tsv", sep="\t")
    written = pd.read_csv(scores, sep="\t")
    assert list(written.columns) == ["model", "utt", "score"]
    pd.testing.assert_frame_equal(written[["model", "utt"]], trials[["model", "utt"]])
    assert written["score"].between(-1, 1).all()


def test_the_table_has_conditions_genders_and_counts(scores: Path) -> None:
    output = called("evaluate", "--scores", str(scores), "--resamples", "20")
    rows = [line.split()[:5] for line in output.splitlines()[4:20]]
    assert rows[0] == ["TC-vs-IC", "-", "pooled", "24", "72"]
    assert rows[1] == ["TC-vs-IC", "gender", "f", "12", "36"]
    assert [row[0:3] for row in rows] == [
        [name, *which]
        for name in ("TC-vs-IC", "TC-vs-TW", "TC-vs-IW", "pooled")
        for which in (["-", "pooled"], ["gender", "f"], ["gender", "m"], ["gender", "macro-averaged"])
    ]
    assert rows[12] == ["pooled", "-", "pooled", "24", "264"]


def test_a_breakdown_by_columns_is_in_the_table_and_in_the_file(scores: Path) -> None:
    options = ["--by", "phrase", "--by", "gender", "--resamples", "0", "--json", "eval.json"]
    output = called("evaluate", "--scores", str(scores), *options)
    assert output.splitlines()[5].split()[:5] == ["TC-vs-IC", "phrase", "p0", "8", "24"]
    conditions = [one for one in json.loads(Path("eval.json").read_text())["conditions"] if one["name"] == "TC-vs-IC"]
    assert [(one["by"], one["value"], one["macro_averaged"]) for one in conditions] == [
        (None, None, False),
        *(("phrase", f"p{n}", False) for n in range(PHRASES)),
        ("phrase", None, True),
        ("gender", "f", False),
        ("gender", "m", False),
        ("gender", None, True),
    ]
    assert conditions[4]["eer"] == pytest.approx(np.mean([one["eer"] for one in conditions[1:4]]))


def test_an_unknown_column_is_named_with_those_there_are(scores: Path) -> None:
    done = shell("evaluate", "--scores", str(scores), "--by", "languge")
    assert done.returncode == 1
    assert "unknown column 'languge' (known: model, spk, phrase, utts, gender, utt, path)" in done.stderr
    both = call("evaluate", "--scores", str(scores), "--trials", "typed.tsv", "--by", "gender")
    assert both.exit_code == 2
    assert "give --data" in both.output


def test_the_official_arithmetic_is_named_in_the_table_the_file_and_the_comparison(scores: Path) -> None:
    options = ["--official", "sdsv", "--resamples", "0", "--json", "eval.json"]
    assert "official arithmetic of the SdSV challenges" in called("evaluate", "--scores", str(scores), *options)
    assert json.loads(Path("eval.json").read_text())["arithmetic"] == "sdsv"
    assert "The numbers of a are by the official arithmetic of sdsv." in called("compare", "a=eval.json")


def test_the_same_seed_gives_the_same_file_and_the_order_of_the_scores_does_not_matter(scores: Path) -> None:
    def evaluation(*options: str) -> bytes:
        called("evaluate", "--scores", str(scores), "--resamples", "30", "--json", "eval.json", *options)
        return Path("eval.json").read_bytes()

    first = evaluation()
    header, *lines = scores.read_text().splitlines(keepends=True)
    scores.write_text("".join([header, *reversed(lines)]))
    assert evaluation() == first
    assert evaluation("--seed", "1") != first


def test_the_json_file_follows_the_contract(scores: Path) -> None:
    called("evaluate", "--scores", str(scores), "--json", "eval.json", "--resamples", "30")
    content = json.loads(Path("eval.json").read_text())
    assert (content["synthetic"], content["resamples"], content["seed"]) == (True, 30, 0)
    assert content["scores"] == str(scores)
    first = content["conditions"][0]
    assert 0 < first["eer_ci"][0] <= first["eer"] <= first["eer_ci"][1] < 1


def test_actual_costs_stand_beside_the_least_and_a_reliability_plot_is_drawn(scores: Path) -> None:
    options = ["--json", "eval.json", "--resamples", "0", "--reliability", "reliability.png"]
    header = called("evaluate", "--scores", str(scores), *options).splitlines()[2]
    assert re.split(r"  +", header)[5:] == ["EER %", "DCF08", "actual", "DCF10", "actual", "Cllr", "min Cllr"]
    for one in json.loads(Path("eval.json").read_text())["conditions"]:
        assert one["actual_dcf08"] >= one["dcf08"]
        assert one["actual_dcf10"] == 1  # no cosine reaches the threshold
    assert Path("reliability.png").read_bytes().startswith(b"\x89PNG")


def test_a_list_of_typed_trials_is_enough_and_its_models_are_drawn(scores: Path, work: Path) -> None:
    trials = pd.read_csv(work / "data/mine/eval/trials.tsv", sep="\t")
    trials["type"] = np.where(trials["model"].str[:2] == trials["utt"].str[:2], "target", "nontarget")
    trials.to_csv("typed.tsv", sep="\t", index=False)
    output = called("evaluate", "--scores", str(scores), "--trials", "typed.tsv", "--resamples", "10")
    assert output.splitlines()[4].split()[:3] == ["pooled", "72", "216"]
    assert "drawing the models (the speakers are not known)" in output


def test_data_and_trials_together_or_neither_are_usage_errors(scores: Path, tmp_path: Path) -> None:
    both = call("evaluate", "--scores", str(scores), "--data", "data/mine/eval", "--trials", "t.tsv")
    assert both.exit_code == 2
    assert "give one of them" in both.output
    (tmp_path / "data").rename(tmp_path / "elsewhere")
    neither = call("evaluate", "--scores", str(scores))
    assert neither.exit_code == 2
    assert "name a set with --data" in neither.output


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("s0p0\ts0-p0-1\tnan\n", "scores.tsv:2: score 'nan' is not a finite number"),
        ("s0p0\ts0-p0-2\t0.5\n", "scores.tsv:3: model utt 's0p0 s0-p0-2' is there twice, first in line 2"),
        ("s9p0\ts0-p0-1\t0.5\n", "scores.tsv:2: 's9p0 s0-p0-1' is not among the trials"),
        ("s0p0\ts0-p0-1\n", "scores.tsv:2: "),
        ("", "scores.tsv: the trial 's0p0 s0-p0-1' has no score"),
    ],
)
def test_bad_scores_are_named_with_their_lines(scores: Path, line: str, message: str) -> None:
    replace_line(scores, 2, line)
    result = call("evaluate", "--scores", str(scores), "--json", "eval.json")
    assert result.exit_code != 0
    assert message in str(result.exception)
    assert not Path("eval.json").exists()


def test_an_empty_file_and_unknown_columns_end_with_a_message_and_exit_code_one(scores: Path) -> None:
    replace_line(scores, 1, "model\tutterance\tscore\n")
    done = shell("evaluate", "--scores", "scores.tsv")
    assert done.returncode == 1
    assert done.stderr.startswith("error: 1 problem found\n  scores.tsv:1: the header is not 'model utt score'")
    scores.write_text("")
    assert "the file is empty" in str(call("evaluate", "--scores", str(scores)).exception)


def test_a_set_without_the_embeddings_of_its_utterances_is_not_scored(work: Path) -> None:
    write_embeddings(work / "few", ["s0-p0-0", "s0-p0-1"], np.ones((2, 4), np.float32), "hash")
    result = call("score", "--embeddings", "few", "--out", "scores.tsv")
    assert "11 utterances have no embedding: s0-p1-0, s0-p2-0, s1-p0-0" in str(result.exception)
    assert not (work / "scores.tsv").exists()


@pytest.fixture
def cohort(work: Path) -> list[str]:
    """Options that name a cohort of 5 speakers that say each phrase twice, and its prepared set."""
    rows = [(f"c{s}-p{p}-{t}", f"c{s}", f"p{p}") for s in range(5) for p in range(PHRASES) for t in range(2)]
    utterances = pd.DataFrame(rows, columns=["utt", "spk", "phrase"]).assign(path="x.wav")
    write_set(PreparedSet(utterances), work / "data/mine/train")
    vectors = np.random.default_rng(1).normal(size=(len(rows), 16)).astype(np.float32)
    write_embeddings(work / "cohort", utterances["utt"].tolist(), vectors, "hash")
    return ["--cohort", "cohort", "--cohort-data", "data/mine/train"]


def test_scores_are_normalised_by_a_cohort(scores: Path, cohort: list[str]) -> None:
    raw = pd.read_csv(scores, sep="\t")
    for options, note in [
        (["--norm", "s-norm"], "s-norm by 30 utterances"),
        (["--norm", "as-norm", "--top", "8"], "as-norm by 30 utterances, top 8"),
        (
            ["--norm", "as-norm", "--top", "5", "--cohort-of", "classes", "--cohort-by", "phrase"],
            "by 15 classes, top 5",
        ),
        (["--norm", "s-norm", "--cohort-of", "speakers"], "s-norm by 5 speakers"),
    ]:
        assert note in called(
            "score", "--embeddings", "emb", "--data", "data/mine/eval", "--out", "n.tsv", *cohort, *options
        )
        normalised = pd.read_csv("n.tsv", sep="\t")
        pd.testing.assert_frame_equal(normalised[["model", "utt"]], raw[["model", "utt"]])
        assert normalised["score"].abs().max() > 1
        assert np.corrcoef(normalised["score"], raw["score"])[0, 1] > 0.5


def test_a_cohort_smaller_than_the_top_is_named_with_both_numbers(work: Path, cohort: list[str]) -> None:
    options = ["--data", "data/mine/eval", "--out", "n.tsv", "--norm", "as-norm"]
    done = shell("score", "--embeddings", "emb", *options, *cohort)
    assert done.returncode == 1
    assert "the 300 highest scores cannot be taken of a cohort of 30: name from 2 to 30" in done.stderr
    assert not (work / "n.tsv").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--norm", "as-norm"], "--norm as-norm needs a cohort"),
        (["--cohort", "cohort"], "choose one with --norm"),
        (["--top", "5"], "choose one with --norm"),
        (["--norm", "s-norm", "--cohort", "cohort", "--top", "5"], "s-norm takes all scores"),
        (["--norm", "s-norm", "--cohort", "cohort", "--cohort-by", "phrase"], "name it with --cohort-data"),
    ],
)
def test_options_that_lack_another_or_do_nothing_are_usage_errors(
    work: Path, cohort: list[str], options: list[str], message: str
) -> None:
    result = call("score", "--embeddings", "emb", "--data", "data/mine/eval", "--out", "n.tsv", *options)
    assert result.exit_code == 2
    assert message in result.output


def test_compare_refuses_what_is_not_name_and_file(work: Path) -> None:
    for arguments, message in [
        (["eval.json"], "'eval.json' is not NAME=FILE"),
        (["a=x.json", "a=y.json"], "each system needs a name of its own"),
    ]:
        result = call("compare", *arguments)
        assert result.exit_code == 2
        assert message in result.output
    assert "there is no such file" in str(call("compare", "a=missing.json").exception)
