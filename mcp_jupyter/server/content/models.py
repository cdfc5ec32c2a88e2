# SPDX-License-Identifier: BSD-3-Clause
"""Validators and serializers of pydantic types that agree with `plain` on bytes, dates and numbers.

pydantic takes bytes in JSON for UTF-8 text, writes a pandas timestamp with the wrong year or without its
nanoseconds, and infinities as null. Both functions here build from pydantic's own core schema (a tree of
dicts), in which some leaves are changed. An author's serializers and encoded types (`Base64Bytes`) stay.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from pydantic import EncodedBytes
from pydantic_core import SchemaSerializer, SchemaValidator

__all__ = ["has_bytes", "result_validator", "serializer", "validator"]

_LEAVES: Final = frozenset(
    {"any", "bytes", "date", "datetime", "float", "function-plain", "is-instance", "time", "timedelta"}
)
"""Types whose JSON form is `plain`'s in an exact serializer."""

_DATES: Final = frozenset({"date", "datetime", "timedelta"})

_NANOSECONDS: Final = re.compile(r"\.\d{7,}")

_BEYOND: Final = re.compile(
    r"(-\d{4,}|\d{5,})-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?)?"
    r"|-?P\d+[YMD](T[\dHMS.]+)?"
)
"""Dates and durations as `dates` writes them, in years that Python has not."""

_CONTAINERS: Final = frozenset({"dict", "list", "set", "frozenset", "generator"})

_INNER: Final = ("items_schema", "keys_schema", "values_schema")
"""Containers of nothing in particular are leaves too."""

_ANY: Final = {"type": "any"}

_SAFE_KEYS: Final = frozenset({"str", "int"})
"""Keys of other types may have the same text. `plain` keeps those apart."""

_NO_SCHEMA: Final = frozenset(
    {"metadata", "serialization", "config", "default", "expected", "members", "cls", "function"}
)
"""Keys of a core schema under which there is no schema of values."""

_BY_NAME: Final = frozenset({"fields", "choices"})

_BASE64: Final = {"val_json_bytes": "base64"}

Schema = Mapping[str, Any]
Leaf = Callable[[dict[str, Any]], dict[str, Any]]


def has_bytes(schema: Any) -> bool:
    """Whether a core schema has bytes anywhere in it."""
    if isinstance(schema, Mapping):
        return schema.get("type") == "bytes" or any(has_bytes(part) for _, part in _parts(schema))
    return isinstance(schema, list | tuple) and any(map(has_bytes, schema))


def _parts(schema: Schema) -> Iterator[tuple[str, Any]]:
    """What may hold schemas, by key. Under `fields` and `choices` the keys are an author's names."""
    for key, part in schema.items():
        if key in _BY_NAME and isinstance(part, Mapping):
            yield key, _Named(part)
        elif key not in _NO_SCHEMA:
            yield key, part


class _Named(tuple[Any, ...]):
    """Schemas by name."""

    def __new__(cls, named: Schema) -> _Named:
        self = super().__new__(cls, named.values())
        self.names = list(named)
        return self

    names: list[Any]


def validator(schema: Schema) -> SchemaValidator:
    """A validator that reads bytes in JSON as base64, in either alphabet, also within models."""
    return _validator(schema, _decoded)


def result_validator(schema: Schema) -> SchemaValidator:
    """The same for the JSON form that `plain` gives a value.

    Null is NaN, and a date that Python's classes cannot hold, in its year or its nanoseconds, stays text.
    """
    return _validator(schema, lambda leaf: _decoded(_lenient(leaf)))


def _validator(schema: Schema, leaf: Leaf) -> SchemaValidator:
    # Without `_use_prebuilt` a model's own validator would be taken as it is.
    return SchemaValidator(_changed(schema, leaf), _BASE64, _use_prebuilt=False)  # type: ignore[arg-type]


def serializer(schema: Schema, plain: Callable[[Any], Any]) -> SchemaSerializer:
    """A serializer whose JSON form of bytes, dates, floats and of what has no type is `plain`'s."""

    def written(leaf: dict[str, Any]) -> dict[str, Any]:
        if "serialization" in leaf or not _is_leaf(leaf):
            return leaf
        return {
            **leaf,
            "serialization": {"type": "function-plain", "function": plain, "when_used": "json"},
        }

    return SchemaSerializer(_changed(schema, written), _use_prebuilt=False)


def _is_leaf(schema: Schema) -> bool:
    kind = schema["type"]
    if kind == "dict" and schema.get("keys_schema", _ANY)["type"] not in _SAFE_KEYS:
        return True
    inner = (schema.get(name, _ANY)["type"] for name in _INNER)
    return kind in _LEAVES or (kind in _CONTAINERS and all(each == "any" for each in inner))


def _changed(schema: Any, leaf: Leaf) -> Any:
    if isinstance(schema, Mapping):
        if _is_encoded(schema):
            return _undecoded(schema)
        changed = {**schema, **{key: _changed(part, leaf) for key, part in _parts(schema)}}
        return leaf(changed) if isinstance(changed.get("type"), str) else changed
    if isinstance(schema, _Named):
        return {name: _changed(part, leaf) for name, part in zip(schema.names, schema, strict=True)}
    if isinstance(schema, list | tuple):
        return type(schema)(_changed(part, leaf) for part in schema)
    return schema


def _decoded(schema: dict[str, Any]) -> dict[str, Any]:
    """A model's or dataclass's configuration counts in place of ours."""
    return {**schema, "config": {**schema["config"], **_BASE64}} if "config" in schema else schema


def _lenient(schema: dict[str, Any]) -> dict[str, Any]:
    read = _date if schema["type"] in _DATES else _float if schema["type"] == "float" else None
    if read is None:
        return schema
    inner = {key: part for key, part in schema.items() if key != "ref"}
    ref = {"ref": schema["ref"]} if "ref" in schema else {}
    function = {"type": "no-info", "function": read}
    return {"type": "function-wrap", "function": function, "schema": inner, **ref}


def _float(value: Any, validate: Callable[[Any], Any]) -> Any:
    return math.nan if value is None else validate(value)


def _date(value: Any, validate: Callable[[Any], Any]) -> Any:
    if isinstance(value, str) and _NANOSECONDS.search(value) is not None:
        validate(value)
        return value
    try:
        return validate(value)
    except ValueError:
        if isinstance(value, str) and _BEYOND.fullmatch(value):
            return value
        raise


def _is_encoded(schema: Schema) -> bool:
    return isinstance(getattr(_function(schema), "__self__", None), EncodedBytes)


def _function(schema: Schema) -> Any:
    function = schema.get("function")
    return function.get("function") if isinstance(function, Mapping) else None


def _undecoded(schema: Schema) -> Schema:
    """An encoded type decodes the text itself, and encodes to text."""
    inner = {
        "type": "function-before",
        "function": {"type": "no-info", "function": _encoded},
        "schema": schema["schema"],
    }
    return {**schema, "schema": inner}


def _encoded(value: Any) -> Any:
    return value.encode() if isinstance(value, str) else value
