# SPDX-License-Identifier: BSD-3-Clause
"""Answer a session's requests from a recording, in place of a server.

The recorded progress and notifications of a call reach the callbacks again, before the result. The server's
own requests are not repeated, because the recorded results already depend on their answers.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError

from ... import types
from ..._util.text import join_names, safe_line, shorten
from ...engine.channel import Channel, Sink
from ...errors import INVALID_REQUEST, CassetteMiss, ConnectionClosed, McpError
from ...protocol.frames import Message, Notification, Request
from ..callbacks import Event
from ..requests import InterceptedRequest
from ..secrets import MARK
from .compare import canonical, keep_recorded, key_of, matches, pretty
from .recording import Interaction, Recording, listed_tools
from .redaction import Redactor, TooDeep

__all__ = [
    "NoServer",
    "Replayer",
    "callbacks_for",
    "difference",
    "miss",
]


_EMPTY: Final = frozenset({"logging/setLevel", "ping", "resources/subscribe", "resources/unsubscribe"})
"""Methods with an empty result. They succeed even when they were not recorded."""

_LISTEN: Final = "subscriptions/listen"
_DISCOVER: Final = "server/discover"


@dataclass(slots=True)
class _Group:
    """Calls with the same params, in the recorded order."""

    params: dict[str, Any]
    calls: list[Interaction] = field(default_factory=list)
    at: int = 0

    def next(self) -> Interaction:
        """Return the next call; after the last one, the last one again."""
        call = self.calls[min(self.at, len(self.calls) - 1)]
        self.at += 1
        return call

    @property
    def is_spent(self) -> bool:
        return self.at >= len(self.calls)


class Replayer:
    """Answers a session's requests from a recording.

    Parameters
    ----------
    alias : str
        The server's name, for messages.
    recording : Recording
        The recording; not changed.
    redactor : Redactor
        Removes secrets from the params in messages.
    """

    def __init__(self, alias: str, recording: Recording, redactor: Redactor) -> None:
        self._alias = alias
        self._recording = recording
        self._redactor = redactor
        self._groups: dict[str, _Group] = {}
        self._marked: dict[str, list[_Group]] = {}
        for call in recording.interactions:
            params = canonical(call.method, call.params)
            key = key_of(call.method, params)
            if (group := self._groups.get(key)) is None:
                group = self._groups[key] = _Group(params)
                if MARK in pretty(params):
                    self._marked.setdefault(call.method, []).append(group)
            group.calls.append(call)

    async def intercept(self, request: InterceptedRequest) -> dict[str, Any]:
        params = canonical(request.method, request.params)
        call = self._found(request.method, params)
        if call is None:
            return self._without(request.method, params)
        for event in call.events:
            await _play(event, request)
        for event in call.afterwards:
            if "notification" in event:
                request.queue(_notification(event))
        if call.result is None:
            assert call.error is not None
            raise McpError(call.error["code"], call.error["message"], deepcopy(call.error.get("data")))
        return deepcopy(call.result)

    def observe(self, event: Event) -> None:
        """Ignore the event, because the replayer itself has caused it."""

    def keep_secret(self, text: str) -> None:
        """Redact `text` in messages."""
        self._redactor.keep(text)

    def _found(self, method: str, params: Mapping[str, Any]) -> Interaction | None:
        group = self._groups.get(key_of(method, params))
        if group is None:
            # Params with a redaction mark match many calls: use those in turn that are not used up.
            fitting = [each for each in self._marked.get(method, ()) if matches(each.params, params)]
            if not fitting:
                return None
            group = next((each for each in fitting if not each.is_spent), fitting[-1])
        return group.next()

    def _without(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Return the result of a request that was not recorded, where it is known; else raise the miss."""
        if method in _EMPTY:
            return {}
        if method == _LISTEN:
            return {"notifications": params.get("notifications", {})}
        if method == _DISCOVER and self._recording.opening.method == _DISCOVER:
            return deepcopy(self._recording.opening.result)
        raise miss(self._alias, method, self._redacted(method, params), self._recording.interactions)

    def _redacted(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        schemas = {str(tool.get("name")): tool for tool in listed_tools(self._recording) or []}
        try:
            return self._redactor.params(method, params, schemas)
        except TooDeep:
            return {name: value for name, value in params.items() if isinstance(value, str)}


async def _play(event: Event, request: InterceptedRequest) -> None:
    if "progress" in event and request.on_progress is not None:
        await request.on_progress(event["progress"], event.get("total"), event.get("message"))
    elif "notification" in event:
        await request.hand_out(_notification(event))


def _notification(event: Event) -> Notification:
    return Notification(event["notification"], deepcopy(event.get("params", {})))


_GONE: Final = "This is a recording: no server is connected that could answer."


class NoServer(Channel):
    """The channel of a replayed session, which sends nothing."""

    def __init__(self) -> None:
        self._sink: Sink | None = None

    def start(self, sink: Sink) -> None:
        """Remember the sink, which `close` notifies."""
        self._sink = sink

    def send(self, message: Message) -> None:
        """Drop a notification; refuse a request, because it would never get a response.

        Raises
        ------
        ConnectionClosed
            The message is a request.
        """
        if isinstance(message.frame, Request):
            raise ConnectionClosed(_GONE)

    def close(self) -> None:
        """Close the channel."""
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.closed()


# -- misses --------------------------------------------------------------------------------------
#
# The error for a call that is not in the recording shows the most similar recorded call as a diff. These
# functions have no side effects. Their params must already be redacted, because messages show them.

MAX_CANDIDATES: Final = 200
"""Recorded calls to compare: each comparison takes time."""

MAX_COMPARED_CHARS: Final = 2_000
"""Characters of each call to compare: the start is enough to find the most similar one."""

MAX_LINES: Final = 40
"""Lines of a diff, which is shown in a cell's output."""

_REMEDY: Final = "Record anew with MCP_JUPYTER_CASSETTES=record (or %mcp_connect --record)."

_NAMED: Final = {
    "prompts/get": ("name", "prompt"),
    "resources/read": ("uri", "resource"),
    "tools/call": ("name", "tool"),
}


def miss(alias: str, method: str, params: dict[str, Any], recorded: Iterable[Interaction]) -> CassetteMiss:
    """Return the error for a call without a matching recorded call.

    Parameters
    ----------
    alias : str
        The server's name.
    method : str
        The MCP method.
    params : dict
        The params, canonical and redacted.
    recorded : iterable of Interaction
        All recorded calls of this server.
    """
    known = list(recorded)
    server = f"the recording of {safe_line(alias)!r}"
    same = [call for call in known if call.method == method]
    member, kind = _NAMED.get(method, ("", ""))
    asked = safe_line(f"{method} {params.get(member)}" if member else method)
    if not same:
        listed = join_names(sorted({call.method for call in known})) or "no calls"
        return CassetteMiss(f"{asked} is not in {server}, which has {listed}. {_REMEDY}")
    nearest = [call for call in same if not member or call.params.get(member) == params.get(member)]
    if not nearest and kind != "resource":
        listed = join_names(sorted({str(call.params.get(member)) for call in same}))
        return CassetteMiss(
            f"The {kind} {safe_line(str(params.get(member)))!r} was never asked for in "
            f"{server}. Asked for were: {listed}. {_REMEDY}"
        )
    found = _nearest(params, nearest or same)
    return CassetteMiss(
        f"{asked} with these params is not in {server}. The nearest call that is there:\n"
        f"{difference(found.params, params, 'asked')}\n{_REMEDY}"
    )


def _nearest(params: dict[str, Any], calls: Sequence[Interaction]) -> Interaction:
    """Return the call with the most similar params."""
    asked = _short(params)
    matcher = difflib.SequenceMatcher(b=asked, autojunk=True)

    def likeness(call: Interaction) -> float:
        matcher.set_seq1(_short(call.params))
        return matcher.ratio()

    return max(calls[:MAX_CANDIDATES], key=likeness)


def _short(params: dict[str, Any]) -> list[str]:
    # Compare words: comparing characters would take a second for long texts.
    return json.dumps(params, ensure_ascii=False, indent=0)[:MAX_COMPARED_CHARS].split()


def difference(recorded: Any, given: Any, title: str) -> str:
    """Return a diff of two values, in which redacted parts of the recording count as equal.

    Parameters
    ----------
    recorded, given
        The two values.
    title : str
        The heading of `given` in the diff.
    """
    given = keep_recorded(recorded, given)
    lines = list(
        difflib.unified_diff(
            pretty(recorded).splitlines(), pretty(given).splitlines(), "recorded", title, lineterm=""
        )
    )
    shown = [shorten(line) for line in lines]
    if len(shown) > MAX_LINES:
        shown[MAX_LINES:] = [f"... and {len(lines) - MAX_LINES} lines more"]
    return "\n".join(f"  {line}" for line in shown)


# -- capabilities --------------------------------------------------------------------------------
#
# Callbacks with which a client declares the same capabilities as the recorded client; they decline every
# request. A server may offer other tools to a client with elicitation than to one without.

OF_NOTEBOOKS: Final[Mapping[str, Any]] = {"elicitation": {"form": {}, "url": {}}, "sampling": {}}
"""The capabilities of a notebook's clients, for older recordings that do not have them."""


def callbacks_for(capabilities: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return options for a `Client` that make it declare the same capabilities.

    Parameters
    ----------
    capabilities : mapping or None
        The recorded capabilities. None, for a recording without them, means `OF_NOTEBOOKS`.
    """
    declared = OF_NOTEBOOKS if capabilities is None else capabilities
    options: dict[str, Any] = {}
    elicitation = declared.get("elicitation")
    if isinstance(elicitation, dict):
        options["elicitation_callback"] = _decline if "url" in elicitation else _decline_form
    if "sampling" in declared:
        options["sampling_callback"] = _refuse
        with suppress(ValidationError):  # in a file of another program: declare plain sampling
            options["sampling_capabilities"] = types.SamplingCapability.from_wire(declared["sampling"])
    if "roots" in declared:
        options["list_roots_callback"] = _no_roots
    return options


async def _decline(params: types.ElicitRequestParams) -> types.ElicitResult:
    return types.ElicitResult(action="decline")


async def _decline_form(params: types.ElicitRequestFormParams) -> types.ElicitResult:
    return types.ElicitResult(action="decline")


async def _refuse(params: types.CreateMessageRequestParams) -> types.ErrorData:
    return types.ErrorData(code=INVALID_REQUEST, message="Nothing is sampled while a recording is verified.")


async def _no_roots() -> types.ListRootsResult:
    return types.ListRootsResult(roots=[])
