# SPDX-License-Identifier: BSD-3-Clause
"""Record the requests of a session: params, events and result of each, without secrets.

Requests that were cancelled or timed out are not recorded, nor is what exceeds the limits. A failure to
record something never fails the request.
"""

from __future__ import annotations

import logging
from bisect import insort
from collections.abc import Callable, Mapping
from dataclasses import replace
from operator import attrgetter
from typing import Any, Final

from ..._util.text import safe_line
from ...engine.connection import ProgressCallback
from ...errors import McpError
from ...protocol.limits import MAX_CASSETTE_BYTES
from ..callbacks import Event
from ..requests import InterceptedRequest
from .compare import canonical, drift, plain
from .recording import (
    MAX_EVENTS,
    MAX_INTERACTIONS,
    Interaction,
    Opening,
    Recording,
    is_event,
    listed_tools,
    text_of,
)
from .redaction import Redactor, TooDeep

__all__ = ["Recorder"]

log = logging.getLogger(__name__)

MAX_BYTES: Final = 3 * MAX_CASSETTE_BYTES // 4
"""Bytes of one server's calls: three quarters of a cassette, to leave room for others."""

_STEP: Final = ("progress", "total", "message")


class _Noted:
    """A progress callback with an `arrived` hook, called for each notification in the order of arrival."""

    def __init__(self, on_progress: ProgressCallback, arrived: Callable[[Mapping[str, Any]], None]) -> None:
        self._on_progress = on_progress
        self.arrived = arrived

    async def __call__(self, progress: float, total: float | None, message: str | None) -> None:
        await self._on_progress(progress, total, message)


