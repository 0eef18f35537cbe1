"""How a command knows that what it would write is up to date: `@makes(...)`, between its options and its function."""

from __future__ import annotations

import functools
import io
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import click

from svtok.cli.lazy import ARGUMENTS, QUIET
from svtok.errors import SvtokError
from svtok.files import clear_lock
from svtok.fresh import fingerprint, identity, printed_before, recordings, remember
from svtok.places import stored_features
from svtok.ranks import current_ranks

ASIDE = ("jobs", "device", "anew")
"""Options that change how the work is done, and not what comes out."""
LATER = ("init", "trial_list", "model_list")
"""Options that came later: where they are not given, what was made before there were any is still up to date."""
Options = Mapping[str, Any]


@dataclass(frozen=True)
class Made:
    """What a command writes and what that depends on, by its options. See `makes`."""

    outputs: tuple[str, ...]
    format: int
    default: Callable[[Options], Path | None]
    reads: Callable[[Options], object]

    def paths(self, options: Options) -> list[Path]:
        """What a call with these options writes, as far as it is known before."""
        return [options[name] for name in self.outputs if options[name] is not None]

    def made_of(self, command: str | None, options: Options) -> str:
        """The fingerprint of a call: of the identities of files and folders that it names, and its other options."""
        aside = (*self.outputs, *ASIDE, *(name for name in LATER if options.get(name) is None))
        read = {name: value for name, value in options.items() if name not in aside}
        return fingerprint(command, self.format, _with_paths([read, self.reads(options)], identity))

    def settled(self, options: Options) -> dict[str, Any]:
        """The options with the default of the first output, where it is not given."""
        first = self.outputs[0]
        return {**options, first: self.default(options) if options[first] is None else options[first]}


def always(_: Options) -> bool:
    """Of a command that prints what was asked for whatever its options are."""
    return True


def makes(
    *outputs: str,
    format: int = 1,
    default: Callable[[Options], Path | None] = lambda options: None,
    reads: Callable[[Options], object] = lambda options: None,
    shows: Callable[[Options], bool] = lambda options: False,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The command says so and does nothing where its outputs are up to date (`svtok.fresh`), else leaves a note there.

    Args:
        outputs: its options that name what it writes; the other files and folders among its options are read.
        format: the format number of what it writes; none for a network, which is kept however others are trained.
        default: of the first output, by the options, where that is not given; None: the command itself decides.
        reads: what it reads beside, by the options: paths, or values that JSON can hold.
        shows: whether, by the options, what it prints is asked for as much as what it writes, and is printed again.
    """
    made = Made(outputs, format, default, reads)

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def run(**options: Any) -> None:
            options = made.settled(options)
            quiet = click.get_current_context().meta.get(QUIET, False)
            with redirect_stdout(io.StringIO()) if quiet and not shows(options) else nullcontext():
                settled(options, quiet)

        def settled(options: dict[str, Any], quiet: bool) -> None:
            ranks = current_ranks()
            paths = made.paths(options)
            made_of, printed = ranks.first(lambda: seen_before(options, paths))
            if printed is not None:
                for path in paths if ranks.is_first else ():
                    clear_lock(path)
                click.echo(printed, nl=False)
                if not quiet:
                    click.echo(f"{', '.join(map(str, paths))}: up to date")
                return
            with ranks.locked(*dict.fromkeys(paths)):
                with _heard() as heard:
                    command(**options)
                called = shlex.join(["svtok", *click.get_current_context().meta.get(ARGUMENTS, ())])
                if ranks.is_first:
                    remember(paths, made_of, heard.getvalue() if shows(options) else "", called)

        def seen_before(options: Options, paths: Sequence[Path]) -> tuple[str, str | None]:
            if not paths:
                return "", None
            made_of = made.made_of(click.get_current_context().command.name, options)
            return made_of, printed_before(paths, made_of)

        run.made = made  # type: ignore[attr-defined]
        return run

    return decorate


def is_up_to_date(arguments: Sequence[str], work: Path) -> bool:
    """Whether the call `svtok ARGUMENTS` in the folder `work` would find its outputs up to date; it names its sets."""
    from svtok.cli.main import svtok

    command: click.Command | None = svtok
    context, name, rest = click.Context(svtok), None, list(arguments)
    try:
        while isinstance(command, click.Group):
            name, command, rest = command.resolve_command(context, rest)
        assert command is not None
        context = command.make_context(name, rest, parent=context)
    except (click.ClickException, SvtokError):
        return False  # the call itself says what is wrong
    made: Made | None = getattr(command.callback, "made", None)
    if made is None:
        return False
    options = _with_paths(made.settled(context.params), lambda path: work / path)
    paths = made.paths(options)
    return bool(paths) and printed_before(paths, made.made_of(command.name, options)) is not None


def features_read(options: Options) -> object:
    """What a network reads of --data beside its tables: the features where they are stored, else the recordings."""
    if options["data"] is None:
        return None
    features = options["features"] or stored_features(options["data"])
    return features or recordings(options["data"])


def _with_paths(value: Any, change: Callable[[Path], object]) -> Any:
    """The value with something else in the place of each path in it."""
    if isinstance(value, Path):
        return change(value)
    if isinstance(value, Mapping):
        return {name: _with_paths(inner, change) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_with_paths(inner, change) for inner in value]
    return value


class _Heard(io.StringIO):
    """Takes down what it hands on."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self.stream = stream

    def write(self, text: str) -> int:
        self.stream.write(text)
        return super().write(text)

    def flush(self) -> None:
        self.stream.flush()


@contextmanager
def _heard() -> Iterator[_Heard]:
    heard = _Heard(sys.stdout)
    with redirect_stdout(heard):
        yield heard
