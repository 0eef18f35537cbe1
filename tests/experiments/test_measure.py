"""What is noted of a run that ended: the EER of each draw of the speakers, hardware, commit."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from svtok.errors import SvtokError
from svtok.experiments import measure as module
from svtok.experiments.measure import commit_of_checkout, hardware_name, resampled_eers, training_seconds
from svtok.manifest.protocol import make_models_and_trials
from svtok.manifest.sets import PreparedSet
from svtok.metrics import eer
from svtok.scoring.scores import write_scores

SPEAKERS, PHRASES, TAKES = "abcd", ("no", "yes"), 4


@pytest.fixture
def prepared() -> PreparedSet:
    rows = [
        {"utt": f"{spk}-{phrase}-{take}", "path": "x.wav", "spk": spk, "phrase": phrase}
        for spk in SPEAKERS
        for phrase in PHRASES
        for take in range(TAKES)
    ]
    utterances = pd.DataFrame(rows)
    return PreparedSet(utterances, *make_models_and_trials(utterances, enroll_takes=2, seed=0))


def scored(prepared: PreparedSet, path: Path, seed: int) -> pd.DataFrame:
    """Random scores, written; and the trials with all that is known of them."""
    assert prepared.models is not None
    assert prepared.trials is not None
    trials = prepared.trials.astype(str)
    scores = np.random.default_rng(seed).normal((trials["type"] == "TC") * 1.0, 1).round(6)
    write_scores(path, prepared.trials, scores)
    model_spk = trials["model"].map(dict(zip(prepared.models["model"], prepared.models["spk"], strict=True)))
    test_spk = trials["utt"].str[0]
    return trials.assign(score=scores, model_spk=model_spk.astype(str), test_spk=test_spk)


def test_the_draws_are_real_repetitions_and_the_same_for_all_scores(prepared: PreparedSet, tmp_path: Path) -> None:
    trials = scored(prepared, tmp_path / "one.tsv", seed=0)
    one = resampled_eers(tmp_path / "one.tsv", prepared, fold=1)
    assert set(one) == {"TC-vs-IC", "TC-vs-TW"}
    other_trials = scored(prepared, tmp_path / "two.tsv", seed=1)
    two = resampled_eers(tmp_path / "two.tsv", prepared, fold=1)
    assert len(one["TC-vs-IC"].eers) == len(two["TC-vs-IC"].eers) == 200
    assert one["TC-vs-IC"].speakers == len(SPEAKERS)
    # the draws of four speakers: as many as give these EERs of both scores, which must be the same draws
    every = np.stack(np.meshgrid(*[np.arange(5)] * 4), axis=-1).reshape(-1, 4)
    possible = {}
    for drawn in every[every.sum(axis=1) == 4]:
        times = dict(zip(SPEAKERS, drawn, strict=True))
        possible[tuple(drawn)] = (eer_of_draw(trials, times), eer_of_draw(other_trials, times))
    for pair in zip(one["TC-vs-IC"].eers, two["TC-vs-IC"].eers, strict=True):
        assert any(same(pair, eers) for eers in possible.values())
    assert resampled_eers(tmp_path / "one.tsv", prepared, fold=2) != one


def eer_of_draw(trials: pd.DataFrame, drawn: dict[str, int]) -> float | None:
    """The EER of TC against IC, each trial repeated as often as its speakers were drawn."""
    of_model, of_test = trials["model_spk"].map(drawn), trials["test_spk"].map(drawn)
    repeats = np.where(trials["model_spk"] == trials["test_spk"], of_model, of_model * of_test)
    targets, nontargets = (
        np.repeat(trials["score"].to_numpy(), np.where(trials["type"] == name, repeats, 0)) for name in ("TC", "IC")
    )
    return eer(targets, nontargets) if len(nontargets) else None


def same(pair: tuple[float | None, float | None], eers: tuple[float | None, float | None]) -> bool:
    return all(a is b if a is None or b is None else abs(a - b) < 1e-5 for a, b in zip(pair, eers, strict=True))


def test_hardware_is_a_processor_with_its_threads() -> None:
    one, two = (hardware_name(torch.device("cpu"), threads) for threads in (1, 2))
    assert one.endswith(", 1 thread")
    assert two == one.replace(", 1 thread", ", 2 threads")
    assert len(one) > len(", 1 thread")


def test_the_commit_is_that_of_the_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PACKAGE_ROOT", tmp_path)
    assert commit_of_checkout() == "unknown"

    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
        command = ["git", "-C", str(tmp_path), *identity, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    (tmp_path / "svtok").mkdir()
    (tmp_path / "svtok/a.py").write_text("a = 1\n")
    (tmp_path / "results.json").write_text("[]")
    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    (tmp_path / "results.json").write_text("[{}]")
    assert commit_of_checkout() == git("rev-parse", "--short=10", "HEAD")
    (tmp_path / "svtok/a.py").write_text("a = 2\n")
    assert commit_of_checkout() == git("rev-parse", "--short=10", "HEAD") + "-dirty"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('{"epoch": 1, "seconds": 0.25}\n{"epoch": 2, "sec', r"training\.jsonl:2: not an epoch"),
        ('{"epoch": 1, "seconds": 0.25}\n{"epoch": 2}\n', r"training\.jsonl: damaged \(an epoch without 'seconds'\)"),
    ],
)
def test_a_damaged_training_log_is_named(tmp_path: Path, text: str, fault: str) -> None:
    (tmp_path / "training.jsonl").write_text(text)
    with pytest.raises(SvtokError, match=fault):
        training_seconds(tmp_path)


def test_a_training_took_the_seconds_of_its_epochs(tmp_path: Path) -> None:
    (tmp_path / "training.jsonl").write_text('{"epoch": 1, "seconds": 0.25}\n{"epoch": 2, "seconds": 2}\n')
    assert training_seconds(tmp_path) == 2.2
