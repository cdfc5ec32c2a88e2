# SPDX-License-Identifier: BSD-3-Clause
"""Convert Python values to JSON values, and build pydantic validators and serializers that agree with that.

NaN, NaT and NA become null; infinities become "Infinity" and "-Infinity"; dates and durations become ISO
8601 text; scalars and arrays of NumPy, pandas and pyarrow become Python values; bytes become base64 text
with the URL alphabet. Keys with the same text are kept: of `1` and "1", the second becomes "1.2". `tables`
converts data frames.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Set
from contextlib import suppress
from enum import Enum
from functools import lru_cache, partial
from typing import Any, Final, cast

from pydantic import EncodedBytes
from pydantic_core import SchemaSerializer, SchemaValidator, to_jsonable_python

from ..._util.names import library_of, module_of
from .columns import cells, is_date, is_missing, is_sequence, named, numpy_value, readable
from .columns import text as date_text
from .size_limits import TooManyParts, collected, extent

__all__ = [
    "has_bytes",
    "plain",
    "readable",
    "result_validator",
    "serializer",
    "unique",
    "validator",
]


_ATOMS: Final = frozenset({str, int, bool, type(None)})
"""Classes of values that are their own JSON form: the most frequent ones."""

_SCALARS: Final = frozenset({("pyarrow", "Scalar")})

MAX_CLASSES: Final = 256
"""Classes whose exact serializers are cached: each takes about a millisecond to build."""


def _refuse(value: Any) -> Any:
    raise TypeError(f"{type(value).__name__} has no JSON form")


def plain(value: Any, other: Callable[[Any], Any] = _refuse) -> Any:
    """Return the JSON form of a value.

    Parameters
    ----------
    value : Any
        The value to convert.
    other : callable, optional
        Returns a replacement for a part without a JSON form.

    Raises
    ------
    TypeError
        A part has no JSON form and `other` is not given, or the value is cyclic or too deep.
    TooManyParts
        The value has more than `MAX_PARTS` parts.

    Notes
    -----
    An iterator has no JSON form, because reading it would use it up. Iterators within lists and dicts become
    lists. A part that raises when it is inspected has no JSON form; the other parts keep theirs.
    """
    if type(value) in _ATOMS:
        return value
    try:
        seen = extent(value)
        is_common = not (seen.iterators or seen.special)
    except RecursionError:
        is_common = False
    if is_common:  # else pydantic might follow an endless iterator, or write another form than ours
        with suppress(Exception):  # an unknown class may raise anything: then convert part by part
            return _fast(value)
    try:
        return other(value) if _is_iterator(value) else _part(value, other)
    except RecursionError:
        raise TypeError("the value is cyclic, or nested too deep for JSON") from None


def _is_iterator(value: Any) -> bool:
    with suppress(Exception):  # a class may raise even in `isinstance`
        return isinstance(value, Iterator)
    return False


def _fast(value: Any) -> Any:
    return to_jsonable_python(
        value, by_alias=True, inf_nan_mode="null", bytes_mode="base64", fallback=_foreign
    )


def _foreign(value: Any) -> Any:
    """Convert a value that pydantic does not support to one that it does."""
    if isinstance(value, Set | range):
        return list(value)
    if isinstance(value, memoryview):
        return bytes(value)
    if module_of(type(value)) == "array":
        return value.tolist()
    return _refuse(value)


def _part(value: Any, other: Callable[[Any], Any]) -> Any:
    """Convert part by part: slower, but exact, and a part without a JSON form does not affect the others."""
    kind = type(value)
    if kind in _ATOMS:
        return value
    if kind is float:
        return value if value - value == 0 else _not_finite(value)
    try:
        form = _opened(value, other)
    except (TooManyParts, RecursionError):
        raise
    except Exception:  # noqa: BLE001 - an unknown class may raise anything; errors of `other` pass through
        return other(value)
    if type(form) is dict:
        return {key: _part(item, other) for key, item in form.items()}
    if type(form) is list:
        return [_part(item, other) for item in form]
    if type(form) in _ATOMS:
        return form
    # A Python value for a NumPy scalar. Some scalars, such as long doubles, return themselves: no JSON form.
    return other(value) if type(form) is kind else _part(form, other)


def _not_finite(value: float) -> str | None:
    if value != value:
        return None
    return "Infinity" if value > 0 else "-Infinity"


def _opened(value: Any, other: Callable[[Any], Any]) -> Any:
    """Return a value's JSON form, or a list or dict whose parts the caller still converts."""
    if isinstance(value, Mapping):
        return dict(zip(unique(map(_key, value)), value.values(), strict=True))
    if isinstance(value, list | tuple | Set | deque | range):
        return list(value)
    if isinstance(value, Iterator):
        return collected(value)
    if is_missing(value):  # before dates: NaT is an instance of datetime without a year
        return None
    if is_date(value):
        return date_text(value)
    if isinstance(value, Enum):
        return _part(value.value, other)
    return _of_library(value, other)


def _of_library(value: Any, other: Callable[[Any], Any]) -> Any:
    kind = type(value)
    library = library_of(kind)
    if library == "numpy":
        return numpy_value(value)
    if is_sequence(value):
        return cells(value)
    if named(kind, _SCALARS):
        return cells(value)[0]
    if isinstance(value, float):
        return float(value)
    if hasattr(kind, "__pydantic_core_schema__"):
        return _serializer(cast("Hashable", kind), other).to_python(
            value, mode="json", by_alias=True, warnings=False, fallback=other
        )
    if hasattr(kind, "__dataclass_fields__"):
        return {field.name: _attribute(value, field.name) for field in dataclasses.fields(value)}
    return _fast(value)


