# SPDX-License-Identifier: BSD-3-Clause
"""The context of one request: its sender and client, and the progress and log messages sent during it.

A `RequestContext` belongs to the event loop's thread; the `Context` that functions get wraps it and may be
used on any thread. Requests to the client are left to `client_requests`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from contextvars import ContextVar
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from .._util.text import shorten
from ..engine.connection import InboundRequest
from ..errors import HEADER_MISMATCH, MissingCapability, ProtocolError, UrlElicitationRequired
from ..protocol.eras import CLIENT_CAPABILITIES, CLIENT_INFO, LOG_LEVEL, TASKS_EXTENSION, Era
from ..protocol.headers import HeaderError, check_params
from ..protocol.methods import CLOSE_STREAM
from ..protocol.rights import EVERY_RIGHT, NO_RIGHT, Rights
from .client_requests import RequestSession
from .host_profiles import HostProfile, profile_of
from .oversight import Record, no_journal

if TYPE_CHECKING:
    from .session import ServerSession
    from .suspended_calls import SuspendedCall

__all__ = ["LOG_LEVELS", "RequestContext", "RequestMeta", "current_request"]

LOG_LEVELS: Final = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
"""Log levels, from the least to the most severe (RFC 5424; spec, server/utilities/logging)."""

MIN_SILENT_SECONDS: Final = 1.0
"""Seconds after a report of progress in which no heartbeat is sent: one message a second is enough."""

MIN_STEP: Final = 1e-9
"""By how much a heartbeat raises the progress value. It is smaller than a function's own steps, so that the
function's next report is above the heartbeat."""

current_request: ContextVar[RequestContext] = ContextVar("current_request")
"""The request that the current task works for; set before each handler runs."""


class RequestMeta(dict[str, Any]):
    """A request's `_meta`: a mapping with `progressToken` as an attribute, as in the first SDK."""

    @property
    def progressToken(self) -> int | str | None:  # noqa: N802 - the wire's name
        """The token for progress notifications; None if the caller wants no progress."""
        token = self.get("progressToken")
        return token if type(token) in (int, str) else None


