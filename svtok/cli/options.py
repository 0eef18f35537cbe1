"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from svtok.parallel import default_jobs

Command = TypeVar("Command", bound=Callable[..., Any])
FOLDER = click.Path(path_type=Path, file_okay=False)
FILE = click.Path(path_type=Path, dir_okay=False)

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


def together(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Several options as one decorator; --help tells them in this order."""

    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def data_option(set_name: str) -> Callable[[Command], Command]:
    """--data, a prepared set; by default that of the one corpus prepared under data/."""
    return click.option(
        "--data",
        type=FOLDER,
        default=lambda: only_prepared(set_name),
        show_default=f"data/CORPUS/{set_name}, where one corpus is prepared",
        help="Prepared set.",
    )


def training_options(default_out: str) -> Callable[[Command], Command]:
    """What every training is asked for: data, configuration, the folder of the network, seed, device."""

    return together(
        data_option("train"),
        features_option,
        click.option(
            "--dev",
            type=FOLDER,
            help="Prepared dev set, for its error rate each epoch; default: 'dev' beside --data.",
        ),
        click.option("--dev-features", type=FOLDER, help="Features of the dev set; default: as for --features."),
        click.option(
            "--config",
            "config_file",
            type=FILE,
            help="YAML file with the sections of the configuration: network, training, features and others.",
        ),
        click.option(
            "--set",
            "settings",
            multiple=True,
            metavar="KEY=VALUE",
            help="Change a value of the configuration, such as training.epochs=5. May be repeated.",
        ),
        click.option("--out", type=FOLDER, help=f"Folder of the network; default: {default_out}."),
        click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Fixes everything."),
        device_option,
        click.option("--resume", is_flag=True, help="Go on with the unfinished training in --out."),
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
