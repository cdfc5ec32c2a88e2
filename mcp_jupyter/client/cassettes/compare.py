# SPDX-License-Identifier: BSD-3-Clause
"""How a server's tools differ from the recorded ones, in lines that can be read.

Pure. What a recording has a redaction mark for is not compared.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from ..._util.text import safe_line
from .recording import Interaction, Recording, key_of, matches

__all__ = [
    "drift",
    "pruned",
]


MAX_LINES: Final = 200
"""Of one report: a server that is another one altogether."""


def drift(recorded: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> list[str]:
    """What changed.

    Parameters
    ----------
    recorded, now
        Tools as on the wire.

    Returns
    -------
    list of str
        A line for each difference, tools in the recorded order and new ones last; empty when there is none.
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


# -- pruning -------------------------------------------------------------------------------------
#
# A cassette without what it does not need. Pure.


def pruned(
    recordings: Mapping[str, Recording], servers: Collection[str]
) -> tuple[dict[str, Recording], list[str]]:
    """What is left, and what went, in lines.

    Whole recordings go of `servers`. Of the others the calls go that a replay does without: the last ones of
    those with the same params, where the one before has the same answer, for it answers again.

    Parameters
    ----------
    servers : collection of str
        Aliases.
    """
    left: dict[str, Recording] = {}
    gone: list[str] = []
    for alias, recording in recordings.items():
        if alias in servers:
            gone.append(f"{alias}: the whole recording, {len(recording.interactions)} calls")
            continue
        needed = _needed(recording.interactions)
        left[alias] = Recording(recording.opening, needed)
        kept = {id(call) for call in needed}
        gone += [
            f"{alias}: {_named(call)} again, with the same answer"
            for call in recording.interactions
            if id(call) not in kept
        ]
    return left, gone


def _needed(calls: list[Interaction]) -> list[Interaction]:
    spare: set[int] = set()
    groups: dict[str, list[Interaction]] = {}
    for call in calls:
        groups.setdefault(key_of(call.method, call.params), []).append(call)
    for group in groups.values():
        while len(group) > 1 and _said(group[-1]) == _said(group[-2]):
            spare.add(id(group.pop()))
    return [call for call in calls if id(call) not in spare]


def _said(call: Interaction) -> dict[str, Any]:
    return call.to_dict() | {"params": None}


def _named(call: Interaction) -> str:
    name = call.params.get("name", call.params.get("uri"))
    return f"{call.method} {name}" if isinstance(name, str) else call.method
