"""Files of other toolkits, from their embeddings to error rates, by svtok alone: no table of ours is there before."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

from svtok.cli.main import svtok

SPEAKERS, TAKES, DIM = 12, 4, 8


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*words: object) -> str:
    result = CliRunner().invoke(svtok, [str(word) for word in words])
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result.output


def failing(*words: object) -> str:
    result = CliRunner().invoke(svtok, [str(word) for word in words])
    assert result.exit_code != 0
    return result.output if result.exception is None else f"{result.output}{result.exception}"


def write_ark(file: Path, vectors: dict[str, NDArray[np.float32]]) -> None:
    """An archive as Kaldi's ivector tools write it, and its list beside it."""
    content, places = b"", []
    for name, vector in vectors.items():
        content += f"{name} ".encode()
        places.append(f"{name} {file}:{len(content)}\n")
        content += b"\0BFV \4" + struct.pack("<i", len(vector)) + vector.astype("<f4").tobytes()
    file.write_bytes(content)
    file.with_suffix(".scp").write_text("".join(places))


def foreign(prefix: str, seed: int) -> dict[str, NDArray[np.float32]]:
    """Takes of speakers, `spk-take`, around a mean of each speaker."""
    draw = np.random.default_rng(seed)
    means = draw.standard_normal((SPEAKERS, DIM))
    return {
        f"{prefix}{speaker:02}-{take}": (means[speaker] + 0.7 * draw.standard_normal(DIM)).astype(np.float32)
        for speaker in range(SPEAKERS)
        for take in range(TAKES)
    }


def write_lists(name: str, prefix: str) -> None:
    """Trials of models of two takes against the other two, and Kaldi's spk2utt and utt2spk."""
    Path(name).mkdir()
    speakers = [f"{prefix}{speaker:02}" for speaker in range(SPEAKERS)]
    Path(name, "spk2utt").write_text("".join(f"{spk} {spk}-0 {spk}-1\n" for spk in speakers))
    Path(name, "utt2spk").write_text("".join(f"{spk}-{take} {spk}\n" for spk in speakers for take in range(TAKES)))
    Path(name, "trials").write_text(
        "".join(
            f"{model} {spk}-{take} {'target' if model == spk else 'nontarget'}\n"
            for model in speakers
            for spk in speakers
            for take in (2, 3)
        )
    )


def evaluated(*words: object) -> dict[str, Any]:
    run("evaluate", *words, "--json", "eval.json", "--resamples", 0)
    conditions: list[dict[str, Any]] = json.loads(Path("eval.json").read_text())["conditions"]
    return conditions[-1]


def test_embeddings_of_another_toolkit_are_normalised_calibrated_and_evaluated() -> None:
    for name, prefix, seed in (("dev", "d", 1), ("eval", "e", 2), ("train", "t", 3)):
        write_ark(Path(f"{name}.ark"), foreign(prefix, seed))
        write_lists(name, prefix)
        run("kaldi", "import", "embeddings", f"{name}.scp", "--network", "xvector", "--out", f"x/{name}")
    norm = ("--norm", "as-norm", "--top", 10, "--cohort", "x/train")
    for name in ("dev", "eval"):
        lists = ("--trials", f"{name}/trials", "--models", f"{name}/spk2utt")
        said = run("score", "--embeddings", f"x/{name}", *lists, *norm, "--out", f"x/{name}.tsv")
        assert said == f"x/{name}.tsv: 288 scores, as-norm by 48 utterances, top 10\n"
    run("calibrate", "fit", "--scores", "x/dev.tsv", "--trials", "dev/trials", "--out", "x/calibration.yaml")
    run("calibrate", "apply", "x/calibration.yaml", "--scores", "x/eval.tsv", "--out", "x/llr.tsv")
    found = evaluated("--scores", "x/llr.tsv", "--trials", "eval/trials")
    assert (found["targets"], found["nontargets"]) == (24, 264)
    assert found["eer"] < 0.2
    assert found["cllr"] < 0.7
    # the speakers of a training set or cohort are those of Kaldi's utt2spk
    plda = ("--backend", "plda", "--backend-train", "x/train", "--backend-data", "train")
    lists = ("--trials", "eval/trials", "--models", "eval/spk2utt")
    of_speakers = (*norm, "--cohort-data", "train", "--cohort-of", "speakers")
    assert "by 12 speakers" in run(
        "score", "--embeddings", "x/eval", *lists, *plda, *of_speakers, "--out", "x/plda.tsv"
    )
    assert evaluated("--scores", "x/plda.tsv", "--trials", "eval/trials")["eer"] < 0.3


