# SPDX-License-Identifier: BSD-3-Clause
"""What a cassette holds: recordings of servers, and their form as JSON.

Owns the members of the file, their order and every check of what a file says: nothing of it is trusted. Does
not know where the file is, nor what is a secret.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic_core import from_json

from ..._util.text import safe_block, safe_line
from ...errors import CassetteError
from ...protocol.frames import dumps
from ..recording_hook import Event

__all__ = [
    "MARK",
    "MAX_DEPTH",
    "MAX_EVENTS",
    "MAX_INTERACTIONS",
    "Interaction",
    "Opening",
    "Recording",
    "canonical",
    "is_event",
    "key_of",
    "listed_tools",
    "matches",
    "parse",
    "plain",
    "pretty",
    "render",
    "same_text",
    "text_of",
    "veiled",
]


VERSION: Final = 1
"""Of the form; a reader refuses one it does not know."""

MAX_DEPTH: Final = 150
"""Of one message's JSON: the parser goes to 200, of which the file's own form takes some."""

MAX_INTERACTIONS: Final = 10_000
"""Of one server: a notebook's run has dozens, and nobody reviews more."""

MAX_EVENTS: Final = 1_000
"""Of one call, before its answer or after it: more progress than this nobody looks at."""

MAX_SERVERS: Final = 100
"""Of one notebook."""

_REMEDY: Final = "Take back a copy that is one, or remove it and record anew."

_OPENINGS: Final = ("initialize", "server/discover")


