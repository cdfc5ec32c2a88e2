# SPDX-License-Identifier: BSD-3-Clause
"""Read JSON Schemas: what a schema refers to, which alternatives, values, types and properties it has.

A schema comes from a server or a client: it may be cyclic, malformed or vast. Each function has a bound on
its work, never raises, and takes what it cannot read for an empty schema. References lead into `root`, the
whole schema; nothing is fetched. Checking values is left to `protocol.validation`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final
from urllib.parse import unquote

__all__ = [
    "MAX_CHOICES",
    "Properties",
    "Schema",
    "allowed_values",
    "alternatives",
    "branches",
    "choices",
    "is_secret",
    "kinds",
    "members",
    "properties",
    "replace_subschemas",
    "resolve",
    "subschemas",
    "target",
]

MAX_REFERENCES: Final = 16
"""References followed one after the other. Also the end of a cycle."""

MAX_BRANCHES: Final = 200
"""Schemas that apply to one value. Real tools have fewer than 30; references within references multiply."""

MAX_CHOICES: Final = 1_000
"""Values of one enumeration: no list in an editor is longer."""

Schema = Mapping[str, Any]

_TYPES: Final = ("object", "array", "string", "integer", "number", "boolean", "null")
_PYTHON_TYPES: Final = {
    bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null", list: "array",
    dict: "object",
}  # fmt: skip

_ALTERNATIVES: Final = ("anyOf", "oneOf")
_CONDITIONAL: Final = ("then", "else")

_HOLD_NAMED_SCHEMAS: Final = frozenset(
    {"$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties"}
)
"""Keywords whose members are schemas under names of the author's choice."""

_HOLD_SCHEMAS: Final = frozenset(
    {
        "additionalItems", "additionalProperties", "allOf", "anyOf", "contains", "contentSchema", "else",
        "if", "items", "not", "oneOf", "prefixItems", "propertyNames", "then", "unevaluatedItems",
        "unevaluatedProperties",
    }
)  # fmt: skip
"""Keywords whose value is a schema or a list of schemas. Other keywords hold data."""

_OPENING: Final = ("$dynamicRef", "if", "dependentSchemas", "patternProperties")
"""Keywords that may allow properties that `properties` does not name."""


# -- references and alternatives -----------------------------------------------------------------


def target(reference: Any, root: Any) -> Any:
    """What a reference within the document points at; None for any other (RFC 6901, section 6)."""
    if not isinstance(reference, str) or reference[:1] != "#":
        return None
    pointer = unquote(reference[1:])
    if pointer[:1] not in ("", "/"):
        return None
    found = root
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, Mapping):
            found = found.get(key)
        elif isinstance(found, list) and key.isascii() and key.isdigit() and int(key[:9]) < len(found):
            found = found[int(key[:9])]
        else:
            return None
    return found


def resolve(schema: Any, root: Any) -> Schema:
    """Follow a schema's reference, and an `allOf` of one member; what stands beside them counts more.

    A reference that leads nowhere, out of the document or back to itself is dropped.
    """
    beside: dict[str, Any] = {}
    schema = _mapping(schema)
    for _ in range(MAX_REFERENCES):
        inner = _list(schema.get("allOf"))
        if "$ref" in schema:
            keyword, followed = "$ref", target(schema["$ref"], root)
        elif len(inner) == 1 and "properties" not in schema:  # how pydantic puts words beside a reference
            keyword, followed = "allOf", inner[0]
        else:
            return {**schema, **beside} if beside else schema
        beside = {**{name: value for name, value in schema.items() if name != keyword}, **beside}
        schema = _mapping(followed)
    return beside


def alternatives(schema: Schema) -> list[Any]:
    """The members of `anyOf` and `oneOf`, as they are."""
    return [each for keyword in _ALTERNATIVES for each in _list(schema.get(keyword))]


def branches(schema: Any, root: Any) -> list[Schema]:
    """All schemas that may apply to a value: the schema itself, what it refers to, and their alternatives.

    At most `MAX_BRANCHES`, the outermost first. Each schema is there once, so a cycle ends.
    """
    return _reached([schema], root, (*_ALTERNATIVES, *_CONDITIONAL))


def _reached(schemas: list[Any], root: Any, keywords: Iterable[str]) -> list[Schema]:
    found: dict[int, Schema] = {}
    for schema in islice(schemas, MAX_BRANCHES):  # the list grows while it is read
        if not isinstance(schema, Mapping) or id(schema) in found:
            continue
        found[id(schema)] = schema
        if "$ref" in schema:
            schemas.append(target(schema["$ref"], root))
        for keyword in ("allOf", *keywords):
            if keyword in schema:
                value = schema[keyword]
                schemas += value[:MAX_BRANCHES] if isinstance(value, list) else [value]
    return list(found.values())


def members(parts: Iterable[Schema], key: str | int | None, root: Any) -> list[Schema]:
    """The branches of one property (a str), one item (an int) or any item (None) of a value.

    Parameters
    ----------
    parts : iterable of mapping
        The branches of the value itself.
    """
    found: list[Any] = []
    for part in parts:
        first = _list(part.get("prefixItems"))
        if isinstance(key, str):
            named = _mapping(part.get("properties"))
            patterns = _mapping(part.get("patternProperties")).values()
            found += [named[key]] if key in named else [part.get("additionalProperties"), *patterns]
        elif key is None:
            found += [part.get("items"), *first]
        else:
            found.append(first[key] if key < len(first) else part.get("items"))
    return _reached(found, root, (*_ALTERNATIVES, *_CONDITIONAL))