@lru_cache(maxsize=MAX_CLASSES)
def _serializer(kind: Any, other: Callable[[Any], Any]) -> SchemaSerializer:
    return serializer(kind.__pydantic_core_schema__, partial(plain, other=other))


class _Unread:
    """Replaces an attribute that raises; its text says so."""

    def __init__(self, name: str, error: Exception) -> None:
        self._text = f"<{name} cannot be read: {type(error).__name__}>"

    def __str__(self) -> str:
        return self._text


def _attribute(value: Any, name: str) -> Any:
    try:
        return getattr(value, name)
    except Exception as exc:  # noqa: BLE001 - a user's property may raise anything
        return _Unread(name, exc)


def _key(key: Any) -> str:
    if type(key) is str:
        return key
    try:
        if is_date(key):
            return date_text(key)
        if type(key) is tuple:
            return ",".join(map(_key, key))
        return str(next(iter(_fast({key: None}))))
    except Exception:  # noqa: BLE001 - see `_part`
        return readable(key)


def unique(labels: Iterable[str]) -> list[str]:
    """Return the texts, with ".2", ".3", ... appended to repeated ones."""
    counts: dict[str, int] = {}
    for base in labels:
        label = base
        while label in counts:
            counts[base] += 1
            label = f"{base}.{counts[base]}"
        counts[label] = 1
    return list(counts)


# -- models --------------------------------------------------------------------------------------
#
# Validators and serializers of pydantic types that agree with `plain` on bytes, dates and numbers.
#
# pydantic reads bytes in JSON as UTF-8 text, writes a pandas timestamp with a wrong year or without its
# nanoseconds, and writes infinities as null. The functions here change some leaves of pydantic's core schema
# (a tree of dicts) and build from the result. An author's serializers and encoded types (`Base64Bytes`) stay.

_LEAVES: Final = frozenset(
    {"any", "bytes", "date", "datetime", "float", "function-plain", "is-instance", "time", "timedelta"}
)
"""Core schema types whose values an exact serializer writes with `plain`."""

_DATES: Final = frozenset({"date", "datetime", "timedelta"})

_NANOSECONDS: Final = re.compile(r"\.\d{7,}")

_BEYOND: Final = re.compile(
    r"(-\d{4,}|\d{5,})-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?)?"
    r"|-?P\d+[YMD](T[\dHMS.]+)?"
)
"""Matches dates and durations as `columns` writes them, in years that Python does not support."""

_CONTAINERS: Final = frozenset({"dict", "list", "set", "frozenset", "generator"})

_INNER: Final = ("items_schema", "keys_schema", "values_schema")
"""Schemas of a container's items. A container whose items may be anything counts as a leaf too."""

_ANY: Final = {"type": "any"}

_SAFE_KEYS: Final = frozenset({"str", "int"})
"""Key types with unique texts. Keys of other types may share a text; `plain` keeps those apart."""

_NO_SCHEMA: Final = frozenset(
    {"metadata", "serialization", "config", "default", "expected", "members", "cls", "function"}
)
"""Members of a core schema that contain no schemas of values."""

_BY_NAME: Final = frozenset({"fields", "choices"})

_BASE64: Final = {"val_json_bytes": "base64"}

Schema = Mapping[str, Any]
Leaf = Callable[[dict[str, Any]], dict[str, Any]]


def has_bytes(schema: Any) -> bool:
    """Whether a core schema contains bytes at any depth."""
    if isinstance(schema, Mapping):
        return schema.get("type") == "bytes" or any(has_bytes(part) for _, part in _parts(schema))
    return isinstance(schema, list | tuple) and any(map(has_bytes, schema))


def _parts(schema: Schema) -> Iterator[tuple[str, Any]]:
    """Yield the members that may contain schemas. Keys under `fields` and `choices` are an author's names."""
    for key, part in schema.items():
        if key in _BY_NAME and isinstance(part, Mapping):
            yield key, _Named(part)
        elif key not in _NO_SCHEMA:
            yield key, part


class _Named(tuple[Any, ...]):
    """The schemas under `fields` or `choices`; `names` has their names."""

    def __new__(cls, named: Schema) -> _Named:
        self = super().__new__(cls, named.values())
        self.names = list(named)
        return self

    names: list[Any]


def validator(schema: Schema) -> SchemaValidator:
    """Return a validator that reads bytes in JSON as base64, in either alphabet, also within models."""
    return _validator(schema, _decoded)


def result_validator(schema: Schema) -> SchemaValidator:
    """Return a validator for the JSON form that `plain` makes.

    Besides base64, it reads null as NaN for floats, and leaves a date as text if Python's classes cannot hold
    its year or its nanoseconds.
    """
    return _validator(schema, lambda leaf: _decoded(_lenient(leaf)))


def _validator(schema: Schema, leaf: Leaf) -> SchemaValidator:
    # With `_use_prebuilt`, a model's existing validator would be used unchanged.
    return SchemaValidator(_changed(schema, leaf), _BASE64, _use_prebuilt=False)  # type: ignore[arg-type]


def serializer(schema: Schema, plain: Callable[[Any], Any]) -> SchemaSerializer:
    """Return a serializer that writes bytes, dates, floats and untyped values with `plain`."""

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
    """Add base64 to the configuration of a model or dataclass, which overrides the validator's."""
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
    """Pass an encoded type the text as bytes, undecoded: it decodes the text itself."""
    inner = {
        "type": "function-before",
        "function": {"type": "no-info", "function": _encoded},
        "schema": schema["schema"],
    }
    return {**schema, "schema": inner}


def _encoded(value: Any) -> Any:
    return value.encode() if isinstance(value, str) else value
