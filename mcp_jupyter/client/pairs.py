# SPDX-License-Identifier: BSD-3-Clause
"""Convert `key=value` words that a user types to the arguments of a tool, by the tool's input schema.

Each text becomes the value that its parameter's schema suggests. Whether the arguments are valid as a whole
is left to the server.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from .._util.json_schema import allowed_values, branches, kinds, properties
from .._util.text import join_names

__all__ = ["Pairs", "parse_arguments", "parse_value", "split_headers", "split_pairs"]

Pairs = dict[str, str]


_HEADER: Final = re.compile(r"(?P<name>[!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*:(?P<value>[\t -~]*)")
"""A name and a value that can be sent (RFC 9110, 5.1 and 5.5)."""

_INTEGER: Final = re.compile(r"[+-]?\d{1,1000}", re.ASCII)

_KIND_WORDS: Final = {
    "array": "a JSON array",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "object": "a JSON object",
}


def split_pairs(words: Sequence[str]) -> Pairs:
    """Return `key=value` words as a mapping.

    Raises
    ------
    ValueError
        A word is not a pair, or a key occurs twice.
    """
    pairs: Pairs = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise ValueError(f"{word!r} is not an argument: write key=value.")
        if key in pairs:
            raise ValueError(f"{key} is given twice.")
        pairs[key] = value
    return pairs


def split_headers(lines: Sequence[str]) -> dict[str, str]:
    """Return `Name: value` lines as a mapping.

    Raises
    ------
    ValueError
        A line is not a header. The message does not show the line, which may contain a token.
    """
    headers: dict[str, str] = {}
    for line in lines:
        found = _HEADER.fullmatch(line)
        if found is None:
            raise ValueError("A header is written as 'Name: value', in ASCII and in one line.")
        headers[found["name"]] = found["value"].strip()
    return headers


def parse_arguments(pairs: Pairs, schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that `pairs` give to a tool with this input schema.

    Parameters
    ----------
    pairs : mapping
        Texts by the parameter's name.
    schema : mapping
        JSON Schema of an object, from the server. A number, `true`, `false` or `null`, and JSON for an
        object or an array are converted where the parameter allows that type; else the text is the value.

    Raises
    ------
    ValueError
        The tool has no such parameter, or the text does not fit its type; the message says what is allowed.
    """
    known = properties(schema)
    arguments: dict[str, Any] = {}
    for key, text in pairs.items():
        if known.schemas and key not in known.schemas and not known.is_open:
            raise ValueError(f"Unknown argument {key!r}. Known arguments: {join_names(known.schemas)}.")
        arguments[key] = parse_value(key, text, known.schemas.get(key), schema)
    return arguments


def parse_value(key: str, text: str, schema: Any, root: Mapping[str, Any]) -> Any:
    """Return the value of one argument (see `parse_arguments`).

    Parameters
    ----------
    key : str
        The argument's name, for the message.
    text : str
        The text that was typed.
    schema
        The argument's schema; None if it is not known.
    root : mapping
        The schema that references in `schema` point into.

    Raises
    ------
    ValueError
        The text does not fit the argument's type.
    """
    if text in (value for value in allowed_values(schema, root) if isinstance(value, str)):
        return text
    types = {kind for part in branches(schema, root) for kind in kinds(part)}
    if not types:  # the schema does not say
        return _json_or_text(text)
    for kind in ("null", "boolean", "integer", "number", "array", "object"):
        if kind in types:
            found, value = _as(kind, text)
            if found:
                return value
    if "string" in types:
        return text
    wanted = " or ".join(_KIND_WORDS.get(kind, kind) for kind in sorted(types))
    raise ValueError(f"{key} must be {wanted}, which {text!r} is not.")


def _as(kind: str, text: str) -> tuple[bool, Any]:
    """Return whether a text is of a JSON type, and its value."""
    if kind == "integer":
        return (True, int(text)) if _INTEGER.fullmatch(text) else (False, None)
    if kind == "number":
        return _number(text)
    value = _json_or_text(text)
    matches = {"null": value is None, "boolean": isinstance(value, bool), "array": isinstance(value, list)}
    return matches.get(kind, isinstance(value, dict)), value


def _number(text: str) -> tuple[bool, Any]:
    if _INTEGER.fullmatch(text):
        return True, int(text)
    try:
        value = float(text)
    except ValueError:
        return False, None
    return math.isfinite(value), value


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=str)
    except (ValueError, RecursionError):
        return text