# -- values and types ----------------------------------------------------------------------------


def choices(schema: Any, root: Any, limit: int = MAX_CHOICES) -> list[tuple[str, Any]]:
    """The values that a schema is limited to, each with a title; empty when it lists none.

    The protocol has had four forms: `const`, `enum`, `enum` with `enumNames`, and `oneOf` or `anyOf` whose
    members have one value each. A value without a title has its JSON text, a string has itself.
    """
    schema = resolve(schema, root)
    if "const" in schema:
        return [(_title(schema["const"]), schema["const"])]
    if values := _list(schema.get("enum"))[:limit]:
        names = _list(schema.get("enumNames"))[:limit]
        if len(names) == len(values):
            return [(_title(name), value) for name, value in zip(names, values, strict=True)]
        others = {_json(value) for value in values if not isinstance(value, str)}
        # "1" beside 1: the title tells that it is a string.
        return [
            (_json(each) if isinstance(each, str) and each in others else _title(each), each)
            for each in values
        ]
    found: list[tuple[str, Any]] = []
    for each in alternatives(schema)[:limit]:
        part = resolve(each, root)
        only = [part["const"]] if "const" in part else _list(part.get("enum"))
        if len(only) != 1:
            return []
        title = part.get("title")
        found.append(
            (title.strip() if isinstance(title, str) and title.strip() else _title(only[0]), only[0])
        )
    return found


def kinds(schema: Schema) -> list[str]:
    """The JSON types that a resolved schema accepts; empty when it does not say."""
    named = schema.get("type")
    if isinstance(named, str | list):
        return [kind for kind in _TYPES if kind == named or (isinstance(named, list) and kind in named)]
    if "properties" in schema:
        return ["object"]
    if "items" in schema:
        return ["array"]
    found = {_PYTHON_TYPES.get(type(value)) for _, value in choices(schema, {})}
    return [kind for kind in _TYPES if kind in found]


def allowed_values(schema: Any, root: Any, limit: int = MAX_CHOICES) -> list[Any]:
    """The values that a schema and its branches are limited to, of a boolean both; at most `limit`."""
    found: dict[str, Any] = {}
    for part in branches(schema, root):
        both = [True, False] if "boolean" in kinds(part) else []
        values = [*both, *(value for _, value in choices(part, root, limit))]
        found |= {_json(value): value for value in values}
    return list(found.values())[:limit]


def is_secret(schema: Schema) -> bool:
    """Whether a schema says that its value must not be shown."""
    return schema.get("format") == "password" or schema.get("writeOnly") is True


# -- objects -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Properties:
    """The properties of an object.

    Attributes
    ----------
    schemas : mapping of str to mapping
        The schema of each property, its reference followed.
    required : tuple of str
        Names. Some may not be in `schemas`.
    is_open : bool
        Whether the object may have other properties.
    """

    schemas: Mapping[str, Schema]
    required: tuple[str, ...]
    is_open: bool


def properties(schema: Any) -> Properties:
    """The properties of a whole schema, those of its branches among them.

    Each alternative may be the one that applies: its properties are known, and none of them is required.
    """
    root = _mapping(schema)
    parts = branches(root, root)
    schemas: dict[str, Schema] = {}
    for part in parts:
        for name, each in _mapping(part.get("properties")).items():
            schemas.setdefault(str(name), resolve(each, root))
    always = [name for part in _reached([root], root, ()) for name in _list(part.get("required"))]
    required = dict.fromkeys(name for name in always if isinstance(name, str))
    says_nothing = not schemas and not {"properties", "additionalProperties"} & root.keys()
    is_open = says_nothing or len(parts) >= MAX_BRANCHES or any(map(_is_open, parts))
    return Properties(schemas, tuple(required), is_open)


def _is_open(schema: Schema) -> bool:
    """Whether a schema says that it takes others. Silence allows them, too, but is hardly meant to."""
    more = schema.get("additionalProperties", schema.get("unevaluatedProperties", False))
    return more is True or isinstance(more, Mapping) or any(name in schema for name in _OPENING)


# -- walking -------------------------------------------------------------------------------------


def subschemas(schema: Schema) -> Iterator[tuple[str, str, Any]]:
    """The schemas directly within a schema, each with its keyword and, for named ones, its name."""
    for keyword, value in schema.items():
        if keyword in _HOLD_NAMED_SCHEMAS and isinstance(value, Mapping):
            yield from ((keyword, name, each) for name, each in value.items())
        elif keyword in _HOLD_SCHEMAS:
            yield from ((keyword, "", each) for each in (value if isinstance(value, list) else [value]))


def replace_subschemas(schema: Schema, replace: Callable[[Any], Any]) -> dict[str, Any]:
    """A copy of a schema with each of the schemas directly within it replaced."""
    made = dict(schema)
    for keyword, value in schema.items():
        if keyword in _HOLD_NAMED_SCHEMAS and isinstance(value, Mapping):
            made[keyword] = {name: replace(each) for name, each in value.items()}
        elif keyword in _HOLD_SCHEMAS:
            made[keyword] = [replace(each) for each in value] if isinstance(value, list) else replace(value)
    return made


# -- values of any type --------------------------------------------------------------------------


def _mapping(value: Any) -> Schema:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _title(value: Any) -> str:
    return value if isinstance(value, str) else _json(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
