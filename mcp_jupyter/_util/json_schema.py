# SPDX-License-Identifier: BSD-3-Clause
"""Read JSON Schemas: their references, alternatives, values, types and properties.

A schema comes from a server or a client, so it may be cyclic, malformed or very large. Each function does a
bounded amount of work, never raises, and treats an unreadable part as an empty schema. References are
resolved in `root`, the whole schema; nothing is fetched. Checking values is left to `protocol.validation`.
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
    "MAX_TYPE_DEPTH",
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
"""References that are followed one after the other. It also ends cycles."""

MAX_BRANCHES: Final = 200
"""Schemas that apply to one value. Real tools have fewer than 30; references within references multiply."""

MAX_CHOICES: Final = 1_000
"""Values of one enumeration: more than a list in an editor shows."""

MAX_TYPE_DEPTH: Final = 3
"""How deep nested types are written out in a signature, as in list[list[str]]; deeper ones are `any`."""

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
"""Keywords with an object of schemas, whose names the author chooses."""

_HOLD_SCHEMAS: Final = frozenset(
    {
        "additionalItems", "additionalProperties", "allOf", "anyOf", "contains", "contentSchema", "else",
        "if", "items", "not", "oneOf", "prefixItems", "propertyNames", "then", "unevaluatedItems",
        "unevaluatedProperties",
    }
)  # fmt: skip
"""Keywords with a schema or a list of schemas. Other keywords hold data."""

_OPENING: Final = ("$dynamicRef", "if", "dependentSchemas", "patternProperties")
"""Keywords that may allow properties that `properties` does not name."""


# -- references and alternatives -----------------------------------------------------------------


def target(reference: Any, root: Any) -> Any:
    """Return the value at which a reference within the document points; else None (RFC 6901, section 6)."""
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
    """Follow a schema's reference, or an `allOf` of one member. Keywords beside them override the target's.

    A reference is dropped when its target is missing, outside of the document, or the reference itself.
    """
    beside: dict[str, Any] = {}
    schema = _mapping(schema)
    for _ in range(MAX_REFERENCES):
        inner = _list(schema.get("allOf"))
        if "$ref" in schema:
            keyword, followed = "$ref", target(schema["$ref"], root)
        elif len(inner) == 1 and "properties" not in schema:  # so pydantic adds keywords to a reference
            keyword, followed = "allOf", inner[0]
        else:
            return {**schema, **beside} if beside else schema
        beside = {**{name: value for name, value in schema.items() if name != keyword}, **beside}
        schema = _mapping(followed)
    return beside


def alternatives(schema: Schema) -> list[Any]:
    """Return the members of `anyOf` and `oneOf`, with their references unresolved."""
    return [each for keyword in _ALTERNATIVES for each in _list(schema.get(keyword))]


def branches(schema: Any, root: Any) -> list[Schema]:
    """Return all schemas that may apply to a value: the schema, the targets of its references, alternatives.

    They are at most `MAX_BRANCHES`, the outermost first. Each schema occurs once, so a cycle ends.
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
    """Return the branches of a part of a value.

    Parameters
    ----------
    parts : iterable of mapping
        The branches of the value itself.
    key : str, int or None
        The name of a property, the index of an item, or None for any item.
    root : Any
        The whole schema.
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
    """Return the values that a schema lists, each with a title; empty when it lists none.

    The protocol's versions have four forms: `const`, `enum`, `enum` with `enumNames`, and `oneOf` or `anyOf`
    with one value for each member. The title of a value without one is its JSON text, of a string the string.
    """
    schema = resolve(schema, root)
    if "const" in schema:
        return [(_title(schema["const"]), schema["const"])]
    if values := _list(schema.get("enum"))[:limit]:
        names = _list(schema.get("enumNames"))[:limit]
        if len(names) == len(values):
            return [(_title(name), value) for name, value in zip(names, values, strict=True)]
        others = {_json(value) for value in values if not isinstance(value, str)}
        # "1" beside 1 gets quotes in its title.
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
    """Return the JSON types that a resolved schema accepts; empty when it does not restrict them."""
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
    """Return values that a schema and its branches list, true and false for booleans; at most `limit`."""
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
        Names of required properties, of which `schemas` may lack some.
    is_open : bool
        Whether the object may have other properties.
    """

    schemas: Mapping[str, Schema]
    required: tuple[str, ...]
    is_open: bool


def properties(schema: Any) -> Properties:
    """Return the properties of a whole schema and of its branches.

    Any alternative may be the one that applies, so its properties are included, but none of them as required.
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
    """Whether a schema expressly allows other properties. A schema without a statement allows them too, but
    its author seldom means that.
    """
    more = schema.get("additionalProperties", schema.get("unevaluatedProperties", False))
    return more is True or isinstance(more, Mapping) or any(name in schema for name in _OPENING)


# -- walking -------------------------------------------------------------------------------------


def subschemas(schema: Schema) -> Iterator[tuple[str, str, Any]]:
    """Yield the schemas directly within a schema, each with its keyword and, if it has one, its name."""
    for keyword, value in schema.items():
        if keyword in _HOLD_NAMED_SCHEMAS and isinstance(value, Mapping):
            yield from ((keyword, name, each) for name, each in value.items())
        elif keyword in _HOLD_SCHEMAS:
            yield from ((keyword, "", each) for each in (value if isinstance(value, list) else [value]))


def replace_subschemas(schema: Schema, replace: Callable[[Any], Any]) -> dict[str, Any]:
    """Return a copy of a schema in which each schema directly within it is replaced."""
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