def test_without_models_a_trial_compares_two_utterances() -> None:
    write_ark(Path("x.ark"), foreign("e", 1))
    run("kaldi", "import", "embeddings", "x.ark", "--network", "x", "--out", "x")
    Path("trials").write_text("e00-0 e00-1 target\ne00-0 e01-1 nontarget\n")
    run("score", "--embeddings", "x", "--trials", "trials", "--out", "scores.tsv")
    vectors = foreign("e", 1)
    written = [float(line.split("\t")[2]) for line in Path("scores.tsv").read_text().splitlines()[1:]]
    for score, test in zip(written, ("e00-1", "e01-1"), strict=True):
        one, other = vectors["e00-0"], vectors[test]
        assert score == pytest.approx(one @ other / np.linalg.norm(one) / np.linalg.norm(other), abs=1e-6)


SCORES = {
    "kaldi": "a b {0}\na c {1}\nb c {2}\n",
    "wespeaker": "a b {0} target\na c {1} nontarget\nb c {2} nontarget\n",
    "3d-speaker": "a b target {0}\na c nontarget {1}\nb c nontarget {2}\n",
    "speechbrain": "a b 1 {0}\na c 0 {1}\nb c 0 {2}\n",
}


@pytest.mark.parametrize("toolkit", SCORES)
@pytest.mark.parametrize("trials", ["a b target\na c nontarget\nb c nontarget\n", "1 a b\n0 a c\n0 b c\n"])
def test_scores_and_trials_in_any_form_are_evaluated(toolkit: str, trials: str) -> None:
    Path("theirs").write_text(SCORES[toolkit].format(0.25, 0.75, -1))
    Path("trials").write_text(trials)
    assert evaluated("--scores", "theirs", "--trials", "trials")["eer"] == 0.5
    run("kaldi", "import", "scores", "theirs", "--out", "ours.tsv")
    given = () if toolkit == "kaldi" else ("--trials", "trials")
    run("kaldi", "export", "scores", "ours.tsv", "--format", toolkit, *given, "--out", "again")
    assert Path("again").read_text() == SCORES[toolkit].format(0.25, 0.75, -1)


def test_scores_of_speechbrain_belong_to_trials_that_name_files() -> None:
    Path("theirs").write_text("id1/a/1 id1/b/1 1 0.9\nid1/a/1 id2/a/1 0 0.2\n")
    Path("veri_test.txt").write_text("1 id1/a/1.wav id1/b/1.wav\n0 id1/a/1.wav id2/a/1.wav\n")
    assert evaluated("--scores", "theirs", "--trials", "veri_test.txt")["eer"] == 0


def test_lists_that_do_not_belong_together_are_named_by_line() -> None:
    Path("theirs").write_text("a b 0.5\na x 0.5\n")
    Path("trials").write_text("a b target\na c nontarget\n")
    said = failing("evaluate", "--scores", "theirs", "--trials", "trials")
    assert "theirs: the trial 'a c' has no score" in said
    assert "theirs:2: 'a x' is not among the trials" in said
    assert "these are trials" in failing("evaluate", "--scores", "trials", "--trials", "trials")
    assert "these are scores" in failing("evaluate", "--scores", "theirs", "--trials", "theirs")
    both = ("--trials", "trials", "--data", ".")
    assert "two ways" in failing("calibrate", "fit", "--scores", "theirs", *both, "--out", "c.yaml")
    assert "--models is of --trials" in failing("score", "--data", ".", "--models", "trials", "--out", "s.tsv")
    assert "needs the trials" in failing("kaldi", "export", "scores", "theirs", "--format", "wespeaker", "--out", "s")
