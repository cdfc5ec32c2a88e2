# SPDX-License-Identifier: BSD-3-Clause
"""The contents of a cassette: recordings of servers, written as JSON by `render` and read by `parse`.

The file is not trusted, so `parse` checks the form of every call and event.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic_core import from_json

from ..._util.text import safe_line
from ...errors import CassetteError
from ..callbacks import Event
from .compare import pretty

__all__ = [
    "MAX_DEPTH",
    "MAX_EVENTS",
    "MAX_INTERACTIONS",
    "Interaction",
    "Opening",
    "Recording",
    "is_event",
    "listed_tools",
    "parse",
    "render",
    "text_of",
]


VERSION: Final = 1
"""Version of the file's form; `parse` refuses any other."""

MAX_DEPTH: Final = 150
"""Levels of nesting in one message: the parser stops at 200, and the file itself adds a few levels."""

MAX_INTERACTIONS: Final = 10_000
"""Calls of one server: a notebook's run has dozens, and more cannot be reviewed."""

MAX_EVENTS: Final = 1_000
"""Events of one call, before its result and again after it: more progress is of no use."""

MAX_SERVERS: Final = 100
"""Servers of one notebook, which are far fewer; a bound for files that are not trusted."""

_REMEDY: Final = "Take back a copy that is one, or remove it and record anew."

_OPENINGS: Final = ("initialize", "server/discover")


@dataclass(slots=True)
class Interaction:
    """One request with its result.

    Attributes
    ----------
    method : str
        The MCP method.
    params : dict
        The params in canonical form (see `compare.canonical`).
    events : list of Event
        What arrived before the result, in order.
    result, error : dict or None
        The response: one of the two.
    afterwards : list of Event
        Notifications after the response and before the next call.
    text : str or None
        The JSON of the call in the file, where it is already rendered.
    number : int
        Its position in the order of requests.
    weak : set of str
        Secrets in its params that are searched for in its own response only. Never written.
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
        """Return the call in the form of the file."""
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
    """How a connection was opened.

    Attributes
    ----------
    method : str
        `initialize` or `server/discover`.
    version : str
        The negotiated protocol version.
    result : dict
        The server's result.
    capabilities : dict or None
        The capabilities that the client declared; a server's tools may depend on them. None in files of older
        versions of this package.
    """

    method: str
    version: str
    result: dict[str, Any]
    capabilities: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the opening in the form of the file."""
        declared = {} if self.capabilities is None else {"capabilities": self.capabilities}
        return {"method": self.method, "version": self.version, **declared, "result": self.result}


@dataclass(slots=True)
class Recording:
    """The recorded calls of one server, and how the connection was opened."""

    opening: Opening
    interactions: list[Interaction] = field(default_factory=list)


def listed_tools(recording: Recording) -> list[dict[str, Any]] | None:
    """Return the tools of the first complete `tools/list`, all pages; None when there is no complete one."""
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
    """Return the contents of a file. Calls with a `text` are not rendered again, which would take long."""
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
    """Return the JSON of a call in the file, rendered once."""
    if interaction.text is None:
        interaction.text = " " * 8 + _indented(interaction.to_dict(), 8)
    return interaction.text


def _indented(value: Any, columns: int) -> str:
    return pretty(value).replace("\n", "\n" + " " * columns)  # JSON strings have no raw line ends


# -- from text ---------------------------------------------------------------------------------------------


def parse(content: bytes, shown: str) -> dict[str, Recording]:
    """Return the recordings in a file by the alias of their server.

    Parameters
    ----------
    content : bytes
        The contents of the file.
    shown : str
        The file's name in messages.

    Raises
    ------
    CassetteError
        The file is not a valid cassette; the message has the place in it.
    """
    try:
        value = from_json(content, allow_inf_nan=False)
    except ValueError as exc:
        said = safe_line(str(exc))
        raise CassetteError(f"{shown} is not a valid cassette: {said}. {_REMEDY}") from None
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
    """Whether an event has a form that `parse` accepts."""
    try:
        _Reader("").event(value, "")
    except CassetteError:
        return False
    return True


class _Reader:
    """Checks the parsed JSON of a file and raises `CassetteError` with the place of the first mistake."""

    def __init__(self, shown: str) -> None:
        self._shown = shown

    def refuse(self, place: str, wanted: str) -> None:
        shown = safe_line(place)
        raise CassetteError(f"{self._shown} is not a valid cassette: {shown} must be {wanted}. {_REMEDY}")

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
