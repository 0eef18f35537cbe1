"""svtok train, train-teacher, train-student."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from svtok.cli.options import FOLDER, data_option, device_option, features_option


def _training_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that the three commands share."""
    for option in reversed(
        [
            data_option("train"),
            features_option,
            click.option(
                "--dev", type=FOLDER, help="Prepared dev set, for an EER each epoch; default: 'dev' beside --data."
            ),
            click.option("--dev-features", type=FOLDER, help="Features of the dev set; default: as for --features."),
            click.option(
                "--config",
                "config_file",
                type=click.Path(path_type=Path, dir_okay=False),
                help="YAML file with the sections network, objective, training (and features).",
            ),
            click.option(
                "--set",
                "settings",
                multiple=True,
                metavar="KEY=VALUE",
                help="Change a value of the configuration, such as training.epochs=5. May be repeated.",
            ),
            click.option("--head", help="avg, cls, cls-sampled, cls-dist or cls-sampled-dist."),
            click.option("--classes", help="What is told apart: speaker or speaker-phrase; sets training.classes."),
            click.option("--out", type=FOLDER, help="Folder of the network; default: exp/HEAD."),
            click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Fixes everything."),
            device_option,
            click.option("--resume", is_flag=True, help="Go on with the unfinished training in --out."),
        ]
    ):
        command = option(command)
    return command


@click.command()
@_training_options
def train(**options: Any) -> None:
    """Train a network with one of the heads avg, cls, cls-sampled.

    The folder --out gets config.yaml, classes.tsv, training.jsonl and, at the end, network.safetensors.
    Interrupted, it goes on with --resume after the last whole epoch and ends in the same weights.

    \b
    Example:
      svtok train --data data/my/train --head cls-sampled --config conf/train.yaml --out exp/cls-sampled
    """
    _train(options, teacher=None, default_head=None)


@click.command("train-teacher")
@_training_options
def train_teacher(**options: Any) -> None:
    """Train a teacher: as `svtok train`, with the head cls-sampled by default.

    \b
    Example:
      svtok train-teacher --data data/my/train --config conf/train.yaml --out exp/teacher
    """
    _train(options, teacher=None, default_head="cls-sampled")


@click.command("train-student")
@_training_options
@click.option("--teacher", type=FOLDER, required=True, help="Folder of the trained network to learn from.")
def train_student(teacher: Path, **options: Any) -> None:
    """Train a student whose distillation token learns the posterior of a frozen teacher.

    Its head is cls-sampled-dist by default. The teacher must tell the same classes apart from the same features; its
    hash is kept in the student's config.yaml.

    \b
    Example:
      svtok train-student --data data/my/train --teacher exp/teacher --config conf/train.yaml --out exp/student
    """
    _train(options, teacher=teacher, default_head="cls-sampled-dist")


def _train(options: dict[str, Any], teacher: Path | None, default_head: str | None) -> None:
    from svtok.training.config import read_config
    from svtok.training.inputs import Run, open_dev, open_source, pick_device
    from svtok.training.run import train_network

    settings = list(options["settings"])
    if options["classes"]:
        settings.append(f"training.classes={options['classes']}")
    config = read_config(options["config_file"], settings, options["head"], default_head=default_head)
    out = options["out"] or Path("exp") / config.network.head
    run = Run(
        out=out,
        config=config,
        train=open_source(options["data"], options["features"]),
        dev=open_dev(options["dev"], options["dev_features"], beside=options["data"]),
        teacher=teacher,
        seed=options["seed"],
        device=pick_device(options["device"]),
        resume=options["resume"],
    )
    ended = train_network(run)
    click.echo(f"{out}: trained" if ended else f"{out}: had been trained before, nothing to do")
