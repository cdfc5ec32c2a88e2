# SPDX-License-Identifier: BSD-3-Clause
"""One request as its handler sees it: who sent it, and the progress and log messages sent in its course.

Belongs to the event loop's thread; the `Context` that functions get crosses threads on top of this. What a
request may ask its client is in `client_requests`.
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

if TYPE_CHECKING:
    from .session import ServerSession
    from .suspended_calls import SuspendedCall

__all__ = ["LOG_LEVELS", "RequestContext", "RequestMeta", "current_request"]

LOG_LEVELS: Final = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
"""In rising order of weight (RFC 5424; spec, server/utilities/logging)."""

MIN_SILENT_SECONDS: Final = 1.0
"""A running call that has just reported progress needs no heartbeat: one message a second is enough."""

MIN_STEP: Final = 1e-9
"""How far a report of ours is above the one before it: less than a function's own steps, so that its next
report is above ours."""

current_request: ContextVar[RequestContext] = ContextVar("current_request")
"""The request that the code at hand works for; set around each handler."""


class RequestMeta(dict[str, Any]):
    """A request's `_meta`: a mapping, with the one member that the first SDK has as an attribute."""

    @property
    def progressToken(self) -> int | str | None:  # noqa: N802 - the wire's name
        """What progress is reported under; None when the caller wants no progress."""
        token = self.get("progressToken")
        return token if type(token) in (int, str) else None


