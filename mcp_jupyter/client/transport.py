# SPDX-License-Identifier: BSD-3-Clause
"""The common part of all client transports: a channel with an outbox, received messages, and its end.

A transport yields a pair (read, write), the `halves` of its channel, which `ClientSession` joins again. The
subclasses of `ClientChannel` move the bytes.
"""

from __future__ import annotations

import json
import logging
import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any, Final

import anyio

from .. import types
from .._util.text import MAX_LINE_CHARS, safe_line
from ..engine.channel import Channel, ReadHalf, Sink, WriteHalf, halves, joined
from ..errors import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    PARSE_ERROR,
    ConnectionClosed,
    FrameError,
    McpError,
    TooManyContainers,
)
from ..protocol.frames import ErrorResponse, Frame, Message, RequestId, classify, encode, is_request_id, parse
from ..protocol.headers import HeaderError, mirror_params, param_headers
from ..protocol.limits import MAX_CONTAINERS, MAX_STREAM_BACKLOG, MAX_TOOLS

__all__ = [
    "SESSION_ENDED",
    "ClientChannel",
    "Outbox",
    "ParamHeaders",
    "ReadHalf",
    "WriteHalf",
    "halves",
    "joined",
    "read_invalid_json",
    "seconds",
]


log = logging.getLogger(__name__)

SESSION_ENDED: Final = {"httpStatus": 404, "sessionEnded": True}
"""`data` of the error of a request that was not taken because the server has ended the session."""


def seconds(time: timedelta | float | None) -> float | None:
    """Return a time-out in seconds."""
    return time.total_seconds() if isinstance(time, timedelta) else time


class ClientChannel(Channel):
    """A channel whose messages wait in a bounded outbox until the transport's task sends them.

    Attributes
    ----------
    reason : str
        Why the channel was closed; empty while it is open, or when this side closed it.
    started : anyio.Event
        Set when the session is ready to receive; the transport must not read messages before.
    outbox : Outbox
        The messages to send. It ends when the channel is closed.
    session_ended : anyio.Event
        Set when the transport learns, while no request is open, that the server has ended the session.
    param_headers : ParamHeaders or None
        The arguments to repeat in headers, on a transport that has headers for each message.
    """

    param_headers: ParamHeaders | None = None

    def __init__(self) -> None:
        self.reason = ""
        self.started = anyio.Event()
        self.session_ended = anyio.Event()
        self.outbox = Outbox()
        self._sink: Sink | None = None
        self._closed = False
        self._saw_junk = False

    # -- the session's side --------------------------------------------------------------------

    def start(self, sink: Sink) -> None:
        """Begin to deliver to `sink`."""
        self._sink = sink
        self.started.set()
        if self._closed:
            sink.closed()

    def send(self, message: Message) -> None:
        """Put a message into the outbox."""
        if not self.outbox.is_closed and not self.outbox.put(message):
            self.lost(f"The server does not read: {MAX_STREAM_BACKLOG} messages wait for it.")
        if self.outbox.is_closed:
            raise ConnectionClosed(self.reason or "This connection is closed.")

    def close(self) -> None:
        """Close the channel; messages in the outbox are still sent."""
        self.lost("")

    def tell_secrets(self, listener: Callable[[str], None]) -> None:
        """Call `listener` with each secret that the transport sends or gives to a server, now and later."""

    # -- the transport's side ------------------------------------------------------------------

    def lost(self, reason: str) -> None:
        """Close the channel for a reason that lies with the server. The first reason is kept."""
        if self._closed:
            return
        self._closed = True
        self.reason = reason
        self.outbox.close()
        if self._sink is not None:
            self._sink.closed()

    def deliver(self, frame: Frame, raw: bytes, related: RequestId | None = None) -> None:
        """Give a message to the session."""
        if self._sink is not None and not self._closed:
            self._sink.message(Message(frame, raw, related))

    def receive(self, raw: bytes, related: RequestId | None = None) -> Frame | None:
        """Read one message, give it to the session and return it; None for what is not a message.

        A message with too many lists and objects closes the channel: the request that it answers is unknown,
        and its caller must not wait for ever.
        """
        if self._closed:
            return None
        value = None
        try:
            value = parse(raw)
            frame = classify(value)
        except TooManyContainers:
            self.lost(f"The server sent a message of more than {MAX_CONTAINERS:,} lists and objects.")
            return None
        except FrameError as exc:
            if exc.code == PARSE_ERROR:
                value, exc = read_invalid_json(raw, exc)
            return self._malformed(raw, value, exc)
        self.deliver(frame, raw, related)
        return frame

    def _malformed(self, raw: bytes, value: object, error: FrameError) -> Frame | None:
        """Report a malformed message: a request to the server that sent it, a response to the caller."""
        if error.request_id is None or self._sink is None:
            self._junk(raw)
            return None
        if isinstance(value, dict) and "method" in value:
            self._sink.fault(error)
            return None
        if error.code == INVALID_REQUEST and isinstance(value, dict) and value.get("error") is not None:
            shown = safe_line(str(value["error"]))
            return self.fail(
                error.request_id, McpError(INTERNAL_ERROR, f"The server's error is malformed: {shown}")
            )
        return self.fail(error.request_id, error)

    def fail(self, request_id: RequestId, error: McpError) -> ErrorResponse:
        """Give the session an error as the response to one of its requests."""
        answer = ErrorResponse(request_id, error.to_dict())
        self.deliver(answer, encode(answer))
        return answer

    def _junk(self, raw: bytes) -> None:
        # Logged once for each channel: a server that prints to its standard output does it all the time.
        if raw.strip() and not self._saw_junk:
            self._saw_junk = True
            log.warning(
                "The server sent something that is not a message (logged once): %s",
                ascii(raw[:MAX_LINE_CHARS]),
            )


