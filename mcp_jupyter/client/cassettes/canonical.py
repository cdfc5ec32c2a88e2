# SPDX-License-Identifier: BSD-3-Clause
"""When two calls are the same call: params in one form, and the comparison that a redaction mark passes.

Pure; knows no file and no server. Numbers are compared by value (1 is 1.0, but not true), objects without
regard to the order of their keys. NaN and infinities are null, as they are on the wire.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from pydantic_core import from_json

from ...protocol.frames import dumps

__all__ = ["MARK", "canonical", "key_of", "matches", "plain", "pretty", "same_text", "veiled"]

MARK: Final = "[redacted]"
"""Stands where a secret was. In a recording it matches whatever is given in its place."""

_UNSEEN: Final = re.compile(
    "[\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
"""What a terminal obeys or shows as nothing, beside what JSON escapes anyway."""


def plain(value: Any) -> Any:
    """A value as it is after a journey over the wire: dicts, lists, texts, numbers, booleans, null.

    Raises
    ------
    TypeError
        Something in it has no JSON form.
    """
    try:
        return from_json(dumps(value))
    except ValueError as exc:  # deeper than the parser goes
        raise TypeError(f"This cannot be read back: {exc}") from None


def canonical(method: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Params as they are kept and compared: without `_meta`, keys sorted; no `arguments` are empty ones.

    Raises
    ------
    TypeError
        Something in them has no JSON form.
    """
    wire = plain({name: value for name, value in params.items() if name != "_meta"})
    if method in ("tools/call", "prompts/get") and wire.get("arguments") is None:
        wire["arguments"] = {}
    ordered = _ordered(wire)
    assert isinstance(ordered, dict)
    return ordered


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_ordered(item) for item in value]
    return value


def key_of(method: str, params: Mapping[str, Any]) -> str:
    """The same text for calls that are the same: of canonical params without a mark."""
    return f"{method} {json.dumps(_numbers(params), ensure_ascii=False)}"


def _numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def pretty(value: Any) -> str:
    """JSON for people: indented, in the characters of its language; what cannot be seen is escaped."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return _UNSEEN.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def matches(recorded: Any, given: Any) -> bool:
    """Whether `given` is what was recorded, where the recording has it; what it has not may be anything."""
    if isinstance(recorded, str):
        return recorded == MARK or (isinstance(given, str) and same_text(recorded, given))
    if isinstance(recorded, dict):
        return isinstance(given, dict) and _same_objects(recorded, given)
    if isinstance(recorded, list):
        return isinstance(given, list) and len(recorded) == len(given) and all(map(matches, recorded, given))
    if isinstance(recorded, bool) or isinstance(given, bool):
        return recorded is given
    return type(given) in (int, float, type(None)) and bool(recorded == given)


def _same_objects(recorded: dict[str, Any], given: dict[str, Any]) -> bool:
    if len(recorded) != len(given):
        return False
    left = dict(given)
    marked = [key for key in recorded if MARK in key]
    for key, value in recorded.items():
        if key not in marked and not (key in left and matches(value, left.pop(key))):
            return False
    for pattern in marked:
        found = [key for key in left if same_text(pattern, key) and matches(recorded[pattern], left[key])]
        if not found:
            return False
        del left[found[0]]
    return True


def same_text(recorded: str, given: str) -> bool:
    """Whether a text is the recorded one, with anything where that has a mark."""
    first, *rest = recorded.split(MARK)
    if not rest:
        return recorded == given
    *middle, last = rest
    if len(given) < len(first) + len(last) or not given.startswith(first) or not given.endswith(last):
        return False
    at, end = len(first), len(given) - len(last)
    for part in middle:
        at = given.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return True


def veiled(recorded: Any, given: Any) -> Any:
    """`given`, with the recording's own words where they match: a mark stays a mark."""
    if matches(recorded, given):
        return recorded
    if isinstance(recorded, dict) and isinstance(given, dict):
        return {
            key: veiled(recorded[key], value) if key in recorded else value for key, value in given.items()
        }
    if isinstance(recorded, list) and isinstance(given, list):
        kept = [veiled(old, new) for old, new in zip(recorded, given, strict=False)]
        return kept + given[len(kept) :]
    return given
