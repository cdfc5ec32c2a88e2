# SPDX-License-Identifier: BSD-3-Clause
"""What a tool's JSON Schema says of its arguments, read for a person. Checks nothing, and never fails.

The schema is a server's: deep, cyclic, wrong or vast. What cannot be read within bounds is `Any`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final
from urllib.parse import unquote

from ..types import Tool

__all__ = ["Arguments", "arguments_of", "encoding_of", "part_of", "resolved", "type_text", "values_of"]

MAX_HOPS: Final = 16
"""References followed one after the other, which also ends a cycle."""

MAX_DEPTH: Final = 3
"""Types within types that are spelt out: list[dict | list[str]]."""

MAX_ALTERNATIVES: Final = 8
"""Types of a union that are spelt out; with `MAX_DEPTH` the bound on the work for one argument."""

MAX_LITERALS: Final = 12
"""Values of an enumeration that are spelt out in a type; completion offers more."""

MAX_LITERAL_CHARS: Final = 40
"""Of one such value."""

MAX_TYPE_CHARS: Final = 200
"""Of a type in a signature."""

MAX_VALUES: Final = 1_000
"""Values of an enumeration that are offered: no list in an editor is longer."""

Schema = Mapping[str, Any]

_TYPES: Final = {
    "string": "str",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "array": "list",
    "object": "dict",
    "null": "None",
}

_ENCODINGS: Final = {"base64": "base64", "base64url": "base64url", "byte": "base64"}
"""Of `contentEncoding` (JSON Schema, validation, 8.3), and of `format` as pydantic and OpenAPI have it."""

_OPENING: Final = ("$dynamicRef", "if", "dependentSchemas", "patternProperties")
"""Keywords that may bring in arguments that `properties` does not name."""


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of a tool.

    Attributes
    ----------
    properties : mapping of str to mapping
        The schema of each, references followed.
    required : tuple of str
        Names, some of which may not be in `properties`.
    is_open : bool
        Whether the tool takes others, too.
    """

    properties: Mapping[str, Schema]
    required: tuple[str, ...]
    is_open: bool


def arguments_of(tool: Tool) -> Arguments:
    """What the tool's input schema says of its arguments, also where it says so by `$ref` or `allOf`."""
    root = _mapping(tool.inputSchema)
    properties: dict[str, Schema] = {}
    required: dict[str, None] = {}
    is_open = False
    parts, seen = [root], 0
    while parts and seen < MAX_HOPS:
        seen += 1
        part = resolved(parts.pop(0), root)
        for name, schema in _mapping(part.get("properties")).items():
            properties.setdefault(str(name), resolved(schema, root))
        required.update((name, None) for name in _list(part.get("required")) if isinstance(name, str))
        is_open = is_open or _is_open(part)
        parts += [_mapping(each) for each in _list(part.get("allOf"))[:MAX_HOPS]]
        # Of alternatives each may be the one: their arguments are known, none of them required.
        for each in [*_list(part.get("anyOf")), *_list(part.get("oneOf"))][:MAX_HOPS]:
            alternative = resolved(each, root)
            for name, schema in _mapping(alternative.get("properties")).items():
                properties.setdefault(str(name), resolved(schema, root))
            is_open = is_open or _is_open(alternative)
    says_nothing = not properties and not {"properties", "additionalProperties"} & root.keys()
    return Arguments(properties, tuple(required), is_open or says_nothing or bool(parts))


def _is_open(schema: Schema) -> bool:
    """Whether it says so. One that says nothing takes others by the letter, but hardly means them."""
    more = schema.get("additionalProperties", schema.get("unevaluatedProperties", False))
    return more is True or isinstance(more, Mapping) or any(name in schema for name in _OPENING)


def resolved(schema: Any, root: Schema) -> Schema:
    """A schema with its references within `root` followed; what stands beside one counts more.

    A reference that leads nowhere, out of the schema or back to itself gives an empty schema.
    """
    beside: dict[str, Any] = {}
    schema = _mapping(schema)
    for _ in range(MAX_HOPS):
        inner = _list(schema.get("allOf"))
        followed = "$ref" if "$ref" in schema else "allOf"
        if followed == "$ref":
            target = _target(schema["$ref"], root)
        elif len(inner) == 1 and "properties" not in schema:  # how pydantic puts words beside a reference
            target = _mapping(inner[0])
        else:
            return {**schema, **beside} if beside else schema
        beside = {**{name: value for name, value in schema.items() if name != followed}, **beside}
        schema = target
    return beside


def _target(reference: Any, root: Schema) -> Schema:
    """What a JSON pointer in a URI fragment leads to (RFC 6901, section 6)."""
    if not isinstance(reference, str) or not reference.startswith("#"):
        return {}
    found: Any = root
    for part in unquote(reference[1:]).split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, Mapping):
            found = found.get(key)
        elif isinstance(found, list) and key.isascii() and key.isdigit() and len(key) < 6:
            found = found[int(key)] if int(key) < len(found) else None
        else:
            return {}
    return _mapping(found)


