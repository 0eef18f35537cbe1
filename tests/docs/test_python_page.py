"""The examples of docs/python.md run, one after the other, as a reader would type them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from svtok.features.config import FeaturesConfig
from svtok.manifest.sets import PreparedSet, write_set
from svtok.metrics import Cost
from svtok.nets.network import Network
from svtok.scoring.backend import Cosine
from svtok.scoring.decision import fit_decisions
from svtok.scoring.fitted import FittedScorer
from svtok.scoring.scorer import Scorer
from svtok.scoring.scores import write_scores
from svtok.scoring.store import write_scorer
from svtok.trained.classes import ClassList
from svtok.trained.config import Config
from svtok.trained.folder import load_network, write_settings, write_weights

PAGE = Path(__file__).resolve().parents[2] / "docs" / "python.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
FEATURES = FeaturesConfig(bands=(8,))


def write_network_and_scorer(folder: Path) -> int:
    """A tiny untrained network and a scorer of its embeddings, whose dimensions are returned."""
    torch.manual_seed(0)
    tree = {"front_end": {"channels": 4, "blocks": [4]}, "memory": {"slots": 2, "key_dim": 2}, "attention_heads": 2}
    config = Config.model_validate({"network": tree, "features": FEATURES.model_dump()})
    write_settings(folder, config, ClassList((("ann", "yes"), ("bob", "no"))), {})
    write_weights(folder, Network(config.network, 8, 2).state_dict())
    dim = len(load_network(folder).embed((np.sin(np.arange(16000)), FEATURES.sample_rate)))
    random = np.random.default_rng(0)
    by_type = {"TC": random.normal(0.6, 0.2, (300, 1)), "IC": random.normal(0, 0.2, (900, 1))}
    decisions = fit_decisions(by_type, cost=Cost(1, 1, 0.5))
    write_scorer(folder / "scorer", FittedScorer(Scorer(Cosine()), load_network(folder).hash, dim, decisions))
    return dim


def write_scored_set(folder: Path) -> None:
    """data/mine/eval, with two speakers of one phrase, and scores.tsv of its trials."""
    utts = ["a1", "a2", "b1", "b2"]
    utterances = pd.DataFrame({"utt": utts, "path": "x.wav", "spk": [*"aabb"], "phrase": "open"})
    models = pd.DataFrame({"model": ["A", "B"], "spk": ["a", "b"], "phrase": "open", "utts": ["a1", "b1"]})
    trials = pd.DataFrame({"model": [*"AABB"], "utt": ["a2", "b2", "a2", "b2"]})
    write_set(PreparedSet(utterances, models, trials), folder / "data" / "mine" / "eval")
    write_scores(folder / "scores.tsv", trials, np.array([2.0, 0.1, 0.2, 1.0]))


def test_the_page_runs_from_top_to_bottom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(1)
    network = tmp_path / "exp" / "cls"
    network.mkdir(parents=True)
    dim = write_network_and_scorer(network)
    write_scored_set(tmp_path)
    soundfile.write("anna.wav", 0.1 * random.standard_normal(16000), 16000)
    speakers = np.repeat(np.arange(200), 4)
    x = np.repeat(random.normal(size=(200, 160)), 4, axis=0) + 0.5 * random.normal(size=(800, 160))
    is_target = np.arange(1000) < 300
    given: dict[str, Any] = {
        "samples": 0.1 * random.standard_normal(16000),
        "takes": random.normal(size=(3, dim)),
        "tests": random.normal(size=(2, dim)),
        "x": x,
        "speakers": speakers,
        "cohort": random.normal(size=(400, 160)),
        "dev_scores": random.normal(size=1000) + 2 * is_target,
        "dev_is_target": is_target,
    }
    assert len(BLOCKS) == 4
    for block in BLOCKS[:2]:
        exec(block, given)
    assert given["one"].shape == (dim,)
    assert given["many"].shape == (2, dim)
    assert given["ratios"].shape == given["accepted"].shape == (1, 2)
    given |= {"models": x[:3], "tests": x[3:8]}
    exec(BLOCKS[2], given)
    assert given["scores"].shape == (3, 5)
    exec(BLOCKS[3], given)
