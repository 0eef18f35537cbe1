"""Whatever a file holds, reading it succeeds or gives an error of svtok's: a short run, and what longer ones found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.harness import Corpus, Counts, outcome_of, run
from tests.fuzz.targets import TARGETS

FOUND = sorted((Path(__file__).parent / "found").glob("*.bin"))
"""Contents that once ended a reader with another error; named `TARGET--FILE--CASE.bin`."""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return Corpus(tmp_path_factory.mktemp("corpus"), sorted(TARGETS))


@pytest.mark.slow
@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.stem)
def test_what_was_found_once_is_refused(corpus: Corpus, path: Path, tmp_path: Path) -> None:
    name, file, _ = path.stem.split("--")
    outcome, error = outcome_of(TARGETS[name], corpus.folder(name, file, path.read_bytes(), tmp_path / "case"))
    assert outcome == "refused", error


@pytest.mark.slow
@settings(max_examples=150)
@given(seed=st.integers(0))
def test_changed_files_are_read_or_refused(corpus: Corpus, seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    name, file, content = corpus.case(f"test-{seed}")
    folder = corpus.folder(name, file, content, tmp_path_factory.mktemp("case") / "folder")
    outcome, error = outcome_of(TARGETS[name], folder)
    assert outcome in ("ok", "refused"), f"{name}, {file}: {error}"


@pytest.mark.slow
def test_a_fault_is_counted_and_its_input_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = Corpus(tmp_path / "corpus", ["log"])
    monkeypatch.setitem(TARGETS, "log", replace(TARGETS["log"], read=lambda folder: 1 // 0))
    counts = Counts()
    run(corpus, iter(["0-1", "0-2"]), tmp_path / "kept", counts)
    assert counts.outcomes == {"log crash": 2}
    assert "ZeroDivisionError" in counts.faults[0]
    assert len(list((tmp_path / "kept").glob("log--training.jsonl--*.bin"))) == 2
