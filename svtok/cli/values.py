"""The types of values that options of the command line take; `svtok.cli.options` has the options."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from svtok.errors import unknown_name
from svtok.pretrained import PRETRAINED, pretrained_network

if TYPE_CHECKING:
    ParamType = click.ParamType[Any]
else:  # which only newer versions of click have as a generic
    ParamType = click.ParamType

FOLDER = click.Path(path_type=Path, file_okay=False)
FILE = click.Path(path_type=Path, dir_okay=False)
FILE_OR_FOLDER = click.Path(path_type=Path)
EXISTING_FOLDER = click.Path(path_type=Path, file_okay=False, exists=True)
EXISTING_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)


class NetworkFolder(click.Path):
    """A folder, or the word `pretrained` for that of the network that comes with svtok."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, file_okay=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == PRETRAINED and not Path(PRETRAINED).exists():
            return pretrained_network()
        return super().convert(value, param, ctx)


NETWORK = NetworkFolder()
AT_LEAST_ZERO = click.IntRange(min=0)
AT_LEAST_ONE = click.IntRange(min=1)
POSITIVE = click.FloatRange(min=0, min_open=True)
SHARE = click.FloatRange(0, 1)


class CommaList(ParamType):
    """A list of words or numbers, such as `avg,cls`. Blanks part them as well, which was the form of some options."""

    name = "list"

    def __init__(self, item: ParamType) -> None:
        self.item = item

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Any, ...]:
        if not isinstance(value, str):
            return tuple(value)
        words = re.split(r"\s*,\s*|\s+", value.strip()) if value.strip() else []
        items, wrong = [], []
        for word in words:
            try:
                items.append(self.item.convert(word, param, ctx) if word else self.fail("nothing beside a comma"))
            except click.BadParameter as error:
                wrong.append(error.message.rstrip("."))
        if wrong:
            self.fail(f"{'; '.join(wrong)} (it is a comma-separated list: '{value}')", param, ctx)
        return tuple(items)


class Weighted(ParamType):
    """A name and its weight, such as `IC=8`, for lists of them."""

    name = "name=weight"

    def __init__(self, known: Collection[str] = (), weight: float | None = None) -> None:
        """Args:
        known: the names that there are; none: any.
        weight: of a name without one; None: each must have one.
        """
        self.known = known
        self.weight = weight

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, float]:
        name, equals, text = value.partition("=")
        try:
            weight = self.weight if self.weight is not None and not equals else float(text)
        except ValueError:
            weight = math.nan
        if self.known and name not in self.known:
            self.fail(unknown_name("name", name, self.known))
        if not 0 < weight < math.inf:
            self.fail(f"the weight of '{name}' must be a number above 0, not '{text}'")
        return name, weight


class NumberOrFile(ParamType):
    """A number of things from 1 on, or the file that names them."""

    name = "number or file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return (AT_LEAST_ONE if isinstance(value, int) or value.isdigit() else EXISTING_FILE).convert(value, param, ctx)


class LayerType(ParamType):
    """A layer of an encoder from 0 on, or `features`, which is -1 (`svtok.nets.network.FEATURES`)."""

    name = "number or 'features'"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return -1 if value in (-1, "features") else AT_LEAST_ZERO.convert(value, param, ctx)
