"""Is a corpus all there? Its counts beside the published ones."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from svtok.errors import SvtokError


@dataclass(frozen=True)
class Published:
    """What the whole corpus holds, by the name of what is counted, and who says so."""

    counts: Mapping[str, int]
    source: str


def check_counts(where: Path, found: Mapping[str, int], published: Published, *, allow_missing: bool) -> None:
    """Raise SvtokError where the corpus at `where` has other counts than the published ones; with `allow_missing`
    tell it on stderr instead."""
    differences = [
        _difference(what, found[what], number) for what, number in published.counts.items() if found[what] != number
    ]
    if not differences:
        return
    told = f"{where}: not the whole corpus: {'; '.join(differences)} (published: {published.source})"
    if not allow_missing:
        raise SvtokError(f"{told}. Fetch the rest, or prepare what is there with --allow-missing")
    tell(told)


def tell(note: str) -> None:
    """A note on what is missing and was allowed to be."""
    print(f"note: {note}", file=sys.stderr, flush=True)


def _difference(what: str, found: int, published: int) -> str:
    gap = f"{published - found} missing" if found < published else f"{found - published} more than there should be"
    return f"{found} of {published} {what} ({gap})"
