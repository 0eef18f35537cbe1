"""python -m tests.fuzz --minutes 60: read changed files of every kind, and count what comes of it."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.fuzz.harness import MEMORY, SECONDS, Corpus, Counts, run
from tests.fuzz.targets import TARGETS


def main() -> int:
    """Fuzz for some minutes; the exit status is 1 where there is a fault."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0, help="of the first case; cases are SEED-0, SEED-1 ...")
    parser.add_argument("--target", choices=sorted(TARGETS), action="append", help="default: all")
    parser.add_argument("--case", help="run this one case, as SEED-NUMBER, in this process")
    parser.add_argument("--kept", type=Path, default=Path("fuzz-faults"), help="folder for inputs that are at fault")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="svtok-fuzz-") as root:
        corpus = Corpus(Path(root), given.target or sorted(TARGETS))
        if given.case:
            name, file, content = corpus.case(given.case)
            print(f"{name}, {file}: {content[:300]!r}")
            print(TARGETS[name].read(corpus.folder(name, file, content, Path(root) / "case")))
            return 0
        counts = Counts()
        started = time.monotonic()
        try:
            run(corpus, _seeds(given.seed, started + 60 * given.minutes, counts), given.kept, counts)
        finally:
            _print(counts, time.monotonic() - started)
        return 1 if counts.faults else 0


def _seeds(seed: int, end: float, counts: Counts) -> Iterator[str]:
    number = 0
    while time.monotonic() < end:
        yield f"{seed}-{number}"
        number += 1
        if number % 5000 == 0:
            print(f"{number} cases, {len(counts.faults)} faults", flush=True)


def _print(counts: Counts, seconds: float) -> None:
    print(f"{'target':18} {'ok':>8} {'refused':>8} {'fault':>6}")
    for name in sorted(TARGETS):
        ok, refused, *faults = (counts.outcomes[f"{name} {end}"] for end in ("ok", "refused", "crash", "died", "hang"))
        print(f"{name:18} {ok:8} {refused:8} {sum(faults):6}")
    total, (grown, where) = sum(counts.outcomes.values()), counts.most_memory
    print(f"{total} cases in {seconds / 60:.1f} minutes: {counts.of('ok')} read, {counts.of('refused')} refused, "
          f"{counts.of('crash')} crashes, {counts.of('died')} died, {counts.of('hang')} hangs")  # fmt: skip
    print(f"bounds of a case: {MEMORY >> 20} MiB, {SECONDS} s of the processor")
    print(f"most memory: {grown / 2**20:.0f} MiB ({where}); longest: {counts.longest[0]:.1f} s ({counts.longest[1]})")
    for fault in counts.faults:
        print(fault)


if __name__ == "__main__":
    sys.exit(main())
