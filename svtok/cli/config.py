"""svtok config: the configuration files, with every default."""

from __future__ import annotations

import importlib
from typing import NamedTuple

import click


class Kind(NamedTuple):
    """A kind of configuration file: its model, and the command that reads it."""

    module: str
    model: str
    command: str
    commented: tuple[str, ...] = ()


KINDS = {
    "features": Kind("svtok.features.config", "FeaturesFile", "svtok extract-features --config FILE"),
    "train": Kind("svtok.trained.config", "Config", "svtok train --config FILE", ("network.head",)),
    "phonetic": Kind("svtok.trained.config", "PhoneticConfig", "svtok train-phonetic --config FILE"),
    "plan": Kind("svtok.experiments.plan", "Plan", "svtok ablate FILE"),
}


@click.command("config")
@click.argument("kind", type=click.Choice(list(KINDS)))
def config(kind: str) -> None:
    """Print a configuration file of a KIND with every field: what it is, its default, its type.

    The file says what holds without one: save it, and change or delete what you like. train is also the file of
    train-teacher and train-student; its features are those of the kind features.

    \b
    Example:
      svtok config features > conf/features.yaml
      svtok config train > conf/train.yaml
      svtok train --config conf/train.yaml
    """
    click.echo(configuration_file(kind), nl=False)


def configuration_file(kind: str) -> str:
    """The text of a configuration file of a kind, one of `KINDS`, with every field and its default."""
    from svtok.config_file import describe

    known = KINDS[kind]
    model = getattr(importlib.import_module(known.module), known.model)
    return (
        f"# {known.command}\n# All that it may hold, with its defaults.\n\n{describe(model, commented=known.commented)}"
    )
