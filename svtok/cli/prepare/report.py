"""The end that all `prepare` commands share: write the corpus, and tell what it holds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from svtok.manifest.sets import CorpusInfo, PreparedSet, write_corpus
from svtok.manifest.validate import describe_sets


def finish(
    name: str, sets: Mapping[str, PreparedSet], out: Path, *, synthetic: bool = False, description: str = ""
) -> None:
    """Write the corpus `name` to the folder `out` and print what was written."""
    write_corpus(CorpusInfo(name, synthetic, description), sets, out)
    click.echo(describe_sets(sets))
    click.echo(f"wrote {out}")