class RequestContext:
    """One request that is being handled.

    Attributes
    ----------
    request_id : int or str
    method : str
    call : InboundRequest
        The request as the connection has it; of a suspended call, the request of the latest round.
    began : float
        When handling began (`time.monotonic`, seconds).
    era : Era
        The rules of the request's protocol version.
    server_session : ServerSession
        The session that the request arrived on.
    lifespan_context : Any
        What the server's lifespan yielded.
    arguments : collection of str
        The names of the arguments that the called tool takes.
    suspended : SuspendedCall or None
        The call that may outlive this request (modern era); it carries the questions to the client.
    record : Record
        Where the journal notes what becomes of the request.
    """

    __slots__ = (
        "_own_progress",
        "_said",
        "_sent_at",
        "_sent_progress",
        "_threshold",
        "_token",
        "_total",
        "arguments",
        "began",
        "call",
        "era",
        "lifespan_context",
        "record",
        "server_session",
        "suspended",
    )

    def __init__(
        self,
        call: InboundRequest,
        era: Era,
        server_session: ServerSession,
        lifespan_context: Any,
        level: str | None,
    ) -> None:
        self.call = call
        self.began = monotonic()
        self.arguments: Collection[str] = ()
        self.era = era
        self.server_session = server_session
        self.suspended: SuspendedCall | None = None
        self.record: Record = no_journal()
        self.lifespan_context = lifespan_context
        self._threshold = LOG_LEVELS.index(level) if level in LOG_LEVELS else None
        self._own_progress: float | None = None  # of the function's last report
        self._sent_progress: float | None = None  # of the last message, heartbeats included
        self._total: float | None = None
        self._said: str | None = None  # the function's last message
        self._sent_at = -math.inf
        self._token = RequestMeta(call.meta).progressToken

    def rebind(self, other: RequestContext) -> None:
        """Switch to another request: the next round of the same call."""
        self.call, self.began = other.call, other.began
        self.server_session = other.server_session
        self._threshold = other._threshold
        self._own_progress = self._sent_progress = None  # the values of a new token may begin anew
        self._token = other._token

    @property
    def request_id(self) -> int | str:
        """The request's id."""
        return self.call.id

    @property
    def method(self) -> str:
        """The request's method."""
        return self.call.method

    @property
    def meta(self) -> RequestMeta:
        """The request's `_meta`."""
        return RequestMeta(self.call.meta)

    @property
    def sender(self) -> str:
        """The sender of the request (see `Message`); empty if the channel has only one sender."""
        return self.call.sender

    @property
    def label(self) -> str:
        """The sender's name for people; empty for a program of the user's own."""
        return self.call.label

    @property
    def rights(self) -> Rights:
        """What the sender may use; needed for calls such as `use_tool`, which the front cannot check.

        Every right if the sender is unknown; no right if the front names a sender without its rights.
        """
        return self.call.rights or (NO_RIGHT if self.sender else EVERY_RIGHT)

    def delegate(self) -> None:
        """Drop the headers: the call is for an inner tool, and they have only the outer tool's parameters."""
        if self.era.rounds:
            self.call.headers = None

    def check_headers(self, expected: Mapping[str, tuple[str, ...]], arguments: Mapping[str, Any]) -> None:
        """Compare a call's `Mcp-Param-` headers with its arguments, if the transport has headers.

        Parameters
        ----------
        expected : mapping
            The result of `param_headers` for the tool's schema.

        Raises
        ------
        ProtocolError
            HEADER_MISMATCH; the message names the header (spec 2026-07-28, basic/transports/streamable-http).
        """
        given = self.call.headers
        if given is None or not self.era.rounds:
            return
        try:
            check_params(
                expected, arguments, lambda name: [text for key, text in given if key == name.lower()]
            )
        except HeaderError as exc:
            raise ProtocolError(HEADER_MISMATCH, f"{exc}.") from None

    def is_own(self, error: Exception) -> bool:
        """Whether an error that a tool raised answers the request as a JSON-RPC error.

        All others become results with `isError`, also an `McpError` that the tool got from another server.
        """
        if isinstance(error, MissingCapability | UrlElicitationRequired):
            return self.era.is_of_request(error.code)
        return isinstance(error, ProtocolError)

    def close_stream(self) -> None:
        """End the HTTP response of this request early; the client reconnects for the result.

        Only clients of 2025-11-25 over Streamable HTTP can do this; for all others nothing happens.
        """
        if self.call.headers is not None and not self.era.rounds:
            self.call.notify(CLOSE_STREAM, {})

    @property
    def name(self) -> str:
        """The name of the request's tool or prompt, or the URI of its resource; else its method."""
        name = self.call.params.get("name", self.call.params.get("uri"))
        return name if isinstance(name, str) else self.method

    @property
    def session(self) -> RequestSession:
        """The client as this request sees it, with the method names of the first SDK."""
        return RequestSession(self)

    @property
    def client_capabilities(self) -> Mapping[str, Any]:
        """The capabilities that the client declared, as received: in this request, or in `initialize`."""
        if self.era.rounds:
            declared = self.call.meta.get(CLIENT_CAPABILITIES)
            return declared if isinstance(declared, dict) else {}
        return self.server_session.client_capabilities

    @property
    def client_info(self) -> Mapping[str, Any]:
        """The client's `clientInfo`, as received: in this request, or in `initialize`."""
        if self.era.rounds:
            info = self.call.meta.get(CLIENT_INFO)
            return info if isinstance(info, dict) else {}
        return self.server_session.client_info

    @property
    def profile(self) -> HostProfile:
        """What the client's host hands to its model."""
        return profile_of(self.client_info)

    @property
    def wants_progress(self) -> bool:
        """Whether the caller asked for progress notifications."""
        return self._token is not None

    def progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """Report progress, if the caller asked for it.

        Values must rise from report to report (spec, basic/utilities/progress): one that does not rise is
        dropped.
        """
        if self.suspended is not None and message is not None:
            self.suspended.message = message  # for `tasks/get`
        if self._token is None or (self._own_progress is not None and progress <= self._own_progress):
            return
        self._own_progress, self._total = progress, total
        self._said = message or self._said
        last = self._sent_progress
        # A heartbeat since then may have reached the same value.
        self._send(progress if last is None or progress > last else _above(last), total, message)

    def waiting(self, message: str) -> None:
        """Report what the call is waiting for."""
        self._say(message)

    def running(self, seconds: float, line: str) -> None:
        """Send a heartbeat, unless another progress message was sent within the last second.

        Parameters
        ----------
        seconds : float
            For how long the function has been running.
        line : str
            The last line that it printed; if empty, the message of its last report is sent instead.
        """
        if monotonic() - self._sent_at >= MIN_SILENT_SECONDS:
            about = line or shorten(self._said or "")
            self._say(f"running for {seconds:.0f} s" + (f": {about}" if about else ""))

    def _say(self, message: str) -> None:
        """Send a message with a value just above the last one: the function's next step may be small."""
        if self.suspended is not None:
            self.suspended.message = message
        if self._token is not None:
            self._send(_above(self._sent_progress or 0.0), self._total, message)

    def _send(self, progress: float, total: float | None, message: str | None) -> None:
        self._sent_progress, self._sent_at = progress, monotonic()
        params: dict[str, Any] = {"progressToken": self._token, "progress": progress}
        if total is not None:
            params["total"] = total
        if message is not None:
            params["message"] = message
        self.call.notify("notifications/progress", params)

    def log(self, level: str, data: Any, logger: str | None = None) -> None:
        """Send a log message, if the caller wants messages of this level."""
        if self._threshold is None or LOG_LEVELS.index(level) < self._threshold:
            return
        params = {"level": level, "data": data}
        if logger is not None:
            params["logger"] = logger
        self.call.notify("notifications/message", params)

    @property
    def takes_tasks(self) -> bool:
        """Whether the client accepts a task handle instead of a result (it declares the tasks extension)."""
        extensions = self.client_capabilities.get("extensions")
        return bool(self.era.rounds) and isinstance(extensions, Mapping) and TASKS_EXTENSION in extensions

    @property
    def may_become_task(self) -> bool:
        """Whether this request may be answered with a handle: only tool calls may (SEP-2663)."""
        return self.method == "tools/call" and self.takes_tasks

    def require_tasks(self) -> None:
        """Refuse a client that has not declared the tasks extension.

        Raises
        ------
        MissingCapability
            The client has not declared it.
        """
        if not self.takes_tasks:
            raise self.era.missing_capability({"extensions": {TASKS_EXTENSION: {}}})

    def become_task(self) -> None:
        """Answer the request with a task handle now, if the client accepts one; else do nothing."""
        if self.suspended is not None and self.may_become_task:
            self.suspended.declare_task()

    @staticmethod
    def requested_level(meta: Mapping[str, Any]) -> str | None:
        """Return the log level that a modern request asks for in its `_meta`; None: it wants no messages."""
        level = meta.get(LOG_LEVEL)
        return level if isinstance(level, str) else None


def _above(progress: float) -> float:
    return progress + max(MIN_STEP, math.ulp(progress))
