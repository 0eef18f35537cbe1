"""Configuration: the base class of its parts, and the one reader and writer of YAML, with every mistake at once."""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from svtok.errors import Problem, ProblemsError, SvtokError, unknown_name
from svtok.files import write_text

Model = TypeVar("Model", bound=BaseModel)


class Section(BaseModel, extra="forbid", frozen=True):
    """A part of a configuration, or of another file of ours: unknown keys are errors, values stay as they are."""


MOST_BYTES = 1 << 20
"""Of a YAML file; it is read at about 0.2 MB a second."""
MOST_NODES = 100_000
"""Values of a YAML file, those counted again that an alias repeats: ten lines of aliases can stand for billions."""
MOST_DIGITS = 40
MOST_SHOWN = 200


class _Loader(yaml.SafeLoader):
    """YAML's safe subset. Unlike PyYAML's own: 1e-3 is a number (as in YAML 1.2), a key is text and stands once.

    What a few lines can blow up is refused: aliases that stand for more than MOST_NODES values or for themselves, and
    numbers of more than MOST_DIGITS digits or 64 bits.
    """

    def get_single_node(self) -> Any:
        node = super().get_single_node()
        if node is not None:
            _count_nodes(node, {})
        return node

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        self._check_digits(node)
        value = int(super().construct_yaml_int(node))
        if not -(1 << 63) <= value < 1 << 63:
            raise yaml.constructor.ConstructorError(None, None, "the number is too large", node.start_mark)
        return value

    def construct_yaml_float(self, node: yaml.ScalarNode) -> float:
        self._check_digits(node)
        return float(super().construct_yaml_float(node))

    def _check_digits(self, node: yaml.ScalarNode) -> None:
        if len(node.value) > MOST_DIGITS:
            raise yaml.constructor.ConstructorError(None, None, "the number has too many digits", node.start_mark)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key_node, _ in node.value:
            if not key_node.tag.endswith((":str", ":merge")):
                raise yaml.constructor.ConstructorError(None, None, "a key must be text", key_node.start_mark)
            if key_node.value in seen:
                problem = f"the key '{key_node.value}' is given twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            seen.add(key_node.value)
        return super().construct_mapping(node, deep)


def _count_nodes(node: yaml.Node, known: dict[int, int]) -> int:
    """How many values a tree has, with those that aliases repeat; `known` holds the numbers of nodes, 0: being counted.

    Raises YAMLError where there are too many, or a value is within itself.
    """
    if id(node) in known:
        if not known[id(node)]:
            raise yaml.composer.ComposerError(None, None, "an alias stands for what it is in", node.start_mark)
        return known[id(node)]
    known[id(node)] = 0
    inner: Sequence[yaml.Node] = ()
    if isinstance(node, yaml.SequenceNode):
        inner = node.value
    elif isinstance(node, yaml.MappingNode):
        inner = [part for pair in node.value for part in pair]
    known[id(node)] = 1 + sum(_count_nodes(part, known) for part in inner)
    if known[id(node)] > MOST_NODES:
        what = f"more than {MOST_NODES} values, those counted again that aliases repeat"
        raise yaml.composer.ComposerError(None, None, what, node.start_mark)
    return known[id(node)]


class _Dumper(yaml.SafeDumper):
    """Writes what `_Loader` reads: the text '1e3' stands between quotes."""


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)
_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.construct_yaml_float)
for _kind in (_Loader, _Dumper):
    _kind.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)[eE][-+]?[0-9]+$"),
        list("-+.0123456789"),
    )


_NO_VALUE = (ValueError, LookupError, AttributeError, TypeError, RecursionError, OverflowError)
"""What PyYAML raises of values such as 2026-13-01."""


def load_yaml(path: Path) -> dict[str, Any]:
    """The mapping that a YAML file holds; empty for an empty file.

    Raises ProblemsError, with the line where it is known, when the file is missing, is not YAML or UTF-8,
    repeats a key, is not a mapping, or stands for more than MOST_NODES values.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ProblemsError([Problem(f"has more than {MOST_BYTES} bytes: no configuration", path)])
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except FileNotFoundError:
        raise ProblemsError([Problem("there is no such file", path)]) from None
    except UnicodeDecodeError as error:
        raise ProblemsError([Problem(f"is not UTF-8 text: {error}", path)]) from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise ProblemsError([Problem(f"not valid YAML: {error.problem}", path, line)]) from None
    except yaml.YAMLError as error:
        raise ProblemsError([Problem(f"not valid YAML: {error}", path)]) from None
    except _NO_VALUE as error:
        raise ProblemsError([Problem(f"holds a value that cannot be read: {error}", path)]) from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ProblemsError([Problem("must hold keys and values ('key: value'), nothing else, at its top", path)])
    return content


def read_yaml(model_class: type[Model], path: Path) -> Model:
    """The YAML file as a `model_class`. Raises ProblemsError as `load_yaml` and `validated` do."""
    return validated(model_class, load_yaml(path), str(path))


def write_yaml(path: Path, content: BaseModel | Mapping[str, Any], *, header: str = "") -> None:
    """Write the content as YAML that `load_yaml` reads, keys in their order, whole or not at all.

    Args:
        header: comment lines that go before it, each with its `#`.
    """
    write_text(path, header + yaml_text(content))


def yaml_text(content: BaseModel | Mapping[str, Any]) -> str:
    """The content as YAML that `load_yaml` reads, keys in their order."""
    tree = content.model_dump(mode="json") if isinstance(content, BaseModel) else dict(content)
    return yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def in_one_line(value: Any) -> str:
    """A value as YAML in one line."""
    return yaml.dump([value], Dumper=_Dumper, default_flow_style=True, allow_unicode=True, width=10_000).strip()[1:-1]


def load_json(path: Path) -> Any:
    """What a JSON file holds. Raises SvtokError where there is no such file, or it is not JSON."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise SvtokError(f"{path}: there is no such file") from None
    except (ValueError, RecursionError) as error:
        raise SvtokError(f"{path}: not a JSON file: {error}; make it again") from None


