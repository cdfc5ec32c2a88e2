# SPDX-License-Identifier: BSD-3-Clause
"""Compare calls and tools with recorded ones.

Two calls are the same if their canonical params are equal. Numbers are compared by value (1 equals 1.0, but
not true), and objects regardless of the order of their keys. NaN and infinities become null, as on the wire.
A redaction mark in a recording matches everything.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic_core import from_json

from ..._util.text import safe_block, safe_line
from ...protocol.frames import dumps
from ..secrets import MARK

__all__ = ["canonical", "drift", "keep_recorded", "key_of", "matches", "plain", "pretty", "same_text"]


MAX_LINES: Final = 200
"""Lines of one report, which a different server could make very long."""


def drift(recorded: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return how a server's tools differ from the recorded ones.

    Parameters
    ----------
    recorded, now
        Tools as on the wire.

    Returns
    -------
    list of str
        A line for each difference: tools in the recorded order, new ones last.
    """
    before, after = _by_name(recorded), _by_name(now)
    lines = []
    for name, tool in before.items():
        if name not in after:
            lines.append(f"{safe_line(name)}: the tool is gone")
        else:
            lines += [f"{safe_line(name)}: {difference}" for difference in _tool(tool, after[name])]
    lines += [f"{safe_line(name)}: the tool is new" for name in after if name not in before]
    if len(lines) > MAX_LINES:
        lines[MAX_LINES:] = [f"and {len(lines) - MAX_LINES} more"]
    return lines


def _by_name(tools: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {tool["name"]: tool for tool in tools if isinstance(tool.get("name"), str)}


def _tool(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    schemas = _table(old.get("inputSchema")), _table(new.get("inputSchema"))
    arguments = list(_arguments(*schemas))
    yield from arguments
    if not arguments and not matches(*schemas):
        yield "the input schema changed"
    if not matches(old.get("outputSchema"), new.get("outputSchema")):
        yield "the output schema changed"
    for name in ("title", "description"):
        if not matches(old.get(name), new.get(name)):
            yield f"the {name} changed"
    before, after = _table(old.get("annotations")), _table(new.get("annotations"))
    for name in sorted({*before, *after}):
        if not matches(before.get(name), after.get(name)):
            was, now = _json(before.get(name)), _json(after.get(name))
            yield f"the annotation {safe_line(name)} was {was}, and is {now}"


def _arguments(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    before, after = _table(old.get("properties")), _table(new.get("properties"))
    was_needed, is_needed = _names(old.get("required")), _names(new.get("required"))
    for name in before:
        if name not in after:
            yield f"the argument {safe_line(name)} is gone"
    for name, schema in after.items():
        shown = f"argument {safe_line(name)}"
        if name not in before:
            kind = "required" if name in is_needed else "optional"
            yield f"the {shown} ({kind}, {_type(schema)}) is new"
            continue
        if name in is_needed - was_needed:
            yield f"the {shown} is required now"
        if name in was_needed - is_needed:
            yield f"the {shown} is optional now"
        yield from _argument(shown, _table(before[name]), _table(schema))


def _argument(shown: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    if matches(old, new):
        return
    changed = sorted(key for key in {*old, *new} if not matches(old.get(key), new.get(key)))
    was, now = _type(old), _type(new)
    if was != now:
        yield f"the {shown} was {was}, and is {now}"
    elif changed == ["description"]:
        yield f"the description of the {shown} changed"
    else:
        yield f"the {shown} changed ({safe_line(', '.join(changed))})"


def _type(schema: Any) -> str:
    table = _table(schema)
    kind = table.get("type", table.get("anyOf", table.get("$ref", "of any type")))
    return safe_line(kind) if isinstance(kind, str) else _json(kind)


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _names(value: Any) -> set[str]:
    return {name for name in value if isinstance(name, str)} if isinstance(value, list) else set()


def _json(value: Any) -> str:
    return safe_line(json.dumps(value))


# -- calls ---------------------------------------------------------------------------------------


def plain(value: Any) -> Any:
    """Return a value as its receiver would read it: dicts, lists, strings, numbers, booleans, None.

    Raises
    ------
    TypeError
        A part of the value has no JSON form, or the value is nested too deeply.
    """
    try:
        return from_json(dumps(value))
    except ValueError as exc:  # deeper than the parser goes
        raise TypeError(f"This cannot be read back: {exc}") from None


def canonical(method: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return params as they are kept and compared: without `_meta`, keys sorted, `arguments` never missing.

    Raises
    ------
    TypeError
        A part of the params has no JSON form, or they are nested too deeply.
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
    """Return a key that is equal for equal calls, given canonical params; marks are compared literally."""
    return f"{method} {json.dumps(_numbers(params), ensure_ascii=False)}"


def _numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def pretty(value: Any) -> str:
    """Return JSON to show to the user: indented, without ASCII escapes, safe to display."""
    return safe_block(json.dumps(value, indent=2, ensure_ascii=False), None)


def matches(recorded: Any, given: Any) -> bool:
    """Whether `given` equals the recorded value. A redaction mark in the recording matches anything."""
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
    """Whether a text equals the recorded one, with any text in place of each mark."""
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


def keep_recorded(recorded: Any, given: Any) -> Any:
    """Return `given` with the recorded value wherever the two match, so that marks stay and secrets go."""
    if matches(recorded, given):
        return recorded
    if isinstance(recorded, dict) and isinstance(given, dict):
        return {
            key: keep_recorded(recorded[key], value) if key in recorded else value
            for key, value in given.items()
        }
    if isinstance(recorded, list) and isinstance(given, list):
        kept = [keep_recorded(old, new) for old, new in zip(recorded, given, strict=False)]
        return kept + given[len(kept) :]
    return given
