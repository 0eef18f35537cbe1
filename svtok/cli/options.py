"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from svtok.parallel import default_jobs

Command = TypeVar("Command", bound=Callable[..., Any])
FOLDER = click.Path(path_type=Path, file_okay=False)

features_option = click.option(
    "--features", type=FOLDER, help="Features of --data; default: feats/CORPUS/SET beside data/CORPUS/SET."
)
device_option = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="auto: a GPU where there is one.",
)

jobs_option = click.option(
    "--jobs", type=click.IntRange(min=1), default=default_jobs, show_default="all processors", help="Processes to use."
)


def data_option(set_name: str) -> Callable[[Command], Command]:
    """--data, a prepared set; by default that of the one corpus prepared under data/."""
    return click.option(
        "--data",
        type=FOLDER,
        default=lambda: only_prepared(set_name),
        show_default=f"data/CORPUS/{set_name}, where one corpus is prepared",
        help="Prepared set.",
    )


def only_prepared(set_name: str) -> Path:
    """data/CORPUS/SET of the only corpus under data/ that has it; a usage error where there is none, or several."""
    found = sorted(path.parent for path in Path("data").glob(f"*/{set_name}/utterances.tsv"))
    if not found:
        raise click.UsageError(f"no corpus is prepared under data/ (no data/*/{set_name}); name a set with --data")
    if len(found) > 1:
        names = ", ".join(map(str, found))
        raise click.UsageError(f"several corpora are prepared: {names}; name one with --data")
    return found[0]