@dataclass(slots=True)
class Interaction:
    """One call: what was asked and what came of it.

    Attributes
    ----------
    method, params
        Canonical.
    events : list of Event
        What happened before the answer, in order.
    result, error : dict or None
        The answer: one of the two.
    afterwards : list of Event
        What happened after it, before the next call.
    text : str or None
        The whole as it stands in the file, where that is known.
    number : int
        Its place in the order of calls.
    weak : set of str
        Secrets among its params that are searched for in its own answer only. Never written.
    """

    method: str
    params: dict[str, Any]
    events: list[Event] = field(default_factory=list)
    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    afterwards: list[Event] = field(default_factory=list)
    text: str | None = None
    number: int = 0
    weak: set[str] = field(default_factory=set, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Its form in the file."""
        answer = {"error": self.error} if self.result is None else {"result": self.result}
        return {
            "method": self.method,
            "params": self.params,
            **({"events": self.events} if self.events else {}),
            **answer,
            **({"afterwards": self.afterwards} if self.afterwards else {}),
        }


@dataclass(frozen=True, slots=True)
class Opening:
    """How a conversation began.

    Attributes
    ----------
    method : str
        `initialize` or `server/discover`.
    version : str
        The protocol version that was spoken then.
    result : dict
        What the server said.
    capabilities : dict or None
        What the client declared; a server may have other tools for another client. None in files of older
        versions of this package.
    """

    method: str
    version: str
    result: dict[str, Any]
    capabilities: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Its form in the file."""
        declared = {} if self.capabilities is None else {"capabilities": self.capabilities}
        return {"method": self.method, "version": self.version, **declared, "result": self.result}


@dataclass(slots=True)
class Recording:
    """One conversation with one server, from its opening on."""

    opening: Opening
    interactions: list[Interaction] = field(default_factory=list)


def listed_tools(recording: Recording) -> list[dict[str, Any]] | None:
    """The tools of the first listing, all its pages; None when the recording has no whole one."""
    tools: list[dict[str, Any]] = []
    expected = None
    for interaction in recording.interactions:
        if interaction.method != "tools/list" or interaction.result is None:
            continue
        if interaction.params.get("cursor") != expected:
            continue
        page = interaction.result.get("tools")
        tools += [tool for tool in page if isinstance(tool, dict)] if isinstance(page, list) else []
        expected = interaction.result.get("nextCursor")
        if expected is None:
            return tools
    return None


# -- to text -----------------------------------------------------------------------------------------------


def render(recordings: Mapping[str, Recording]) -> str:
    """The contents of a file. Calls whose text is known are not written anew: that is what takes time."""
    servers = ",\n".join(_server(alias, recordings[alias]) for alias in sorted(recordings))
    inner = f"{{\n{servers}\n  }}" if servers else "{}"
    return f'{{\n  "cassette": {VERSION},\n  "servers": {inner}\n}}\n'


def _server(alias: str, recording: Recording) -> str:
    calls = ",\n".join(map(text_of, recording.interactions))
    inner = f"[\n{calls}\n      ]" if calls else "[]"
    return (
        f"    {pretty(alias)}: {{\n"
        f'      "opening": {_indented(recording.opening.to_dict(), 6)},\n'
        f'      "interactions": {inner}\n'
        "    }"
    )


def text_of(interaction: Interaction) -> str:
    """A call as it stands in a file."""
    if interaction.text is None:
        interaction.text = " " * 8 + _indented(interaction.to_dict(), 8)
    return interaction.text


def _indented(value: Any, columns: int) -> str:
    return pretty(value).replace("\n", "\n" + " " * columns)  # no text of JSON holds a line's end


# -- from text ---------------------------------------------------------------------------------------------


def parse(content: bytes, shown: str) -> dict[str, Recording]:
    """The recordings in a file, by the alias of their server.

    Parameters
    ----------
    shown : str
        What messages call the file.

    Raises
    ------
    CassetteError
        It is no cassette; the message says at which place.
    """
    try:
        value = from_json(content, allow_inf_nan=False)
    except ValueError as exc:
        said = safe_line(str(exc))
        raise CassetteError(f"{shown} is no cassette: {said}. {_REMEDY}") from None
    reader = _Reader(shown)
    top = reader.table(value, "the file")
    version = top.get("cassette")
    if type(version) is int and version > VERSION:
        raise CassetteError(
            f"{shown} was written by a newer mcp_jupyter (form {safe_line(str(version), 20)}; this one reads "
            f"{VERSION}). Update: pip install --upgrade jupyter-mcp-engine."
        )
    if version != VERSION or isinstance(version, bool):
        reader.refuse("cassette", f"{VERSION}, the version this package reads")
    servers = reader.table(top.get("servers"), "servers")
    if len(servers) > MAX_SERVERS:
        reader.refuse("servers", f"of at most {MAX_SERVERS} members")
    return {alias: reader.recording(server, alias) for alias, server in servers.items()}


def is_event(value: Event) -> bool:
    """Whether something is an event as a file may have it."""
    try:
        _Reader("").event(value, "")
    except CassetteError:
        return False
    return True


class _Reader:
    """Takes a file apart, and says where it is not what it should be."""

    def __init__(self, shown: str) -> None:
        self._shown = shown

    def refuse(self, place: str, wanted: str) -> None:
        shown = safe_line(place)
        raise CassetteError(f"{self._shown} is no cassette: {shown} must be {wanted}. {_REMEDY}")

    def table(self, value: Any, place: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            self.refuse(place, "a JSON object")
        assert isinstance(value, dict)
        return value

    def items(self, value: Any, place: str, limit: int) -> list[Any]:
        if not isinstance(value, list) or len(value) > limit:
            self.refuse(place, f"a list of at most {limit} items")
        assert isinstance(value, list)
        return value

    def text(self, value: Any, place: str) -> str:
        if not isinstance(value, str):
            self.refuse(place, "a text")
        assert isinstance(value, str)
        return value

    def recording(self, value: Any, alias: str) -> Recording:
        place = f"servers.{safe_line(alias)}"
        server = self.table(value, place)
        opening = self.table(server.get("opening"), f"{place}.opening")
        if opening.get("method") not in _OPENINGS:
            self.refuse(f"{place}.opening.method", " or ".join(_OPENINGS))
        calls = self.items(server.get("interactions"), f"{place}.interactions", MAX_INTERACTIONS)
        return Recording(
            Opening(
                opening["method"],
                self.text(opening.get("version"), f"{place}.opening.version"),
                self.table(opening.get("result"), f"{place}.opening.result"),
                self.table(opening["capabilities"], f"{place}.opening.capabilities")
                if "capabilities" in opening
                else None,
            ),
            [self.interaction(call, f"{place}.interactions[{index}]") for index, call in enumerate(calls)],
        )

    def interaction(self, value: Any, place: str) -> Interaction:
        call = self.table(value, place)
        if ("result" in call) == ("error" in call):
            self.refuse(place, "an object with either result or error")
        made = Interaction(
            self.text(call.get("method"), f"{place}.method"),
            self.table(call.get("params"), f"{place}.params"),
        )
        if "result" in call:
            made.result = self.table(call["result"], f"{place}.result")
        else:
            made.error = self.error(call["error"], f"{place}.error")
        made.events = self.events(call.get("events", []), f"{place}.events")
        made.afterwards = self.events(call.get("afterwards", []), f"{place}.afterwards")
        return made

    def error(self, value: Any, place: str) -> dict[str, Any]:
        error = self.table(value, place)
        if type(error.get("code")) is not int:
            self.refuse(f"{place}.code", "a whole number")
        self.text(error.get("message"), f"{place}.message")
        return error

    def events(self, value: Any, place: str) -> list[Event]:
        events = self.items(value, place, MAX_EVENTS)
        for index, event in enumerate(events):
            self.event(self.table(event, f"{place}[{index}]"), f"{place}[{index}]")
        return events

    def event(self, event: Event, place: str) -> None:
        if "progress" in event:
            for name in ("progress", "total"):
                if not _is_number(event.get(name, 0)):
                    self.refuse(f"{place}.{name}", "a number")
            self.text(event.get("message", ""), f"{place}.message")
        elif "notification" in event:
            self.text(event["notification"], f"{place}.notification")
            self.table(event.get("params", {}), f"{place}.params")
        elif "asked" in event:
            self.text(event["asked"], f"{place}.asked")
        else:
            self.refuse(place, "an object with progress, notification or asked")


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


# -- canonical -----------------------------------------------------------------------------------
#
# When two calls are the same call: params in one form, and the comparison that a redaction mark passes.
#
# Pure; knows no file and no server. Numbers are compared by value (1 is 1.0, but not true), objects without
# regard to the order of their keys. NaN and infinities are null, as they are on the wire.

MARK: Final = "[redacted]"
"""Stands where a secret was. In a recording it matches whatever is given in its place."""


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
    """Return JSON for a user: indented, in the characters of its language, safe to show."""
    return safe_block(json.dumps(value, indent=2, ensure_ascii=False), None)


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
