# SPDX-License-Identifier: BSD-3-Clause
"""`key=value`, as a person types it, as arguments of a tool, by the tool's input schema.

Pure; knows no server. Whether the arguments are right as a whole is for the server to say: here a text
becomes the value it most plainly means.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from .._util.text import join_names

__all__ = ["Pairs", "parse_arguments", "parse_value", "split_headers", "split_pairs"]

Pairs = dict[str, str]

MAX_ALTERNATIVES: Final = 20
"""Members of one `anyOf`, `oneOf` or `allOf` that are followed: with `MAX_DEPTH` the bound on the work."""

MAX_DEPTH: Final = 8
"""Of references and alternatives that are followed to find a parameter's type."""

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
    """`key=value` words as a mapping.

    Raises
    ------
    ValueError
        A word is no pair, or a key is there twice.
    """
    pairs: Pairs = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise ValueError(f"{word!r} is no argument: write key=value.")
        if key in pairs:
            raise ValueError(f"{key} is given twice.")
        pairs[key] = value
    return pairs


def split_headers(lines: Sequence[str]) -> dict[str, str]:
    """`Name: value` lines as a mapping.

    Raises
    ------
    ValueError
        A line is no header; it may hold a token, so it is not shown.
    """
    headers: dict[str, str] = {}
    for line in lines:
        found = _HEADER.fullmatch(line)
        if found is None:
            raise ValueError("A header is written as 'Name: value', in ASCII and in one line.")
        headers[found["name"]] = found["value"].strip()
    return headers


def parse_arguments(pairs: Pairs, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that `pairs` mean to a tool with this input schema.

    Parameters
    ----------
    pairs : mapping
        Keys and texts.
    schema : mapping
        JSON Schema of an object, from the server. A number, `true`, `false` or `null`, and JSON for an
        object or an array are taken as such where the parameter may be one; else the text is the value.

    Raises
    ------
    ValueError
        There is no such parameter, or its text cannot be one; the message says what can.
    """
    properties = schema.get("properties")
    known = properties if isinstance(properties, Mapping) else {}
    is_open = not known or bool(schema.get("additionalProperties"))
    arguments: dict[str, Any] = {}
    for key, text in pairs.items():
        if key not in known and not is_open:
            raise ValueError(f"There is no argument {key!r}. There are: {join_names(known)}.")
        arguments[key] = parse_value(key, text, known.get(key), schema)
    return arguments


def parse_value(key: str, text: str, schema: Any, root: Mapping[str, Any]) -> Any:
    """The value that a text means to one argument (see `parse_arguments`).

    Parameters
    ----------
    key : str
        The argument, for the message.
    text : str
        What was typed.
    schema
        The argument's own; None when nothing is known of it.
    root : mapping
        The document that references in it point into.

    Raises
    ------
    ValueError
        The text cannot be a value of it.
    """
    kinds: set[str] = set()
    for part in _parts(schema, root):
        values = part.get("enum", [part["const"]] if "const" in part else [])
        if isinstance(values, list) and text in [each for each in values if isinstance(each, str)]:
            return text
        kinds |= _kinds(part)
    if not kinds:  # nothing is said of it
        return _json_or_text(text)
    for kind in ("null", "boolean", "integer", "number", "array", "object"):
        if kind in kinds:
            found, value = _as(kind, text)
            if found:
                return value
    if "string" in kinds:
        return text
    wanted = " or ".join(_KIND_WORDS.get(kind, kind) for kind in sorted(kinds))
    raise ValueError(f"{key} must be {wanted}, which {text!r} is not.")


def _parts(schema: Any, root: Mapping[str, Any], depth: int = 0) -> Iterator[Mapping[str, Any]]:
    """A schema and the alternatives in it; references within the document are followed."""
    if not isinstance(schema, Mapping) or depth > MAX_DEPTH:
        return
    yield schema
    reference = schema.get("$ref")
    if isinstance(reference, str):
        yield from _parts(_referenced(reference, root), root, depth + 1)
    for keyword in ("anyOf", "oneOf", "allOf"):
        members = schema.get(keyword)
        for member in members[:MAX_ALTERNATIVES] if isinstance(members, list) else ():
            yield from _parts(member, root, depth + 1)


def _referenced(reference: str, root: Mapping[str, Any]) -> Any:
    """What a JSON Pointer within the document leads to; None for any other reference (RFC 6901)."""
    if not reference.startswith("#/"):
        return None
    found: Any = root
    for step in reference[2:].split("/"):
        name = step.replace("~1", "/").replace("~0", "~")
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


_PYTHON_KINDS: Final = {
    bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null", list: "array",
    dict: "object",
}  # fmt: skip


def _kinds(part: Mapping[str, Any]) -> set[str]:
    said = part.get("type")
    if isinstance(said, str):
        return {said}
    if isinstance(said, list):
        return {kind for kind in said if isinstance(kind, str)}
    values = part.get("enum", [part["const"]] if "const" in part else [])
    return {_PYTHON_KINDS[type(value)] for value in values} if isinstance(values, list) else set()


def _as(kind: str, text: str) -> tuple[bool, Any]:
    """Whether a text is of a kind, and the value."""
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