class RequestContext:
    """One request being worked on.

    Attributes
    ----------
    request_id : int or str
    method : str
    call : InboundRequest
        The request as the connection has it. Of a suspended call, that of the latest round.
    began : float
        When work on it began (`time.monotonic`).
    era : Era
        The rules of the version it was made in.
    conversation : ServerSession
        What it came in on.
    lifespan_context : Any
        What the server's lifespan yielded.
    arguments : collection of str
        The names of the arguments that the called tool takes.
    suspended : SuspendedCall or None
        The call that may outlive this request (modern era), which is asked through that.
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
        "conversation",
        "era",
        "lifespan_context",
        "suspended",
    )

    def __init__(
        self,
        call: InboundRequest,
        era: Era,
        conversation: ServerSession,
        lifespan_context: Any,
        level: str | None,
    ) -> None:
        self.call = call
        self.began = monotonic()
        self.arguments: Collection[str] = ()
        self.era = era
        self.conversation = conversation
        self.suspended: SuspendedCall | None = None
        self.lifespan_context = lifespan_context
        self._threshold = LOG_LEVELS.index(level) if level in LOG_LEVELS else None
        self._own_progress: float | None = None  # of the function's own reports
        self._sent_progress: float | None = None  # of all
        self._total: float | None = None
        self._said: str | None = None  # the function's last message
        self._sent_at = -math.inf
        self._token = RequestMeta(call.meta).progressToken

    def rebind(self, other: RequestContext) -> None:
        """Go on as the context of another request: the next round of the same call."""
        self.call, self.began = other.call, other.began
        self.conversation = other.conversation
        self._threshold = other._threshold
        self._own_progress = self._sent_progress = None
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
        """Who sent the request, as far as the transport knows (see `Message`)."""
        return self.call.sender

    @property
    def rights(self) -> Rights:
        """What the sender may use, where only the server knows what a call is for.

        Every right, unless the front knows the sender and has not said which rights it has: then none.
        """
        return self.call.rights or (NO_RIGHT if self.sender else EVERY_RIGHT)

    def delegate(self) -> None:
        """The request is for another tool than its headers say: they have none of that tool's parameters."""
        if self.era.rounds:
            self.call.headers = None

    def check_headers(self, expected: Mapping[str, tuple[str, ...]], arguments: Mapping[str, Any]) -> None:
        """Compare a call's `Mcp-Param-` headers, where the transport has any, with its arguments.

        Parameters
        ----------
        expected : mapping
            What `param_headers` found in the tool's schema.

        Raises
        ------
        ProtocolError
            HEADER_MISMATCH, naming the header (spec 2026-07-28, basic/transports/streamable-http).
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
        """Whether an error that came of a tool is this request's: a JSON-RPC error, no tool result.

        An `McpError` of somebody else's, whom the tool asked in turn, is the tool's.
        """
        if isinstance(error, MissingCapability | UrlElicitationRequired):
            return self.era.is_of_request(error.code)
        return isinstance(error, ProtocolError)

    def close_stream(self) -> None:
        """End the HTTP response of this request before its answer; the client comes back for the rest.

        Only clients of 2025-11-25 can, and only over Streamable HTTP: for others nothing happens.
        """
        if self.call.headers is not None and not self.era.rounds:
            self.call.notify(CLOSE_STREAM, {})

    @property
    def name(self) -> str:
        """The tool or prompt that the request names, or the resource; else the method."""
        name = self.call.params.get("name", self.call.params.get("uri"))
        return name if isinstance(name, str) else self.method

    @property
    def session(self) -> RequestSession:
        """The client as this request sees it, with the SDK's names."""
        return RequestSession(self)

    @property
    def client_capabilities(self) -> Mapping[str, Any]:
        """What the client has declared, as received: in this request, or in its handshake."""
        if self.era.rounds:
            declared = self.call.meta.get(CLIENT_CAPABILITIES)
            return declared if isinstance(declared, dict) else {}
        return self.conversation.client_capabilities

    @property
    def client_info(self) -> Mapping[str, Any]:
        """The client's `clientInfo`, as received: in this request, or in its handshake."""
        if self.era.rounds:
            info = self.call.meta.get(CLIENT_INFO)
            return info if isinstance(info, dict) else {}
        return self.conversation.client_info

    @property
    def profile(self) -> HostProfile:
        """What the client's host does with what it gets."""
        return profile_of(self.client_info)

    @property
    def wants_progress(self) -> bool:
        """Whether the caller asked to hear of progress."""
        return self._token is not None

    def progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """Report progress, when the caller asked for it.

        The number must rise from report to report (spec, basic/utilities/progress): one that does not
        is not sent.
        """
        if self.suspended is not None and message is not None:
            self.suspended.message = message  # for `tasks/get`
        if self._token is None or (self._own_progress is not None and progress <= self._own_progress):
            return
        self._own_progress, self._total = progress, total
        self._said = message or self._said
        last = self._sent_progress
        # A report of ours may stand in between.
        self._send(progress if last is None or progress > last else _above(last), total, message)

    def waiting(self, message: str) -> None:
        """Say why nothing happens yet."""
        self._say(message)

    def running(self, seconds: float, line: str) -> None:
        """Say that the function runs, unless it has just said something itself.

        Parameters
        ----------
        seconds : float
            Since when.
        line : str
            What it printed last; where it is empty, its last message stands in its place.
        """
        if monotonic() - self._sent_at >= MIN_SILENT_SECONDS:
            about = line or shorten(self._said or "")
            self._say(f"running for {seconds:.0f} s" + (f": {about}" if about else ""))

    def _say(self, message: str) -> None:
        """Send our own progress, only just above the last value: the function's next step may be small."""
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
        """Send a log message, when the caller wants messages of this level."""
        if self._threshold is None or LOG_LEVELS.index(level) < self._threshold:
            return
        params = {"level": level, "data": data}
        if logger is not None:
            params["logger"] = logger
        self.call.notify("notifications/message", params)

    @property
    def takes_tasks(self) -> bool:
        """Whether the client takes a handle in place of a result."""
        extensions = self.client_capabilities.get("extensions")
        return bool(self.era.rounds) and isinstance(extensions, Mapping) and TASKS_EXTENSION in extensions

    @property
    def may_become_task(self) -> bool:
        """Whether this request may be answered with a handle: only tool calls may (SEP-2663)."""
        return self.method == "tools/call" and self.takes_tasks

    def require_tasks(self) -> None:
        """Refuse a client that does not take tasks.

        Raises
        ------
        MissingCapability
        """
        if not self.takes_tasks:
            raise self.era.missing_capability({"extensions": {TASKS_EXTENSION: {}}})

    def become_task(self) -> None:
        """Answer the request with a handle now, where the client takes one."""
        if self.suspended is not None and self.may_become_task:
            self.suspended.declare_task()

    @staticmethod
    def requested_level(meta: Mapping[str, Any]) -> str | None:
        """The log level a modern request asks for in its `_meta`; None means: no messages."""
        level = meta.get(LOG_LEVEL)
        return level if isinstance(level, str) else None


def _above(progress: float) -> float:
    return progress + max(MIN_STEP, math.ulp(progress))
