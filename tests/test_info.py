"""What svtok info says of each kind of file and folder, and of those that are none."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner

from svtok.cli.main import svtok
from svtok.embeddings.store import write_embeddings
from svtok.embeddings.takes import Source, Take
from svtok.embeddings.voices import Voices
from svtok.errors import SvtokError
from svtok.info import FILES, FOLDERS, describe
from svtok.manifest.sets import CorpusInfo, PreparedSet, write_corpus_info, write_set
from svtok.nets.network import Network
from svtok.scoring.backend import Cosine
from svtok.scoring.fitted import FittedScorer
from svtok.scoring.scorer import Scorer
from svtok.scoring.scores import write_scores
from svtok.scoring.store import write_scorer
from svtok.trained.classes import ClassList
from svtok.trained.config import Config
from svtok.trained.folder import write_settings, write_weights

EGS = Path(__file__).resolve().parents[1] / "egs/arabic_commands"
TRIALS = pd.DataFrame({"model": ["m", "m"], "utt": ["a2", "b1"], "type": ["TC", "IC"]}).astype("category")


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_a_set(folder: Path) -> None:
    utterances = pd.DataFrame({"utt": ["a1", "a2", "b1"], "path": "x.wav", "spk": ["a", "a", "b"], "phrase": "go"})
    models = pd.DataFrame({"model": ["m"], "spk": ["a"], "phrase": ["go"], "utts": ["a1"]})
    write_set(PreparedSet(utterances, models, TRIALS), folder)


def write_a_network(folder: Path) -> int:
    """Its parameters."""
    network = {"front_end": {"channels": 4, "blocks": [8]}, "attention_heads": 2, "head": "cls"}
    config = Config.model_validate({"features": {"bands": 8, "sample_rate": 8000}, "network": network})
    folder.mkdir()
    about = {"seed": 7, "train": {"data": "data/mine/train", "fingerprint": ""}, "teacher": None}
    write_settings(folder, config, ClassList((("ann", ""), ("bob", ""))), about)
    (folder / "training.jsonl").write_text('{"epoch": 1, "dev_eer": 0.2}\n{"epoch": 2, "dev_eer": 0.1}\n')
    weights = Network(config.network, 8, 2).state_dict()
    write_weights(folder, weights)
    return sum(weight.numel() for weight in weights.values())


def test_a_network_is_described_by_its_configuration_its_weights_and_its_training(work: Path) -> None:
    torch.manual_seed(0)
    parameters = write_a_network(work / "net")
    facts = describe(work / "net")
    assert (
        facts
        | {
            "kind": "network",
            "head": "cls",
            "parameters": parameters,
            "training": "ended",
            "epochs": 2,
            "lowest dev EER": 0.1,
            "classes": 2,
            "sample rate": 8000,
            "trained on": "data/mine/train",
            "teacher": None,
            "seed": 7,
        }
        == facts
    )
    (work / "net/network.safetensors").unlink()
    assert describe(work / "net")["training"] == "has not ended"


def test_embeddings_scorers_and_stores_name_their_network(work: Path) -> None:
    write_embeddings(work / "emb", ["a1", "a2"], np.eye(2, 3, dtype=np.float32), "a hash")
    facts = {"kind": "embeddings", "utterances": 2, "dimensions": 3, "parts": 1, "network": "a hash"}
    assert describe(work / "emb") == facts
    write_scorer(work / "scorer", FittedScorer(Scorer(Cosine()), network="a hash", dim=3))
    facts = describe(work / "scorer")
    assert facts["kind"] == "scorer"
    assert (facts["back-end"], facts["dimensions"], facts["parts"], facts["network"]) == ("cosine", 3, 1, "a hash")


def test_a_store_of_voices_is_counted(work: Path) -> None:
    take = Take(np.ones(3, np.float32), np.ones((4, 2), np.float32))
    source = Source("hash", "net", 0)
    Voices(work / "voices.db").add(source, "anna", "open", [take, take])
    Voices(work / "voices.db").add(source, "anna", "shut", [take])
    facts = describe(work / "voices.db")
    assert (facts["kind"], facts["voices"], facts["speakers"], facts["takes"]) == ("store of voices", 2, 1, 3)


def test_sets_corpora_and_tables_are_counted(work: Path) -> None:
    write_a_set(work / "data/mine/eval")
    write_corpus_info(work / "data/mine", CorpusInfo(name="mine", synthetic=True))
    counts = {"speakers": 2, "phrases": 1, "utterances": 3, "models": 1, "trials": 2, "TC": 1, "IC": 1}
    facts = describe(work / "data/mine/eval")
    assert facts | {"kind": "prepared set", **counts} == facts
    corpus = describe(work / "data/mine")
    assert (corpus["kind"], corpus["name"], corpus["synthetic"]) == ("prepared corpus", "mine", True)
    assert corpus["eval"]["utterances"] == 3
    trials = describe(work / "data/mine/eval/trials.tsv")
    assert (trials["kind"], trials["rows"], trials["TC"]) == ("trials", 2, 1)
    write_scores(work / "scores.tsv", TRIALS, np.array([1.0, -1.0]))
    assert describe(work / "scores.tsv") == {
        "kind": "scores",
        "trials": 2,
        "scores": {"from": -1.0, "to": 1.0, "mean": 0.0},
    }


def test_results_and_plans_name_their_systems() -> None:
    results, plan = describe(EGS / "fusion.json"), describe(EGS / "conf/ablation.plan.yaml")
    assert results["kind"] == "results of an ablation"
    assert "ecapa" in results["systems"]
    assert plan["kind"] == "plan of an ablation"
    assert "avg" in plan["systems"]


def test_what_is_unknown_is_an_error_that_says_what_is_known(work: Path) -> None:
    (work / "notes.txt").write_text("hello")
    (work / "other.tsv").write_text("a\tb\n1\t2\n")
    (work / "empty").mkdir()
    for name in ("notes.txt", "other.tsv", "empty"):
        with pytest.raises(SvtokError, match="that svtok knows; known are") as caught:
            describe(work / name)
        for kind, _ in FOLDERS.values():
            assert kind in str(caught.value)
        for suffix, _ in FILES:
            assert suffix in str(caught.value)
    with pytest.raises(SvtokError, match="there is no such file or folder"):
        describe(work / "nothing")
    write_embeddings(work / "emb", ["a1"], np.ones((1, 3), np.float32), "a hash")
    with pytest.raises(SvtokError, match=r"is a part of a folder; give the folder, .*emb"):
        describe(work / "emb/embeddings.npy")


def test_the_command_describes_what_it_can_and_exits_with_all_that_it_cannot(work: Path) -> None:
    write_a_set(work / "eval")
    result = CliRunner().invoke(svtok, ["info", "eval", "nothing", "neither"])
    assert result.output.startswith("eval: prepared set\n  speakers    2\n")
    assert str(result.exception).count("there is no such file or folder") == 2
    whole = CliRunner().invoke(svtok, ["info", "--json", "eval"])
    assert whole.exit_code == 0
    (facts,) = json.loads(whole.output)
    assert (facts["path"], facts["kind"], facts["utterances"]) == ("eval", "prepared set", 3)
