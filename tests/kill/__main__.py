"""python -m tests.kill --kills 200: kill each stage at random moments, run it again, and compare what it leaves."""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from functools import partial
from pathlib import Path
from random import Random

from tests.kill.harness import SHARES, STAGES, Counts, torment


def main() -> int:
    """Kill and compare; the exit status is 1 where anything was lost or left."""
    parser = argparse.ArgumentParser(prog="python -m tests.kill", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="of all stages together")
    parser.add_argument("--seed", type=int, default=0, help="of the moments, which also depend on the machine's speed")
    parser.add_argument("--stage", choices=STAGES, action="append", help="default: all")
    given = parser.parse_args()
    stages, counts = given.stage or list(STAGES), Counts()
    with tempfile.TemporaryDirectory(prefix="svtok-kill-", ignore_cleanup_errors=True) as root:
        of_each = math.ceil(given.kills / sum(SHARES.get(stage, 1) for stage in stages))
        torment(Path(root), stages, Random(given.seed), counts, of_each, partial(print, flush=True))
    kills, ends = sum(counts.kills.values()), sum(counts.ends.values())
    print(f"{kills} kills, {ends} runs to the end: {len(counts.faults)} files that are lost, left over or not the same")
    return 1 if counts.faults else 0


if __name__ == "__main__":
    sys.exit(main())