class Recorder:
    """Records the requests of one server's connections. Belongs to the event loop of its session.

    Parameters
    ----------
    alias : str
        The server's name.
    opening : Opening
        How the connection was opened, without secrets.
    before : Recording or None
        The earlier recording of this server, whose tools are compared with the new ones.
    redactor : Redactor
        The cassette's redactor.
    kept : function
        Called whenever there is something new to save.
    place : str, optional
        See `go_on`.

    Attributes
    ----------
    recording : Recording
        The recording, which grows with each call.
    drift : list of str
        How the server's tools differ from those recorded before, once they have been listed.
    """

    def __init__(
        self,
        alias: str,
        opening: Opening,
        before: Recording | None,
        redactor: Redactor,
        kept: Callable[[], None],
        place: str | None = None,
    ) -> None:
        self.recording = Recording(opening)
        self.drift: list[str] = []
        self._alias = safe_line(alias)
        self._tools_before = None if before is None else listed_tools(before)
        self._tools: list[dict[str, Any]] | None = None
        self._schemas = {str(tool.get("name")): tool for tool in self._tools_before or []}
        self._is_listed = False
        self._redactor = redactor
        self._generation = redactor.generation
        self._kept = kept
        self._under_way: list[Interaction] = []
        self._early: list[Event] = []  # events before the first call
        self._bytes = self._begun_calls = 0
        self._warned = False
        self._parts: list[tuple[str | None, int]] = [(place, 0)]  # each connection's place and first call

    def go_on(self, opening: Opening, kept: Callable[[], None], place: str | None = None) -> None:
        """Append another connection to the same server.

        Parameters
        ----------
        opening, kept
            Those of the new connection.
        place : str, optional
            An id of the place in the notebook that connects. When that place has connected before (its cell
            is run again), all calls recorded since then are dropped.
        """
        calls = self.recording.interactions
        places = [known for known, _ in self._parts]
        if place is not None and place in places:
            part = places.index(place)
            start = self._parts[part][1]
            del calls[start:], self._parts[part:]
            self._bytes = sum(map(_size_of, calls))
        self._parts.append((place, len(calls)))
        self.recording.opening, self._kept = opening, kept
        self._tools_before, self._is_listed, self.drift = self._tools or self._tools_before, False, []
        self._early = []

    # -- the interceptor -----------------------------------------------------------------------

    async def intercept(self, request: InterceptedRequest) -> dict[str, Any]:
        call = self._begun(request)
        if call is None:
            return await request.send(request.on_progress)
        try:
            result = await request.send(self._progress(call, request.on_progress))
        except McpError as exc:
            self._settle(call, error=exc.to_dict())
            raise
        except BaseException:  # cancelled, timed out or disconnected: there is no response to replay
            self._drop(call)
            raise
        self._settle(call, result=result)
        return result

    def observe(self, event: Event) -> None:
        try:
            kept = self._redacted_event(plain(event))
        except (TypeError, TooDeep) as exc:
            self._warn(f"an event is left out: {exc}")
            return
        calls = self.recording.interactions
        # Notifications do not name a request, so they are kept with the newest call under way.
        if self._under_way:
            self._add(self._under_way[-1].events, kept)
        elif len(calls) == self._start:
            self._add(self._early, kept)
        elif "notification" in kept:
            self._add(calls[-1].afterwards, kept)
            calls[-1].text = None
            self._kept()

    def keep_secret(self, text: str) -> None:
        self._redactor.keep(text)
        self._kept()

    def refresh(self) -> None:
        """Redact the recorded calls again if the redactor has learned secrets since."""
        while self._generation != self._redactor.generation:
            self._generation = self._redactor.generation
            again = self._redactor.again
            opening = self.recording.opening
            self._early = again(self._early)
            self.recording.opening = replace(opening, result=again(opening.result))
            # Calls under way have params already, which may hold a secret that was learned later.
            for call in [*self.recording.interactions, *self._under_way]:
                call.params, call.result, call.error = map(again, (call.params, call.result, call.error))
                call.events, call.afterwards = again(call.events), again(call.afterwards)
                call.text = None

    # -- calls ---------------------------------------------------------------------------------

    @property
    def _start(self) -> int:
        """The index of the current connection's first call."""
        return self._parts[-1][1]

    def _begun(self, request: InterceptedRequest) -> Interaction | None:
        """Return a call that has begun; None when it is not recorded."""
        if len(self.recording.interactions) + len(self._under_way) >= MAX_INTERACTIONS:
            self._warn(f"it has {MAX_INTERACTIONS} calls, and takes no more")
            return None
        try:
            params = canonical(request.method, request.params)
            weak: set[str] = set()
            kept = self._redactor.params(request.method, params, self._schemas, weak)
        except (TypeError, TooDeep) as exc:
            self._warn(f"a call of {safe_line(request.method)} is left out: {exc}")
            return None
        self._begun_calls += 1
        call = Interaction(request.method, kept, number=self._begun_calls, weak=weak)
        call.events, self._early = self._early, []
        self._under_way.append(call)
        return call

    def _progress(self, call: Interaction, on_progress: ProgressCallback | None) -> ProgressCallback | None:
        if on_progress is None:
            return None

        def arrived(params: Mapping[str, Any]) -> None:
            event = {name: params[name] for name in _STEP if params.get(name) is not None}
            try:
                self._add(call.events, self._redactor.value(plain(event), weak=call.weak))
            except (TypeError, TooDeep) as exc:
                self._warn(f"an event is left out: {exc}")

        return _Noted(on_progress, arrived)

    def _settle(
        self, call: Interaction, *, result: dict[str, Any] | None = None, error: dict[str, Any] | None = None
    ) -> None:
        try:
            if result is None:
                call.error = self._redactor.value(plain(error), weak=call.weak)
            else:
                call.result = self._without_secrets(call, plain(result))
        except (TypeError, TooDeep) as exc:
            self._warn(f"the answer to {safe_line(call.method)} is left out: {exc}")
            self._drop(call)
            return
        size = _size_of(call)
        if self._bytes + size > MAX_BYTES:
            self._warn(f"it has {MAX_BYTES} bytes, and takes no more")
            self._drop(call)
            return
        self._bytes += size
        self._under_way.remove(call)
        insort(self.recording.interactions, call, key=attrgetter("number"))
        self._look_at_tools(call)
        self._kept()

    def _without_secrets(self, call: Interaction, result: dict[str, Any]) -> Any:
        if call.method == "tools/list":
            return self._redactor.page(result)
        if call.method == "tools/call":
            tool = self._schemas.get(str(call.params.get("name")), {})
            return self._redactor.result(result, tool, call.weak)
        return self._redactor.value(result, weak=call.weak)

    def _drop(self, call: Interaction) -> None:
        self._under_way.remove(call)
        for event in call.events:
            if "notification" in event:  # it may concern the whole connection
                self.observe(event)

    def _add(self, events: list[Event], event: Event) -> None:
        if len(events) < MAX_EVENTS and is_event(event):
            events.append(event)

    def _redacted_event(self, event: Event) -> Event:
        redactor = self._redactor
        weak = {secret for call in self._under_way for secret in call.weak}
        if "asked" not in event:
            kept = redactor.value(event, weak=weak)
        else:
            kept = {"asked": event["asked"], "params": redactor.page(event["params"], weak=weak)}
            if "refused" in event:
                kept["refused"] = redactor.value(event["refused"], weak=weak)
            else:
                form = event["params"].get("requestedSchema") if isinstance(event["params"], dict) else None
                schema = {"properties": {"content": form}}
                kept["answered"] = redactor.sent(event["answered"], schema)
        assert isinstance(kept, dict)
        return kept

    # -- the tools -----------------------------------------------------------------------------

    def _look_at_tools(self, call: Interaction) -> None:
        """Redact by the schemas of the first complete listing, and compare them with the earlier ones."""
        if self._is_listed or call.method != "tools/list":
            return
        calls = self.recording.interactions[self._start :]
        tools = listed_tools(Recording(self.recording.opening, calls))
        if tools is None:
            return
        self._is_listed, self._tools = True, tools
        self._schemas = {str(tool.get("name")): tool for tool in tools}
        # Calls before the listing were redacted without these schemas, so they are redacted again.
        for earlier in calls:
            earlier.params = self._redactor.params(earlier.method, earlier.params, self._schemas)
            if earlier.method == "tools/call" and earlier.result is not None:
                earlier.result = self._without_secrets(earlier, earlier.result)
            earlier.text = None
        if self._tools_before is not None:
            self.drift = drift(self._tools_before, tools)
            for line in self.drift:
                log.warning("The tools of %s are not those recorded before: %s", self._alias, line)

    def _warn(self, words: str) -> None:
        if not self._warned:
            self._warned = True
            log.warning("The recording of %s is incomplete (logged once): %s.", self._alias, words)


def _size_of(call: Interaction) -> int:
    return len(text_of(call).encode())
