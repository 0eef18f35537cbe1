"""A click group that imports a command only when it is called, so that `--help` is instant."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import NamedTuple

import click
from click.shell_completion import CompletionItem

from svtok.errors import unknown_name

ARGUMENTS = "svtok.arguments"
"""Where a context has, in its `meta`, all arguments that svtok was called with."""
QUIET = "svtok.quiet"
"""Where it has whether --quiet is one of them."""


def confirm(what: str) -> None:
    """Print what was done, unless --quiet is given: of a command that was asked for a file, and not for the text."""
    if not click.get_current_context().meta.get(QUIET):
        click.echo(what)


class LazyCommand(NamedTuple):
    """Where a command lives, and its one-line help (known without importing it)."""

    module: str
    attribute: str
    help: str


class LazyGroup(click.Group):
    """A group whose commands are a table of LazyCommand by name."""

    def __init__(self, *args: object, lazy: Mapping[str, LazyCommand], **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.lazy = dict(lazy)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta.setdefault(ARGUMENTS, tuple(args))  # the outermost group comes first
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Names of commands without importing them, or of options."""
        names = [
            CompletionItem(name, help=entry.help) for name, entry in self.lazy.items() if name.startswith(incomplete)
        ]
        return names or click.Command.shell_complete(self, ctx, incomplete)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.lazy:
            return None
        entry = self.lazy[cmd_name]
        command = getattr(importlib.import_module(entry.module), entry.attribute)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in self.lazy:
            raise click.UsageError(unknown_name("command", args[0], self.lazy), ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in self.lazy.items()])
