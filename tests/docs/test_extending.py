"""The worked examples of docs/extending: each does, on something tiny, what its page says."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from svtok.embeddings.store import Embeddings
from svtok.manifest.sets import CorpusInfo, PreparedSet, read_set, write_corpus
from svtok.nets.config import NetworkConfig, ResidualConfig
from svtok.nets.network import Network
from svtok.scoring.scorer import Scorer
from svtok.scoring.trials import trial_sides
from svtok.trained.config import Config
from svtok.training.objectives import Networks

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
TINY = NetworkConfig(
    head="avg", front_end=ResidualConfig(channels=8, blocks=(8,)), layers=1, attention_heads=2, dropout=0
)


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for it
    spec.loader.exec_module(module)
    return module


def batch() -> Any:
    """Eight utterances of two classes that differ in the sign of their frames."""
    labels = torch.arange(8)[:, None] % 2
    frames = torch.randn(8, 12, 4) + 2.0 * (2 * labels[..., None] - 1)
    return SimpleNamespace(frames=frames, lengths=torch.full((8,), 12), labels=labels)


def test_the_corpus_is_prepared_written_and_read_again(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for speaker in ("anna", "ben", "carla"):
        for phrase in ("open", "close"):
            for take in (1, 2):
                path = tmp_path / "corpus" / speaker / f"{phrase}_{take}.wav"
                path.parent.mkdir(parents=True, exist_ok=True)
                soundfile.write(path, 0.1 * random.standard_normal(8000), 16000)
    sets = example("corpus").prepare(tmp_path / "corpus")
    write_corpus(CorpusInfo(name="mine", synthetic=False, description="noise"), sets, tmp_path / "data")
    evaluation = read_set(tmp_path / "data" / "eval")
    assert set(evaluation.utterances["spk"]) == {"carla"}
    assert evaluation.trials is not None
    assert sorted(evaluation.trials["type"]) == ["TC", "TC", "TW", "TW"]


def test_the_head_trains_and_padding_changes_nothing() -> None:
    torch.manual_seed(0)
    network = example("head").make_network(TINY, 4, 2)
    some, optimizer = batch(), torch.optim.AdamW(network.parameters(), 1e-2)
    for _ in range(20):
        logits = network.classify(network(some.frames, some.lengths))["avg"]
        loss = torch.nn.functional.cross_entropy(logits, some.labels[:, 0])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert loss.item() < 0.1
    network.eval()
    padded = torch.nn.functional.pad(some.frames, (0, 0, 0, 5), value=9.0)
    torch.testing.assert_close(network.embed(padded, some.lengths), network.embed(some.frames, some.lengths))


def test_the_objective_trains_and_keeps_classes_together() -> None:
    torch.manual_seed(0)
    network = Network(TINY, 4, 2)
    objective = example("objective").Compact(Config(network=TINY), [2], 0.1)
    some, optimizer = batch(), torch.optim.AdamW(network.parameters(), 1e-2)
    values = []
    for step in range(20):
        loss, logged = objective(Networks(network), some, step / 20)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        values.append(logged)
    assert values[-1]["loss"] < values[0]["loss"]
    assert values[-1]["spread"] < values[0]["spread"]
    assert values[-1]["accuracy"] == 1


def test_the_spread_of_a_batch_is_that_of_its_classes() -> None:
    state = torch.tensor([[0.0], [2.0], [7.0]])
    assert example("objective").spread_within(state, torch.tensor([0, 0, 1])).item() == pytest.approx(2 / 3)


def test_the_back_end_is_fitted_and_scores_trials() -> None:
    random = np.random.default_rng(0)
    noise = np.array([0.1, 3.0])  # what classes vary in is of no use
    vectors = (np.repeat([[1.0, 0.0], [-1.0, 0.0]], 50, axis=0) + noise * random.standard_normal((100, 2))).astype("f4")
    back_end = example("back_end").Wccn.fit(vectors, np.repeat([0, 1], 50))
    utterances = pd.DataFrame({"utt": ["a1", "a2", "b1"], "path": "x", "spk": ["a", "a", "b"], "phrase": "p"})
    models = pd.DataFrame({"model": ["a"], "spk": ["a"], "phrase": ["p"], "utts": ["a1"]})
    trials = pd.DataFrame({"model": ["a", "a"], "utt": ["a2", "b1"]})
    tests = np.array([[1, 2], [1, -2], [-1, 2]], dtype=np.float32)
    sides = trial_sides(PreparedSet(utterances, models, trials), Embeddings(["a1", "a2", "b1"], tests, "hash"))
    target, impostor = Scorer(back_end).scores(sides)
    assert target > 0.9
    assert impostor < 0


@pytest.mark.parametrize("name", sorted(path.stem for path in EXAMPLES.glob("*.py")))
def test_a_page_shows_the_example(name: str) -> None:
    pages = [page.read_text(encoding="utf-8") for page in (EXAMPLES.parent / "extending").glob("*.md")]
    assert any(f'\n--8<-- "examples/{name}.py"\n' in page for page in pages)