# -- invalid json --------------------------------------------------------------------------------
#
# Find the id of a message that is not valid JSON, so that the caller gets an error instead of a time-out.
#
# Lenient serialisers of servers write NaN and control characters. Of such a message only the id is used, and
# whether it is a request.

_ID: Final = rb'\s{0,9}"id"\s{0,9}:\s{0,9}(\d{1,18}|"[^"\\]{1,128}")\s{0,9}'
_VERSION: Final = rb'\s{0,9}"jsonrpc"\s{0,9}:\s{0,9}"2.0"\s{0,9}'
_AT_START: Final = re.compile(rb"\s{0,9}\{" + _VERSION + rb"," + _ID + rb',\s{0,9}"(?:result|error)"')
_AT_END: Final = re.compile(rb"," + _ID + rb"(?:," + _VERSION + rb")?\}\s{0,9}\Z")
"""A response's id before or after the part that cannot be read."""

END_BYTES: Final = 400
"""Bytes at the beginning and at the end of a message in which the id is searched for."""


def read_invalid_json(raw: bytes, error: FrameError) -> tuple[Any, FrameError]:
    """Read a text that is not valid JSON as far as possible.

    Parameters
    ----------
    error : FrameError
        The error of the strict parser.

    Returns
    -------
    value
        The message as a lenient parser reads it; None if that fails too.
    error : FrameError
        The error, with the id of the message if it was found.
    """
    constants: set[str] = set()
    value = None
    try:
        text = raw.decode("utf-8", "replace")
        value = json.loads(text, strict=False, parse_constant=constants.add)
    except (ValueError, RecursionError):
        return None, FrameError(PARSE_ERROR, error.message, _id_in(raw))
    if constants:
        named = " and ".join(sorted(constants))
        error = FrameError(PARSE_ERROR, f"The message is not valid JSON: it contains {named}.")
    id_ = value.get("id") if isinstance(value, dict) else None
    return value, FrameError(PARSE_ERROR, error.message, id_ if is_request_id(id_) else None)


def _id_in(raw: bytes) -> int | str | None:
    found = _AT_START.match(raw[:END_BYTES]) or _AT_END.search(raw[-END_BYTES:])
    id_ = None if found is None else json.loads(found[1])
    return id_ if is_request_id(id_) else None


# -- outbox --------------------------------------------------------------------------------------
#
# A bounded queue with one reader. An anyio memory stream does the same at several times the cost, and every
# call goes through this queue.


class Outbox:
    """Messages for a transport's sending task, which iterates over the outbox until it ends.

    All methods must be called in the event loop's thread.

    Attributes
    ----------
    is_closed : bool
        Whether the outbox takes no more messages.
    """

    def __init__(self) -> None:
        self._waiting: deque[Message] = deque()
        self._changed = anyio.Event()
        self.is_closed = False

    def put(self, message: Message) -> bool:
        """Add a message; return False if the outbox is full, with `MAX_STREAM_BACKLOG` messages."""
        if len(self._waiting) >= MAX_STREAM_BACKLOG:
            return False
        self._waiting.append(message)
        self._changed.set()
        return True

    def close(self) -> None:
        """Take no more messages; those in the outbox are still sent. Idempotent."""
        self.is_closed = True
        self._changed.set()

    def __aiter__(self) -> Outbox:
        return self

    async def __anext__(self) -> Message:
        while not self._waiting:
            if self.is_closed:
                raise StopAsyncIteration
            self._changed = anyio.Event()
            await self._changed.wait()
        return self._waiting.popleft()


# -- param headers -------------------------------------------------------------------------------
#
# Which arguments of which tools a client repeats in headers, learned from the tools that a server lists. A
# tool with malformed annotations is left out of the list. `protocol.headers` has the format of annotations
# and values. Only Streamable HTTP of 2026-07-28 has such headers.
#
# Source: spec 2026-07-28, basic/transports/streamable-http, "Custom Headers from Tool Parameters".


class ParamHeaders:
    """The annotations of one server's tools."""

    def __init__(self) -> None:
        self._tools: dict[str, dict[str, tuple[str, ...]]] = {}

    def learn(self, tools: Iterable[types.Tool]) -> list[types.Tool]:
        """Keep the annotations of `tools`, and return the tools with valid ones. The others are logged."""
        usable = []
        for tool in tools:
            self._tools.pop(tool.name, None)
            try:
                annotations = param_headers(tool.inputSchema)
            except HeaderError as exc:
                name, wrong = (
                    safe_line(tool.name),
                    safe_line(str(exc)),
                )
                log.warning("The tool %r is left out: %s.", name, wrong)
                continue
            usable.append(tool)
            if annotations:
                self._tools[tool.name] = annotations
                if len(self._tools) > MAX_TOOLS:
                    del self._tools[next(iter(self._tools))]
        return usable

    def annotations_of(self, tool: str) -> Mapping[str, tuple[str, ...]]:
        """Return the argument's path by the header's name after `Mcp-Param-`; empty for an unknown tool."""
        return self._tools.get(tool, {})

    def headers_for(self, tool: str, raw: bytes) -> dict[str, str]:
        """Return the `Mcp-Param-*` headers of a call.

        Parameters
        ----------
        tool : str
            The tool's name.
        raw : bytes
            The request as JSON; before that, arguments may still be models.

        Raises
        ------
        HeaderError
            An argument has a value that no header can carry.
        """
        annotations = self.annotations_of(tool)
        if not annotations:
            return {}
        arguments: Any = parse(raw)["params"].get("arguments", {})
        return mirror_params(annotations, arguments)
