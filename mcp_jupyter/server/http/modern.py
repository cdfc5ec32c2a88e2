# SPDX-License-Identifier: BSD-3-Clause
"""Recognise and check HTTP requests of the modern era, and collect the answer of each.

The functions do no I/O. `ModernExchange` is the sink of the channel that one request borrows; the modern
era has no sessions.

Source: spec 2026-07-28, basic/transports/streamable-http ("Request Metadata", "Sending Messages").
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from ...errors import HEADER_MISMATCH, INTERNAL_ERROR, INVALID_PARAMS, BacklogFull, FrameError, McpError
from ...protocol import headers
from ...protocol.eras import (
    CLIENT_CAPABILITIES,
    PROTOCOL_VERSION,
    SUBSCRIPTION_ID,
    Era,
    is_modern,
    modern_era,
)
from ...protocol.frames import ErrorResponse, Frame, Headers, Message, Notification, Request, Response
from ...protocol.headers import GetAll, HeaderError
from ...protocol.methods import LEGACY_VERSIONS
from .admission import Principal
from .response_stream import Exchange

__all__ = ["ModernExchange", "check_request", "is_modern_version", "param_values", "speaks_modern"]

_PARAM_PREFIX: Final = headers.PARAM_PREFIX.lower()
_ROUTING: Final = (headers.PROTOCOL_VERSION, headers.METHOD, headers.NAME)


def is_modern_version(versions: Sequence[str]) -> bool:
    """Tell whether an `Mcp-Protocol-Version` header puts a request into the modern era.

    Unknown versions do so too: the modern era has an error that lists the supported versions.
    """
    return any(version not in LEGACY_VERSIONS for version in versions)


def speaks_modern(frame: Frame, versions: Sequence[str]) -> bool:
    """Tell whether a POST belongs to the modern era: by its body where that decides, else by its header.

    A legacy `initialize` is legacy with any header: a client that falls back may keep its header.
    """
    if isinstance(frame, Request | Notification):
        if is_modern(frame.method, frame.params):
            return True
        if frame.method == "initialize":
            return False
    return is_modern_version(versions)


def check_request(request: Request, get_all: GetAll) -> Era:
    """Check a request's `_meta` and headers, in the specification's order, and return its era.

    Raises
    ------
    McpError
        HEADER_MISMATCH, INVALID_PARAMS or UNSUPPORTED_PROTOCOL_VERSION: the first rule that it breaks.
    """
    for name in _ROUTING:
        if len(get_all(name)) > 1:
            raise McpError(HEADER_MISMATCH, f"{name} header is given more than once.")
    meta = request.params.get("_meta")
    meta = meta if isinstance(meta, dict) else {}
    for key, kind in ((PROTOCOL_VERSION, str), (CLIENT_CAPABILITIES, dict)):
        if not isinstance(meta.get(key), kind):
            raise McpError(INVALID_PARAMS, f"params._meta must have {key!r}, a JSON {_JSON_NAMES[kind]}.")
    try:
        headers.check_routing(get_all, request.method, request.params)
    except HeaderError as exc:
        raise McpError(HEADER_MISMATCH, f"{exc}.") from None
    return modern_era(request.params)


def param_values(method: str, given: Iterable[tuple[str, str]]) -> Headers | None:
    """Return the `Mcp-Param-` headers of a `tools/call`, for the server to compare with the arguments.

    They are not checked here, because the tool's schema says which headers a call needs, and only the server
    has that schema at the moment of the call. A table of the schemas seen in `tools/list` would be empty for
    a client that lists from its cache, and outdated once a cell has redefined the tool.
    """
    if method != "tools/call":
        return None
    return tuple((name.lower(), value) for name, value in given if name.lower().startswith(_PARAM_PREFIX))


_JSON_NAMES: Final[dict[type, str]] = {str: "string", dict: "object"}


class ModernExchange(Exchange):
    """The response stream of one request on a borrowed channel; messages of other requests are dropped.

    Parameters
    ----------
    request : Request
        The one request.
    principal : Principal
        Its sender.

    Attributes
    ----------
    answered : bool
        The server answered, so another request may use the channel.
    """

    def __init__(self, request: Request, principal: Principal) -> None:
        super().__init__()
        self.answered = False
        self.request = request
        self.principal = principal

    def fail(self, message: str) -> None:
        """Answer with an error in place of the server."""
        if not self.ended:
            error = McpError(INTERNAL_ERROR, message).to_dict()
            self._queue.append(Message.of(ErrorResponse(self.request.id, error)))
            self.end()

    def stop(self, message: str) -> None:
        """End the request for the server: a subscription with its final result, others with an error.

        Source: spec 2026-07-28, basic/utilities/subscriptions, on teardown by the server.
        """
        if self.request.method == "subscriptions/listen" and not self.ended:
            result = {"resultType": "complete", "_meta": {SUBSCRIPTION_ID: self.request.id}}
            self._queue.append(Message.of(Response(self.request.id, result)))
            self.end()
        else:
            self.fail(message)

    # -- the channel's sink ------------------------------------------------------------------------

    def message(self, message: Message) -> None:
        """Queue the response and the notifications of the request; drop all other messages."""
        frame = message.frame
        try:
            if isinstance(frame, Response | ErrorResponse):
                if frame.id == self.request.id:
                    self.answered = True
                    self.answer(self.principal.filter(self.request, message))
            elif isinstance(frame, Notification) and message.related == self.request.id:
                self.put(message)
        except BacklogFull as exc:
            self.fail(exc.args[0])

    def fault(self, error: FrameError) -> None:
        """Answer with an error: the server sent an invalid message."""
        self.fail("The server sent an invalid message.")

    def closed(self) -> None:
        """Answer with an error: the channel closed before the response."""
        self.fail("The server went away before it answered.")