def type_text(schema: Any, root: Schema) -> str:
    """A schema as a Python type: `str`, `list[int]`, `Literal['c', 'f'] | None`; `Any` where it says none."""
    text = " | ".join(_unique(_types(schema, root, 0)))
    return text if len(text) <= MAX_TYPE_CHARS else "Any"


def _types(schema: Any, root: Schema, depth: int) -> list[str]:
    """The alternatives of a type."""
    if depth > MAX_DEPTH:
        return ["Any"]
    schema = resolved(schema, root)
    known, values = _enumerated(schema, root)
    if known:
        return _literal(values)
    for word in ("anyOf", "oneOf"):
        if choices := _list(schema.get(word)):
            if len(choices) > MAX_ALTERNATIVES:
                return ["Any"]
            return [text for choice in choices for text in _types(choice, root, depth + 1)]
    named = schema.get("type")
    names = named[:MAX_ALTERNATIVES] if isinstance(named, list) else [named]
    return [_type(name, schema, root, depth) for name in names] or ["Any"]


def _type(name: Any, schema: Schema, root: Schema, depth: int) -> str:
    text = _TYPES.get(name, "Any") if isinstance(name, str) else "Any"
    if text == "str" and encoding_of(schema, root) is not None:
        return "bytes"
    if text == "list" and isinstance(schema.get("items"), Mapping):
        inner = " | ".join(_unique(_types(schema["items"], root, depth + 1)))
        return "list" if inner == "Any" else f"list[{inner}]"
    return text


def _unique(texts: Iterable[str]) -> list[str]:
    found = list(dict.fromkeys(texts))
    if "Any" in found:
        return ["Any"]
    return [text for text in found if text != "None"] + [text for text in found if text == "None"]


def _literal(values: list[Any]) -> list[str]:
    null = ["None"] if any(value is None for value in values) else []
    rest = [value for value in values if value is not None]
    plain = all(isinstance(value, str | int) for value in rest)
    texts = list(dict.fromkeys(map(repr, rest[: MAX_LITERALS + 1]))) if plain else []
    if rest and (not plain or len(texts) > MAX_LITERALS or max(map(len, texts)) > MAX_LITERAL_CHARS):
        return [*dict.fromkeys(type(value).__name__ for value in rest), *null]
    return ([f"Literal[{', '.join(texts)}]"] if rest else []) + null


def _enumerated(schema: Schema, root: Schema) -> tuple[bool, list[Any]]:
    """Whether a schema lists the values it takes, and which: `const`, `enum`, or alternatives of those."""
    if "const" in schema:
        return True, [schema["const"]]
    if values := _list(schema.get("enum")):
        return True, values[:MAX_VALUES]
    for word in ("oneOf", "anyOf"):
        choices = [resolved(each, root) for each in islice(_list(schema.get(word)), MAX_VALUES)]
        if choices and all("const" in choice for choice in choices):
            return True, [choice["const"] for choice in choices]
    return False, []


def encoding_of(schema: Any, root: Schema, depth: int = 0) -> str | None:
    """How a schema wants bytes: "base64" or "base64url" (RFC 4648, 4 and 5); None where it does not say."""
    schema = resolved(schema, root)
    for said in (schema.get("contentEncoding"), schema.get("format")):
        if isinstance(said, str) and said in _ENCODINGS:
            return _ENCODINGS[said]
    choices = [*_list(schema.get("anyOf")), *_list(schema.get("oneOf"))][:MAX_ALTERNATIVES]
    found = (encoding_of(choice, root, depth + 1) for choice in choices if depth < MAX_DEPTH)
    return next((each for each in found if each), None)


def part_of(schema: Any, key: str | int, root: Schema) -> Schema:
    """The schema of a member of an object or an item of an array; empty when it has none."""
    schema = resolved(schema, root)
    branches = [schema, *_list(schema.get("anyOf")), *_list(schema.get("oneOf"))][: MAX_ALTERNATIVES + 1]
    for branch in (resolved(each, root) for each in branches):
        if isinstance(key, str):
            found = _mapping(branch.get("properties")).get(key, branch.get("additionalProperties"))
        else:
            first = _list(branch.get("prefixItems"))
            found = first[key] if key < len(first) else branch.get("items")
        if isinstance(found, Mapping):
            return found
    return {}


def values_of(schema: Any, root: Schema) -> list[Any]:
    """Values to offer for an argument: those it is limited to, else its default and examples."""
    schema = resolved(schema, root)
    found = _limited(schema, root, 0)
    if not found:
        found = [schema["default"]] if schema.get("default") is not None else []
        found += _list(schema.get("examples"))
    if schema.get("type") == "array":
        return []
    return [value for value in found[:MAX_VALUES] if value is None or isinstance(value, str | int | float)]


def _limited(schema: Schema, root: Schema, depth: int) -> list[Any]:
    known, values = _enumerated(schema, root)
    if known:
        return values
    types = schema.get("type")
    found: list[Any] = [True, False] if "boolean" in (types if isinstance(types, list) else [types]) else []
    if depth < MAX_DEPTH:
        for choice in [*_list(schema.get("anyOf")), *_list(schema.get("oneOf"))][:MAX_ALTERNATIVES]:
            found += _limited(resolved(choice, root), root, depth + 1)
    return found


def _mapping(value: Any) -> Schema:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
