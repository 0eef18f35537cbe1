"""python -m tests.soak --minutes 120: enroll, verify and remove from several processes, and count the voices."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.soak.harness import prepare, soak


def main() -> int:
    """The exit status is 1 where a voice was lost, doubled or not removed, or memory grew."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--processes", type=int, default=4, help="that enroll and verify; another one removes")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="svtok-soak-", ignore_cleanup_errors=True) as folder:
        prepare(Path(folder))
        outcome = soak(Path(folder), 60 * given.minutes, given.processes)
    print(outcome.text())
    return 1 if outcome.faults else 0


if __name__ == "__main__":
    sys.exit(main())
