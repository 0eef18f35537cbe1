"""Voices of several processes are neither lost nor doubled: a short form of `python -m tests.soak`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.harness import compare, prepare, soak


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads the memory of a process in /proc")
def test_processes_that_enroll_verify_and_remove_lose_and_double_nothing(tmp_path: Path) -> None:
    prepare(tmp_path)
    outcome = soak(tmp_path, seconds=2, processes=3)
    assert not outcome.faults, outcome.text()
    assert outcome.calls["refused"] >= 4  # of what all enrolled at once
    lost = compare(tmp_path, [[{"did": "enrolled", "voice": "nobody", "mib": 1}]], set(), 1, [])
    assert "nobody: lost" in lost.faults
