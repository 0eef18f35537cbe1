"""Progress of long work: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from svtok.errors import is_shown
from svtok.ranks import current_ranks

T = TypeVar("T")

SECONDS_BETWEEN_LINES = 10.0


def progress(items: Iterable[T], *, total: int, what: str) -> Iterator[T]:
    """Pass the items through, and print on stderr now and then how many of `total` are done, if it takes long.

    Nothing is printed where the logger `svtok` has a higher level than INFO (`svtok.errors.is_shown`). Of several
    processes (`svtok.ranks`) the first prints.

    Args:
        items: the work as it is done.
        total: how many items there will be.
        what: a name for the work, at the beginning of the line or bar.
    """
    if not (is_shown("info") and current_ranks().is_first):
        yield from items
        return
    if sys.stderr.isatty():
        from tqdm import tqdm

        yield from tqdm(items, total=total, desc=what, dynamic_ncols=True)
        return
    started = printed = time.monotonic()
    done = 0
    for item in items:
        yield item
        done += 1
        now = time.monotonic()
        if done < total and now - printed >= SECONDS_BETWEEN_LINES:
            printed = now
            print(f"{what}: {done} of {total}, {now - started:.0f} s", file=sys.stderr, flush=True)
    if printed > started:
        print(f"{what}: {done} of {total}, {time.monotonic() - started:.1f} s", file=sys.stderr, flush=True)
