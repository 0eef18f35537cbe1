"""A configuration file with every field, what it is, its default and its type: what `svtok config` prints."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from svtok.config import in_one_line

Schema = Mapping[str, Any]
"""A JSON schema, as pydantic makes it of a model."""
REQUIRED = object()


def describe(model_class: type[BaseModel], *, commented: Collection[str] = ()) -> str:
    """A YAML file of every field: its description, its default, its type.

    What may stand in place of a default (another kind of front-end, a section that is null) follows it as a comment. So
    the file is ready to be saved, and equals the defaults.

    Args:
        commented: fields, such as `network.head`, that stand as comments: left out, they depend on the command.
    """
    schema = model_class.model_json_schema()
    writer = _Describer(schema.get("$defs", {}), commented)
    return "\n".join([*_comment(schema.get("description", "")), "", *writer.fields(schema, {}, "")]) + "\n"


class _Describer:
    """The lines of `describe`, out of JSON schemas."""

    def __init__(self, definitions: Schema, commented: Collection[str]) -> None:
        self.definitions = definitions
        self.commented = commented

    def fields(self, schema: Schema, values: Schema, path: str) -> list[str]:
        """All fields of an object; `values` go before the defaults of its fields."""
        lines = []
        for name, field in schema["properties"].items():
            value = values.get(name, field.get("default", field.get("const", REQUIRED)))
            described = self.field(name, field, value, path + name)
            lines += _each("# ", described) if path + name in self.commented else described
        return lines

    def field(self, name: str, field: Schema, value: Any, path: str) -> list[str]:
        comment = _comment(field.get("description", ""))
        by_name = self.resolved(field.get("additionalProperties") or {})
        if "properties" in by_name:  # sections by names that the user chooses: an example of one
            return [*comment, f"{name}:", *_each("  ", self.section("NAME", by_name, {}, path))]
        kinds = [self.resolved(kind) for kind in field.get("anyOf") or field.get("oneOf") or [field]]
        sections = [kind for kind in kinds if "properties" in kind]
        chosen = next((section for section in sections if _is_of(value, section)), None)
        if chosen:
            lines = comment + self.section(name, chosen, value, path)
        elif value is REQUIRED:
            lines = [*comment, f"# {name}:  # must be given: {self.types(kinds)}"]
        else:
            lines = [*comment, f"{name}: {in_one_line(value)}  # {self.types(kinds)}"]
        for other in sections:
            if other is not chosen:
                lines += ["# or:", *_each("# ", self.section(name, other, {}, path))]
        return lines

    def section(self, name: str, schema: Schema, values: Schema, path: str) -> list[str]:
        fields = self.fields(schema, values, f"{path}.")
        return [*_comment(schema.get("description", "")), f"{name}:", *_each("  ", fields)]

    def types(self, kinds: Sequence[Schema]) -> str:
        return " or ".join(dict.fromkeys(self.type_of(kind) for kind in kinds))

    def type_of(self, schema: Schema) -> str:
        schema = self.resolved(schema)
        if names := schema.get("enum", [schema["const"]] if "const" in schema else []):
            return ", ".join(map(str, names))
        if schema.get("type") == "array":
            items = schema.get("prefixItems", [schema.get("items", {})])
            some = f" of {len(items)}" if "prefixItems" in schema else " of 1 or more" if schema.get("minItems") else ""
            return f"list{some}, each {self.type_of(items[0])}"
        if schema.get("type") == "object":
            return "name: value, ..." if "properties" not in schema else "section"
        bounds = [text + f"{schema[key]:g}" for key, text in BOUNDS.items() if key in schema]
        return TYPE_NAMES.get(schema.get("type", ""), "any value") + "".join(bounds)

    def resolved(self, schema: Schema) -> Schema:
        """What a reference stands for."""
        return self.definitions[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


TYPE_NAMES = {
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "string": "text",
    "null": "null",
}
BOUNDS = {"minimum": " from ", "exclusiveMinimum": " above ", "maximum": " to ", "exclusiveMaximum": ", below "}


def _is_of(value: Any, section: Schema) -> bool:
    """Whether a default is of this section: where there are several kinds, by its `kind`."""
    kind = section["properties"].get("kind", {})
    return isinstance(value, Mapping) and ("const" not in kind or kind["const"] == value.get("kind"))


def _comment(text: str) -> list[str]:
    """The first paragraph, in comment lines."""
    return _each("# ", textwrap.wrap(text.split("\n\n")[0], 110, break_on_hyphens=False))


def _each(prefix: str, lines: Sequence[str]) -> list[str]:
    return [prefix + line for line in lines]