def read_about(path: Path, kind: type[Model], *, format_number: int, remedy: str) -> Model:
    """The file that says what a folder of arrays holds.

    Args:
        path: a YAML file. Its `format` is the number of the folder's format; files without one are of format 1.
        kind: what it must hold.
        format_number: the format that the caller can read.
        remedy: what to do where the file cannot be used; it ends the message.

    Raises:
        SvtokError: the file is missing or damaged, or the folder is of another format.
    """
    try:
        content = load_yaml(path)
        found = content.setdefault("format", 1)
        if found == format_number:
            return validated(kind, content, str(path))
    except SvtokError as error:
        raise SvtokError(f"{error}; {remedy}") from error
    raise SvtokError(
        f"{path}: is of format {found!r}, this svtok reads {format_number}; {remedy}, or take another svtok"
    )


def parse_yaml_value(text: str) -> Any:
    """A value given on the command line, read as YAML: a number, a word, or a list such as `[24, 32]`.

    Raises SvtokError where it is not YAML.
    """
    try:
        return yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, *_NO_VALUE) as error:
        raise SvtokError(f"'{text}' is not a YAML value: {error}") from None


def validated(model_class: type[Model], mapping: Mapping[str, Any], where: str) -> Model:
    """The mapping as a `model_class`.

    Args:
        where: what is being checked, for messages: a file name, an option.

    Raises:
        ProblemsError: one problem a mistake: the key with its dots, what is wrong with it, and for a name that does not
            exist, the known ones and the nearest.
    """
    try:
        return model_class.model_validate(mapping)
    except ValidationError as error:
        problems = [Problem(_text_of(model_class, dict(detail)), where) for detail in error.errors()]
        raise ProblemsError(problems) from None


def _text_of(model_class: type[BaseModel], detail: Mapping[str, Any]) -> str:
    loc, value = detail["loc"], detail["input"]
    if detail["type"] == "extra_forbidden":
        *parents, name = loc
        keys, models = _place(model_class, parents)
        known = dict.fromkeys(key for model in models for key in model.model_fields)
        return _prefix(keys) + unknown_name("key", str(name), known, _keys_within(models))
    key = _prefix(_place(model_class, loc)[0])
    if detail["type"] == "union_tag_invalid":
        return key + unknown_name("kind", detail["ctx"]["tag"], _quoted(detail["ctx"]["expected_tags"]))
    if detail["type"] in ("literal_error", "enum") and isinstance(value, str):
        return key + unknown_name("value", value, _quoted(detail["ctx"]["expected"]))
    if detail["type"] == "value_error":
        return key + str(detail["ctx"]["error"])
    if detail["type"] == "missing":
        return f"{key}this key is missing"
    return f"{key}{detail['msg'][:1].lower()}{detail['msg'][1:]}, but it is {_shown(value)}"


def _shown(value: object) -> str:
    """A value for a message, cut where it is long."""
    text = repr(value)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}..."


def _prefix(loc: Sequence[str | int]) -> str:
    return f"{'.'.join(map(str, loc))}: " if loc else ""


def _quoted(text: str) -> list[str]:
    """The names that pydantic lists between quotes."""
    return re.findall(r"'([^']*)'", text)


def _place(model_class: type[BaseModel], loc: Sequence[Any]) -> tuple[list[Any], list[type[BaseModel]]]:
    """What stands at `loc`: its keys and positions in lists, without the tags of unions, and the models it may be."""
    keys, models = [], [model_class]
    for name in loc:
        inner = [m for model in models if name in model.model_fields for m in _models_in(_annotation(model, name))]
        tagged = [model for model in models if _is_tag(model, name)]
        if not tagged:
            keys.append(name)
        models = inner or tagged or models
    return keys, models


def _is_tag(model: type[BaseModel], name: Any) -> bool:
    """Whether pydantic names a model of a union so: it is what the field `kind` of that model says."""
    return "kind" in model.model_fields and name in get_args(_annotation(model, "kind"))


def _keys_within(models: Sequence[type[BaseModel]]) -> list[str]:
    """The keys one level further down, such as `sampled.vectors`."""
    return [
        f"{key}.{inner}"
        for model in models
        for key in model.model_fields
        for part in _models_in(_annotation(model, key))
        for inner in part.model_fields
    ]


def _annotation(model: type[BaseModel], name: str) -> Any:
    return model.model_fields[name].annotation


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The pydantic models within a type such as `Model | None` or `list[Model]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)
